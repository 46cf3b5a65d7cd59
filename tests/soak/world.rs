//! Two agents: one that is used and abused, and one that is locked, whose password is guessed.

use crate::figures::Figures;
use crate::hsm::{self, SOFTHSM, command, succeed};
use crate::keys::{Key, base64_decode, data};
use crate::support::{Agent, PATIENCE, Scratch, own_myagent, wait_until};
use crate::targets::{ASKED, LOCKED, Targets};
use crate::wire::{self, CONFIRM, Conn, SUCCESS};
use myagent::control::{Connection, Op, Reply, Status};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::PathBuf;

/// OpenSSH's, where Debian has it.
const HELPER: &str = "/usr/lib/openssh/ssh-sk-helper";
const SK_DUMMY: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/// The usual limit on descriptors, which the abusers pass.
const LIMIT: &str = "1024";

/// So long comments, and so many keys with one, make a list that is just not too long for OpenSSH's clients.
const LONG_COMMENT: usize = 48_000;
const LONG_ONES: usize = 4;

/// Answers by the key that it is asked about; what it is only told it shows until it is ended.
const PERSON: &str = "#!/bin/sh
case \"$1\" in
*says-yes*) exit 0;;
*says-no*) exit 1;;
*) exec sleep 1000;;
esac
";

pub(crate) const PASSWORD: &[u8] = b"the owner's";

pub(crate) struct World {
    pub(crate) open: Agent,
    pub(crate) locked: Agent,
    pub(crate) targets: Targets,
    pub(crate) sk: Key,
    /// On the PKCS#11 token: its public half.
    pub(crate) token: Vec<u8>,
    /// The list as it is when the guest is not there.
    comments: Vec<String>,
    pub(crate) scratch: Scratch,
    locked_scratch: Scratch,
}

impl World {
    pub(crate) fn new() -> Self {
        allow_many_descriptors();
        let (scratch, locked_scratch) = (hsm::small_token(), Scratch::new());
        let (open, locked) = (start(&scratch), start(&locked_scratch));
        for (name, kind) in [("rsa", &["rsa", "-b", "2048"][..]), ("p256", &["ecdsa"])] {
            Key::generate(&scratch, name, kind);
        }
        for name in ["ed25519", "host", "guest"].iter().chain(&ASKED) {
            Key::generate(&scratch, name, &["ed25519"]);
        }
        std::os::unix::fs::symlink(&locked.socket, scratch.path(LOCKED)).unwrap();
        let mut world = Self {
            targets: Targets::read(&scratch.path("")),
            sk: token_key(&scratch),
            token: Vec::new(),
            comments: Vec::new(),
            open,
            locked,
            scratch,
            locked_scratch,
        };
        world.fill();
        world
    }

