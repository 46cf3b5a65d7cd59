//! An agent that was started from a program of its own, which a restart looks for again.

use crate::support::{Scratch, myagent, private_dir, run, wait_until};
use crate::wire::Conn;
use myagent::control::{self, Op, Reply, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How the agent runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Forked by `start`.
    Daemon,
    /// In the foreground, without a terminal.
    Service,
}

pub(crate) const WAYS: [Way; 2] = [Way::Daemon, Way::Service];

/// The agent ends with it.
pub(crate) struct Rig {
    pub(crate) scratch: Scratch,
    pub(crate) socket: PathBuf,
    pub(crate) pid: u32,
    /// The service's process; a daemon is nobody's child.
    pub(crate) child: Option<Child>,
}

/// A copy of the program in the scratch directory: the agent's own user's, who may replace it.
pub(crate) fn install(scratch: &Scratch) -> PathBuf {
    private_dir(&scratch.path("bin"));
    let program = scratch.path("bin/myagent");
    copy(scratch, &myagent(), &program);
    program
}

/// Copies a program by another one: a descriptor of ours that writes it could be in a child of another test's, and
/// what somebody writes cannot be run.
fn copy(scratch: &Scratch, from: &Path, to: &Path) {
    let (status, _, error) = run(scratch.command("cp").arg(from).arg(to));
    assert_eq!(status, 0, "{error}");
}

impl Rig {
    pub(crate) fn new(way: Way) -> Self {
        Self::with(way, &["--trust-own-binary"], "true")
    }

    /// With options of `start`, after a shell has done `before`.
    pub(crate) fn with(way: Way, options: &[&str], before: &str) -> Self {
        let scratch = Scratch::new();
        let program = install(&scratch);
        let mut command = scratch.command("setsid");
        command.args(["sh", "-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(&program).arg("start");
        let socket = scratch.path("run/agent.sock");
        command.args(options).env("MYAGENT_SOCK", &socket);
        if way == Way::Daemon {
            let (status, out, error) = run(command.args(["--shell", "sh"]));
            assert_eq!(status, 0, "{error}");
            let pid = out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next());
            return Self { pid: pid.expect("a pid").parse().unwrap(), scratch, socket, child: None };
        }
        let log = std::fs::File::create(scratch.path("run/service.log")).unwrap();
        command.arg("--foreground").stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap();
        let mut rig = Self { pid: child.id(), scratch, socket, child: Some(child) };
        wait_until("the agent listens", || {
            assert!(rig.child.as_mut().unwrap().try_wait().unwrap().is_none(), "it ended: {}", rig.logged());
            Conn::open(&rig.socket).is_ok()
        });
        rig
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.scratch.path("bin/myagent")
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.socket.with_file_name("control.sock")
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.socket).expect("the agent takes a connection")
    }

    /// Where the agent's log is.
    pub(crate) fn log(&self) -> PathBuf {
        self.scratch.path(if self.child.is_some() { "run/service.log" } else { "run/agent.log" })
    }

    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits until this is in the log.
    pub(crate) fn wait_logged(&self, words: &str) {
        wait_until(&format!("{words:?} is logged"), || self.logged().contains(words));
    }

    pub(crate) fn myagent(&self, command: &str) -> Command {
        command_at(&self.scratch, &self.socket, command)
    }

    pub(crate) fn restart(&self) -> (i32, String, String) {
        run(&mut self.myagent("restart"))
    }

    /// Restarts, which must succeed.
    #[track_caller]
    pub(crate) fn restarted(&self) {
        let (status, out, error) = self.restart();
        assert_eq!((status, error.as_str()), (0, ""), "{out}{}", self.logged());
        assert!(out.starts_with("restarted: "), "{out}");
    }

    pub(crate) fn status(&self) -> Status {
        match control::ask(&self.control(), Op::Status) {
            Ok(Reply::Status(status)) => status,
            other => panic!("no status: {other:?}: {}", self.logged()),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid.try_into().unwrap()), signal).unwrap();
    }

    /// SIGHUP, and the wait for what follows.
    pub(crate) fn hang_up(&self) {
        let before = self.status().handovers;
        self.signal(Signal::SIGHUP);
        wait_until(
            "it has restarted",
            || matches!(control::ask(&self.control(), Op::Status), Ok(Reply::Status(status)) if status.handovers > before),
        );
    }

    /// Puts another program into the place of the agent's: at once, as a package manager does.
    pub(crate) fn replace_program(&self, by: &Path) {
        let new = self.scratch.path("bin/new");
        copy(&self.scratch, by, &new);
        std::fs::rename(&new, self.program()).unwrap();
    }

    /// Whether the process is there and no zombie.
    pub(crate) fn lives(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    }

    /// The status of a service that ends by itself; -1 after a signal.
    pub(crate) fn ends(&mut self) -> i32 {
        crate::support::status_of(self.child.as_mut().expect("a service"))
    }

    /// Nothing is left where the sockets were, and the lock is free.
    #[track_caller]
    pub(crate) fn left_nothing(&self) {
        assert!(!self.socket.exists() && !self.control().exists(), "a socket stays: {}", self.logged());
        let lock = self.scratch.path("run/agent.sock.lock");
        // A program that was being tried out ends a moment after the agent.
        wait_until("nobody holds the lock", || {
            self.scratch.command("flock").arg("-n").arg(&lock).arg("true").status().unwrap().success()
        });
    }
}

pub(crate) fn command_at(scratch: &Scratch, socket: &Path, command: &str) -> Command {
    let mut call = scratch.command(myagent());
    call.arg(command).env("MYAGENT_SOCK", socket);
    call
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        } else if self.lives() {
            let _ = kill(Pid::from_raw(self.pid.try_into().unwrap()), Signal::SIGKILL);
        }
    }
}
