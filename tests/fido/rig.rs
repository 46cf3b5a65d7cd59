//! An agent with a helper of the test's choice, and keys as raw messages.

use crate::client::SK_DUMMY;
use crate::support::{Agent, PATIENCE, Scratch, own_myagent, run, wait_until};
use crate::wire::{self, Body, Conn};
use crate::wire_keys::Key;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// OpenSSH's, where Debian has it.
pub const HELPER: &str = "/usr/lib/openssh/ssh-sk-helper";

/// Both kinds of keys, as ssh-keygen names them.
pub const KINDS: [&str; 2] = ["ed25519-sk", "ecdsa-sk"];

/// The token must be touched.
pub const TOUCH: u8 = 1;

pub struct Rig {
    pub agent: Agent,
    pub scratch: Scratch,
}

impl Rig {
    /// An agent that allows providers in the scratch directory, and has the real helper.
    pub fn new() -> Self {
        Self::with_helper(Path::new(HELPER))
    }

    /// The same with a shell script for a helper. `$DIR` is the scratch directory.
    pub fn with_script(script: &str) -> Self {
        let scratch = Scratch::new();
        let file = write_helper(&scratch, "helper", script);
        Self::start(scratch, &file, &[])
    }

    /// The same, and a script for what asks and tells a person.
    pub fn with_person(script: &str, askpass: &str) -> Self {
        let scratch = Scratch::new();
        let file = write_helper(&scratch, "helper", script);
        let askpass = write_helper(&scratch, "askpass", askpass).display().to_string();
        Self::start(scratch, &file, &[("DISPLAY", ":4242"), ("SSH_ASKPASS", &askpass)])
    }

    pub fn with_helper(helper: &Path) -> Self {
        Self::start(Scratch::new(), helper, &[])
    }

    pub fn start(scratch: Scratch, helper: &Path, variables: &[(&str, &str)]) -> Self {
        let socket = scratch.path("run/agent.sock");
        let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
        let mut command = scratch.command(own_myagent(&scratch));
        let allowed = format!("{}/allowed/*", scratch.path("").canonicalize().unwrap().display());
        command.args([
            "start",
            "--foreground",
            "--log",
            "debug",
            "--trust-own-binary",
            "--providers",
            &allowed,
        ]);
        command.env("MYAGENT_SOCK", &socket).env("SSH_SK_HELPER", helper).stderr(log);
        command.envs(variables.iter().copied());
        std::fs::create_dir(scratch.path("allowed")).unwrap();
        let agent = Agent::spawn(command, socket);
        Self { agent, scratch }
    }

    pub fn conn(&self) -> Conn {
        Conn::open(&self.agent.socket).unwrap()
    }

    /// The dummy token's library, in a place from which it may be loaded.
    pub fn dummy(&self) -> PathBuf {
        let copy = self.scratch.path("allowed/sk-dummy.so");
        if !copy.exists() {
            std::fs::copy(SK_DUMMY, &copy).unwrap();
        }
        copy.canonicalize().unwrap()
    }

    /// A fresh key of the dummy token's, for this application.
    pub fn key(&self, name: &str, kind: &str, application: &str) -> Key {
        let file = self.scratch.path(name);
        let application = format!("application={application}");
        let mut keygen = self.scratch.command("ssh-keygen");
        keygen.args(["-q", "-N", "", "-C", name, "-t", kind, "-O", &application, "-f"]).arg(&file);
        let (status, out, errors) = run(keygen.env("SSH_SK_PROVIDER", SK_DUMMY));
        assert_eq!(status, 0, "{out}{errors}");
        Key::read(&file)
    }

    /// Adds a key of the dummy token's.
    pub fn add(&self, key: &Key) {
        let provider = provider(self.dummy().to_str().unwrap().as_bytes());
        self.conn().expect(&wire::add_constrained(&key.private, b"key", &[&provider]), wire::SUCCESS);
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.scratch.path("agent.log")).unwrap()).into_owned()
    }

    /// Asserts that the signature is refused, with this reason in the log.
    #[track_caller]
    pub fn refuses(&self, blob: &[u8], data: &[u8], reason: &str) {
        self.conn().expect(&wire::sign(blob, data, 0), wire::FAILURE);
        self.says(reason);
    }

    /// Waits until this is in the log, which is written a moment later.
    #[track_caller]
    pub fn says(&self, words: &str) {
        wait_until(&format!("the log says {words:?}"), || self.log().contains(words));
    }
}

impl Drop for Rig {
    /// The agent ends what it has started only where it ends by itself.
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.agent.pid().try_into().unwrap()), Signal::SIGTERM);
        let end = Instant::now() + PATIENCE;
        while matches!(self.agent.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        if std::thread::panicking() {
            crate::client::print_end("agent", &self.log());
        }
    }
}

/// The constraint that names the provider.
pub fn provider(name: &[u8]) -> Vec<u8> {
    wire::constraint_extension(b"sk-provider@openssh.com", &Body::default().string(name).0)
}

/// A key of no token's: public and private form.
pub fn made_up(application: &str) -> Key {
    let kind = b"sk-ssh-ed25519@openssh.com";
    let blob = Body::default().string(kind).string(&[7; 32]).string(application.as_bytes());
    let private = blob.clone().u8(TOUCH).string(b"a key handle that no token has made").string(b"");
    Key { blob: blob.0, private: private.0 }
}

/// A script that can be run at once: another process writes it, so that no test's child has it open for writing.
pub fn write_helper(scratch: &Scratch, name: &str, script: &str) -> PathBuf {
    let path = scratch.path(name);
    let mut install = scratch.command("install");
    let mut install =
        install.args(["-m", "700", "/dev/stdin"]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
    let text = format!("#!/bin/sh\nDIR='{}'\n{script}\n", scratch.path("").display());
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success(), "cannot write {}", path.display());
    path
}

/// Whether the process has ended, be it that its parent has not looked yet.
pub fn is_gone(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}