    fn fill(&mut self) {
        let provider = PathBuf::from(SOFTHSM).canonicalize().unwrap();
        let add = ["-q", "-s", provider.to_str().unwrap()];
        succeed(&mut hsm::ssh_add(&self.scratch, &self.open, hsm::PIN, &add));
        let line = hsm::list(&self.scratch, &self.open).remove(0);
        self.token = base64_decode(line.split(' ').nth(1).unwrap());
        let mut conn = self.conn();
        let targets = &self.targets;
        let Targets { ed25519, rsa, p256, host, .. } = targets;
        for (key, comment) in [(ed25519, "ed25519"), (rsa, "rsa"), (p256, "p256"), (host, "host")] {
            conn.expect(&wire::add(&key.private, comment.as_bytes()), SUCCESS);
        }
        for (key, comment) in targets.asked.iter().zip(ASKED) {
            conn.expect(&wire::add_constrained(&key.private, comment.as_bytes(), &[CONFIRM]), SUCCESS);
        }
        let dummy = self.scratch.path("allowed/sk-dummy.so").canonicalize().unwrap();
        let named = wire::Body::default().string(dummy.to_str().unwrap().as_bytes()).0;
        let provider = wire::constraint_extension(b"sk-provider@openssh.com", &named);
        conn.expect(&wire::add_constrained(&self.sk.private, b"sk", &[&provider]), SUCCESS);
        for number in 0..LONG_ONES {
            let key = Key::generate(&self.scratch, &format!("long{number}"), &["ed25519"]);
            conn.expect(&wire::add(&key.private, &[b'x'; LONG_COMMENT]), SUCCESS);
        }
        self.comments = conn.comments();
        let mut conn = Conn::open(&self.locked.socket).unwrap();
        conn.expect(&wire::add(&targets.ed25519.private, b"ed25519"), SUCCESS);
        conn.expect(&wire::lock(PASSWORD), SUCCESS);
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.open.socket).expect("the agent takes a connection")
    }

    /// What the host's key says to have a connection bound to a session and forwarded.
    pub(crate) fn bind(&self) -> Vec<u8> {
        let session = [7; 32];
        let signed = self.conn().ask(&wire::sign(&self.targets.host.blob, &session, 0)).expect("an answer");
        wire::session_bind(&self.targets.host.blob, &session, &wire::signature(&signed), true)
    }

    /// With the patience of every good client here: the program's own is for a machine that has no other work.
    pub(crate) fn status(&self) -> Result<Status, String> {
        let ask = || {
            let mut conn = Connection::open(&self.open.socket.with_file_name("control.sock"))?;
            conn.set_patience(PATIENCE)?;
            conn.ask(Op::Status)
        };
        match ask() {
            Ok(Reply::Status(status)) => Ok(status),
            other => Err(format!("no status: {other:?}")),
        }
    }

    /// Every key is there and signs, those on tokens included.
    pub(crate) fn is_as_before(&self) {
        let mut conn = self.conn();
        assert_eq!(conn.comments(), self.comments, "the keys are not those of the start");
        let Targets { ed25519, rsa, p256, host, asked, .. } = &self.targets;
        let all = [ed25519, rsa, p256, &self.sk, host, &asked[0]].map(|key| &key.blob);
        for blob in all.into_iter().chain([&self.token]) {
            wire::signature(&conn.ask(&wire::sign(blob, &data(), 4)).expect("an answer"));
        }
        assert_eq!(self.status().expect("a status").pid, self.open.pid());
    }

    /// Without its keys the agent has no process beside it, and no more descriptors than at first.
    pub(crate) fn everything_ends(&self, figures: &Figures) {
        self.conn().expect(&[wire::REMOVE_ALL], SUCCESS);
        wait_until("everything that was started is gone", || figures.children_are_gone());
        wait_until("the descriptors are back", || figures.descriptors_are_back());
    }
}

/// A key of the dummy token's, whose library is put where it may be loaded.
fn token_key(scratch: &Scratch) -> Key {
    std::fs::copy(SK_DUMMY, scratch.path("allowed/sk-dummy.so")).unwrap();
    let file = scratch.path("sk");
    let mut keygen = scratch.command("ssh-keygen");
    keygen.args(["-q", "-N", "", "-C", "sk", "-t", "ed25519-sk", "-f"]).arg(&file);
    succeed(keygen.env("SSH_SK_PROVIDER", SK_DUMMY));
    Key::read(&file)
}

/// An agent with the usual limit, that can be restarted, ask a person and use tokens.
fn start(scratch: &Scratch) -> Agent {
    std::fs::create_dir(scratch.path("allowed")).unwrap();
    std::fs::write(scratch.path("person.new"), PERSON).unwrap();
    succeed(scratch.command("install").args(["-m", "700", "person.new", "person"]));
    let (socket, program) = (scratch.path("run/agent.sock"), own_myagent(scratch));
    let providers = format!("/usr/lib*/*,{}/allowed/*", scratch.path("").canonicalize().unwrap().display());
    let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
    let mut start = command(scratch, "sh");
    start.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", LIMIT]).arg(program);
    start.args(["start", "--foreground", "--log", "error", "--trust-own-binary", "--providers", &providers]);
    start.env("MYAGENT_SOCK", &socket).env("SSH_SK_HELPER", HELPER);
    start.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("person")).stderr(log);
    Agent::spawn(start, socket)
}

pub(crate) fn allow_many_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(16_384), hard).unwrap();
}

impl Drop for World {
    /// In an orderly way, which ends what the agents have started, too.
    fn drop(&mut self) {
        for agent in [&mut self.open, &mut self.locked] {
            let pid = nix::unistd::Pid::from_raw(agent.pid().try_into().unwrap());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let end = std::time::Instant::now() + PATIENCE;
            while matches!(agent.child.try_wait(), Ok(None)) && std::time::Instant::now() < end {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        if std::thread::panicking() {
            for scratch in [&self.scratch, &self.locked_scratch] {
                let log = std::fs::read(scratch.path("agent.log")).unwrap_or_default();
                let tail = &log[log.len().saturating_sub(4000)..];
                let _ = std::io::Write::write_all(&mut std::io::stderr(), tail);
            }
        }
    }
}
