//! By the name `ssh-agent`: OpenSSH's command line, output, statuses and places, beside Debian's own where that has them.
#![cfg(target_os = "linux")] // what is left behind is looked for in /proc
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::new_without_default)]

#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod activation;
mod claims;
mod commands;
mod endings;
mod parity;
mod places;
mod process;
mod stale;
mod starts;

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::process::Command;
use support::{Scratch, myagent, run, wait_until};

/// A user of a machine where this program is installed as ssh-agent.
pub struct Caller {
    pub scratch: Scratch,
}

impl Caller {
    pub fn new() -> Self {
        let scratch = Scratch::new();
        support::private_dir(&scratch.path("bin"));
        std::os::unix::fs::symlink(myagent(), scratch.path("bin/ssh-agent")).unwrap();
        // Orphans come to the test, which can then ask for their status.
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        Self { scratch }
    }

    /// A call of ours.
    pub fn agent(&self, arguments: &[&str]) -> Command {
        let mut command = self.scratch.command(self.scratch.path("bin/ssh-agent"));
        command.args(arguments);
        command
    }

    /// Starts an agent in the background, and gives its socket and pid.
    pub fn start(&self, arguments: &[&str]) -> Started {
        let (status, out, err) = run(&mut self.agent(arguments));
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        Started::read(&out)
    }

    /// Everything in the directories that an agent might use, but for those of OpenSSH's own.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut left: Vec<_> = ["home", "run", "tmp"].iter().map(|name| self.scratch.path(name)).collect();
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path.clone());
                }
                if path != self.scratch.path("home/.ssh") && path != self.scratch.path("home/.ssh/agent") {
                    found.push(path);
                }
            }
        }
        found
    }

    /// The processes with something of this caller's in their arguments, as its ssh-agent has by its name.
    pub fn processes(&self) -> Vec<u32> {
        let ours = self.scratch.path("").to_str().unwrap().to_owned();
        let numbers = std::fs::read_dir("/proc").unwrap();
        let pids = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let line = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        pids.filter(|pid| String::from_utf8_lossy(&line(pid)).contains(&ours)).collect()
    }

    /// Nothing of any agent is left, neither a file nor a process.
    pub fn nothing_is_left(&self) {
        wait_until("every agent has ended", || self.processes().is_empty());
        assert_eq!(self.files(), Vec::<PathBuf>::new());
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = nix::sys::signal::kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL);
        }
    }
}

/// An agent in the background.
pub struct Started {
    pub socket: PathBuf,
    pub pid: u32,
}

impl Started {
    pub fn read(out: &str) -> Self {
        let value = |name: &str| {
            let line = out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.and_then(|line| line.split(';').next())
                .unwrap_or_else(|| panic!("no {name}: {out}"))
                .to_owned()
        };
        Self { socket: value("SSH_AUTH_SOCK").into(), pid: value("SSH_AGENT_PID").parse().unwrap() }
    }

    pub fn signal(&self, signal: Signal) {
        self::signal(self.pid, signal);
    }

    /// Its exit status, once it has ended by itself.
    pub fn ends(&self) -> i32 {
        status_of_orphan(self.pid)
    }

    pub fn conn(&self) -> wire::Conn {
        wire::Conn::open(&self.socket).expect("the agent takes connections")
    }

    pub fn ssh_add(&self, scratch: &Scratch, arguments: &[&str]) -> (i32, String, String) {
        run(scratch.command("ssh-add").args(arguments).env("SSH_AUTH_SOCK", &self.socket))
    }
}

pub fn signal(pid: u32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// The status of a process whose parent has ended.
pub fn status_of_orphan(pid: u32) -> i32 {
    let pid = Pid::from_raw(pid.try_into().unwrap());
    let mut status = None;
    wait_until("it has ended", || {
        status = match waitpid(pid, Some(nix::sys::wait::WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => Some(status),
            Ok(WaitStatus::Signaled(..)) => Some(-1),
            // Until its parent has ended it is that one's.
            _ => None,
        };
        status.is_some()
    });
    status.unwrap()
}

/// Whether a process is there and no zombie.
pub fn lives(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}
