//! SoftHSM with a directory of its own, an agent that may load it, and a provider that stands before it and does what
//! a file says.

use crate::support::{Agent, Scratch, own_myagent, run, wait_until};
use crate::wire::Conn;
use myagent::control::{self, Op, Reply, Status};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's.
pub(crate) const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A PIN that is found again in memory: at least two pieces of the scanner's.
pub(crate) const PIN: &str = "7351-a-pin-that-is-long-enough-to-be-found-again-24680";

/// Every kind that the tokens and the agent share: pkcs11-tool's name, and the label.
pub(crate) const KINDS: [(&str, &str); 5] = [
    ("rsa:2048", "rsa"),
    ("EC:prime256v1", "p256"),
    ("EC:secp384r1", "p384"),
    ("EC:secp521r1", "p521"),
    ("EC:edwards25519", "ed25519"),
];

pub(crate) struct Rig {
    pub(crate) agent: Agent,
    pub(crate) scratch: Scratch,
}

/// A directory of tokens.
pub(crate) fn tokens() -> Scratch {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("tokens")).unwrap();
    let settings = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        scratch.path("tokens").display()
    );
    std::fs::write(scratch.path("softhsm.conf"), settings).unwrap();
    let askpass = "#!/bin/sh\nprintf '%s\\n' \"$TEST_PIN\"\n";
    std::fs::write(scratch.path("askpass"), askpass).unwrap();
    succeed(scratch.command("chmod").arg("755").arg(scratch.path("askpass")));
    scratch
}

pub(crate) fn succeed(command: &mut Command) -> String {
    let (status, out, error) = run(command);
    assert_eq!(status, 0, "{command:?}: {out}{error}");
    out
}

/// A command that sees the tokens.
pub(crate) fn command(scratch: &Scratch, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = scratch.command(program);
    command.env("SOFTHSM2_CONF", scratch.path("softhsm.conf"));
    command
}

pub(crate) fn make_token(scratch: &Scratch, label: &str, pin: &str) {
    let mut make = command(scratch, "softhsm2-util");
    succeed(make.args(["--init-token", "--free", "--so-pin", "0000", "--label", label, "--pin", pin]));
}

/// pkcs11-tool, logged in to a token.
pub(crate) fn tool(scratch: &Scratch, token: &str, pin: &str) -> Command {
    let mut tool = command(scratch, "pkcs11-tool");
    tool.args(["--module", SOFTHSM, "--token-label", token, "--login", "--pin", pin]);
    tool
}

pub(crate) fn make_key(scratch: &Scratch, token: &str, pin: &str, (kind, label): (&str, &str), id: &str) {
    let mut make = tool(scratch, token, pin);
    succeed(make.args(["--keypairgen", "--key-type", kind, "--label", label, "--id", id]));
}

/// A token with a key of every kind.
pub(crate) fn full_token() -> Scratch {
    let scratch = tokens();
    make_token(&scratch, "one", PIN);
    for (number, kind) in KINDS.into_iter().enumerate() {
        make_key(&scratch, "one", PIN, kind, &format!("0{number}"));
    }
    scratch
}

/// A token with one key, which is quick to make.
pub(crate) fn small_token() -> Scratch {
    let scratch = tokens();
    make_token(&scratch, "one", PIN);
    make_key(&scratch, "one", PIN, KINDS[1], "01");
    scratch
}

impl Rig {
    /// An agent that may load what lies in the scratch directory, too, and be restarted. It can ask nobody.
    pub(crate) fn new(scratch: Scratch) -> Self {
        Self::with(scratch, |_| ())
    }

    /// With a person who says what is in a file.
    pub(crate) fn with_person(scratch: Scratch, says: &str) -> Self {
        let script = "#!/bin/sh\nprintf '%s\\n' \"$1\" >>\"${0%/*}/asked\"; cat \"${0%/*}/said\"\n";
        let person = scratch.path("person");
        std::fs::write(scratch.path("person.new"), script).unwrap();
        succeed(scratch.command("install").args(["-m", "700", "person.new"]).arg(&person));
        std::fs::write(scratch.path("said"), says).unwrap();
        Self::with(scratch, |start| {
            start.env("DISPLAY", ":4242").env("SSH_ASKPASS", person);
        })
    }

    pub(crate) fn with(scratch: Scratch, environment: impl FnOnce(&mut Command)) -> Self {
        let (socket, program) = (scratch.path("run/agent.sock"), own_myagent(&scratch));
        let real = scratch.path("").canonicalize().unwrap();
        let providers = format!("/usr/lib*/*,{}/allowed/*", real.display());
        std::fs::create_dir_all(scratch.path("allowed")).unwrap();
        let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
        let mut start = command(&scratch, &program);
        start.args(["start", "--foreground", "--log", "trace", "--trust-own-binary", "--providers"]);
        start.arg(providers).env("MYAGENT_SOCK", &socket).stderr(log);
        environment(&mut start);
        Self { agent: Agent::spawn(start, socket), scratch }
    }

