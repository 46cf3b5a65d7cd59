//! Being found again: start, reuse, races, stale sockets, and what the shells make of the output.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::new_without_default)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod background;
mod foreground;
mod forwarded;
mod links;
#[cfg(target_os = "linux")]
mod manager;
mod modes;
#[cfg(target_os = "linux")]
mod notices;
#[cfg(target_os = "linux")]
mod own;
mod owners;
mod places;
#[cfg(target_os = "linux")]
mod programs;
mod quoting;
mod races;
mod reuse;
mod shells;
mod sockets;
#[cfg(target_os = "linux")]
mod surroundings;
#[cfg(target_os = "linux")]
mod turned;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Scratch, myagent, run};

/// The agents of one place of a test's own, ended with the test.
pub struct Place {
    pub scratch: Scratch,
    pub socket: PathBuf,
}

impl Place {
    /// A place that is also the first of the usual ones, so that calls without `MYAGENT_SOCK` look there first.
    pub fn new() -> Self {
        let scratch = Scratch::new();
        support::private_dir(&scratch.path("run/myagent"));
        Self { socket: scratch.path("run/myagent/agent.sock"), scratch }
    }

    /// A place of another name, with a lock of its own beside it.
    pub fn named(name: &str) -> Self {
        let scratch = Scratch::new();
        Self { socket: scratch.path("run").join(name), scratch }
    }

    pub fn myagent(&self, args: &[&str]) -> Command {
        let mut command = self.scratch.command(myagent());
        command.args(args).env("MYAGENT_SOCK", &self.socket);
        command
    }

    /// Starts the agent, which must be new, and gives its pid.
    pub fn start(&self) -> u32 {
        let (status, out, err) = run(&mut self.myagent(&["start"]));
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        pid_in(&out).unwrap_or_else(|| panic!("no agent was started: {out}"))
    }

    pub fn status(&self) -> serde_json::Value {
        let (_, out, err) = run(&mut self.myagent(&["status", "--json"]));
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"))
    }

    /// The lock of an agent at the usual places.
    pub fn shared_lock(&self) -> PathBuf {
        let machine = myagent::platform::paths::machine();
        self.scratch.home().join(format!(".ssh/agent/myagent.{machine}.lock"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whatever a failed test left behind, found by its answer and not by its name.
        let _ = self.myagent(&["stop"]).output();
    }
}

/// The value of `SSH_AGENT_PID` in the output of `start`.
pub fn pid_in(out: &str) -> Option<u32> {
    out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next()?.parse().ok())
}

/// The plain value of `SSH_AUTH_SOCK` in the output of `start`.
pub fn socket_in(out: &str) -> Option<&Path> {
    out.lines().find_map(|line| line.strip_prefix("SSH_AUTH_SOCK=")?.split(';').next()).map(Path::new)
}

pub use support::lives;

pub fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// Stops a process, and returns when each of its threads has stopped: on a busy machine some run on for a moment.
pub fn stop(pid: u32) {
    signal(pid, nix::sys::signal::Signal::SIGSTOP);
    support::wait_until("it is stopped", || support::is_stopped(pid));
}

/// A connection to the agent.
pub fn sockets_client(socket: &Path) -> std::os::unix::net::UnixStream {
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    stream
}

/// Whether the list of keys is answered there.
pub fn answers(stream: &mut std::os::unix::net::UnixStream) -> bool {
    use std::io::{Read, Write};
    let mut answer = [0; 9];
    stream.write_all(&[0, 0, 0, 1, 11]).and_then(|()| stream.read_exact(&mut answer)).is_ok()
        && answer[4] == 12
}