    pub(crate) fn ssh_add(&self, pin: &str, arguments: &[&str]) -> Command {
        ssh_add(&self.scratch, &self.agent, pin, arguments)
    }

    /// Adds a provider; whether the agent did.
    pub(crate) fn add(&self, provider: &str, pin: &str) -> bool {
        run(&mut self.ssh_add(pin, &["-q", "-s", provider])).0 == 0
    }

    /// The keys' lines, as `ssh-add -L` prints them.
    pub(crate) fn list(&self) -> Vec<String> {
        list(&self.scratch, &self.agent)
    }

    /// OpenSSH's client has the key sign, and verifies the signature itself.
    pub(crate) fn signs(&self, line: &str) -> bool {
        let name = format!("key{}.pub", line.len());
        std::fs::write(self.scratch.path(&name), format!("{line}\n")).unwrap();
        run(&mut self.ssh_add("", &["-T", &name])).0 == 0
    }

    pub(crate) fn connect(&self) -> Conn {
        Conn::open(&self.agent.socket).unwrap()
    }

    /// The answer to one message on a connection of its own.
    pub(crate) fn ask(&self, message: &[u8]) -> Vec<u8> {
        self.connect().ask(message).unwrap()
    }

    pub(crate) fn status(&self) -> Status {
        let control = self.agent.socket.with_file_name("control.sock");
        match control::ask(&control, Op::Status).unwrap() {
            Reply::Status(status) => status,
            other => panic!("no status: {other:?}"),
        }
    }

    /// Whether the last refusals name this.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.status().refusals.iter().any(|refusal| refusal.contains(words))
    }

    pub(crate) fn refusals(&self) -> Vec<String> {
        self.status().refusals
    }

    /// The processes of providers: the agent's children, as the kernel has them.
    pub(crate) fn processes(&self) -> Vec<u32> {
        children(self.agent.pid())
    }

    /// What the person was asked.
    pub(crate) fn asked(&self) -> String {
        std::fs::read_to_string(self.scratch.path("asked")).unwrap_or_default()
    }

    pub(crate) fn restart(&self) {
        let mut restart = command(&self.scratch, self.scratch.path("myagent"));
        succeed(restart.arg("restart").env("MYAGENT_SOCK", &self.agent.socket));
    }

    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.scratch.path("agent.log")).unwrap()
    }
}

pub(crate) fn ssh_add(scratch: &Scratch, agent: &Agent, pin: &str, arguments: &[&str]) -> Command {
    let mut add = command(scratch, "ssh-add");
    add.args(arguments).env("SSH_AUTH_SOCK", &agent.socket).env("SSH_ASKPASS", scratch.path("askpass"));
    add.env("SSH_ASKPASS_REQUIRE", "force").env("TEST_PIN", pin);
    add
}

pub(crate) fn list(scratch: &Scratch, agent: &Agent) -> Vec<String> {
    let (status, out, _) = run(&mut ssh_add(scratch, agent, "", &["-L"]));
    if status == 0 { out.lines().map(str::to_owned).collect() } else { Vec::new() }
}

/// Living children of a process, zombies included.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap().split(' ');
        fields.nth(1).is_some_and(|found| found == parent.to_string())
    })
    .collect()
}

pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

/// A library before SoftHSM's that does what its file says.
pub(crate) struct Shim {
    pub(crate) library: PathBuf,
    mode: PathBuf,
}

impl Shim {
    pub(crate) fn new(scratch: &Scratch, mode: &str) -> Self {
        std::fs::create_dir_all(scratch.path("allowed")).unwrap();
        let shim = Self { library: scratch.path("allowed/shim.so"), mode: scratch.path("mode") };
        shim.set(mode);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/token/shim.c");
        let mut compile = scratch.command("gcc");
        compile.args(["-shared", "-fPIC", "-o"]).arg(&shim.library).arg(source);
        compile.arg(format!("-DMODE=\"{}\"", shim.mode.display())).arg(format!("-DREAL=\"{SOFTHSM}\""));
        succeed(&mut compile);
        shim
    }

    /// Written aside and put in place: the other side reads all or nothing.
    pub(crate) fn set(&self, mode: &str) {
        let aside = self.mode.with_extension("new");
        std::fs::write(&aside, mode).unwrap();
        std::fs::rename(aside, &self.mode).unwrap();
    }

    /// Waits until the provider has come to where it does its worst.
    pub(crate) fn reached(&self) {
        let mark = self.mode.with_file_name("mode.reached");
        wait_until("the provider is there", || mark.exists());
        let _ = std::fs::remove_file(mark);
    }

    pub(crate) fn path(&self) -> &str {
        self.library.to_str().unwrap()
    }
}
