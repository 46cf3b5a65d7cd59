//! The agent of a test, and what the system knows of its process.

use crate::keys::Key;
use crate::sides::Side;
use crate::support::{Agent, Scratch, wait_until};
use crate::wire::{self, Conn, SUCCESS};
use myagent::control::{self, Op, Reply};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;

/// An agent with its directory, and one key of its own that is there when a test begins.
pub(crate) struct Subject {
    pub(crate) agent: Agent,
    pub(crate) key: Key,
    pub(crate) scratch: Scratch,
}

impl Subject {
    pub(crate) fn new() -> Self {
        Self::start(|scratch| Side::ours().start(scratch))
    }

    pub(crate) fn start(agent: impl FnOnce(&Scratch) -> Agent) -> Self {
        allow_many_descriptors();
        let scratch = Scratch::new();
        let key = Key::generate(&scratch, "mine", &["ed25519"]);
        let agent = agent(&scratch);
        let subject = Self { agent, key, scratch };
        subject.conn().expect(&wire::add(&subject.key.private, b"mine"), SUCCESS);
        subject
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.agent.socket).expect("the agent takes a connection")
    }

    /// The agent is there, has its key, and signs with it.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        let mut conn = self.conn();
        assert_eq!(conn.comments(), ["mine"]);
        wire::signature(&conn.ask(&wire::sign(&self.key.blob, b"data", 0)).expect("an answer"));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.agent.pid().try_into().unwrap()), signal).unwrap();
    }

    /// The status with which the agent ends; -1 when a signal ended it.
    pub(crate) fn ends(&mut self) -> i32 {
        let mut status = None;
        wait_until("the agent has ended", || {
            status = self.agent.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// How many connections the agent has open, by its own count: a plain user may not look at its
    /// descriptors. OpenSSH's agent cannot be asked.
    pub(crate) fn connections(&self) -> usize {
        if Side::ours() == Side::Openssh {
            return std::fs::read_dir(format!("/proc/{}/fd", self.agent.pid())).unwrap().count();
        }
        self.status().connections
    }

    fn status(&self) -> control::Status {
        match control::ask(&self.agent.socket.with_file_name("control.sock"), Op::Status).unwrap() {
            Reply::Status(status) => status,
            other => panic!("no status: {other:?}"),
        }
    }

    /// The last few refusals, as the user reads them.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.status().refusals
    }

    /// Processor time so far, in hundredths of a second, as ps(1) writes it: `1:02.34`.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn ticks(&self) -> u64 {
        let said = crate::support::ps(self.agent.pid(), "time");
        let (minutes, seconds) = said.rsplit_once(':').unwrap();
        minutes.parse::<u64>().unwrap() * 6000 + seconds.replace('.', "").parse::<u64>().unwrap()
    }

    /// Resident memory in KiB.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn resident(&self) -> u64 {
        crate::support::ps(self.agent.pid(), "rss").parse().unwrap()
    }

    /// Processor time so far, in clock ticks.
    #[cfg(target_os = "linux")]
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.agent.pid())).unwrap();
        // After the name in parentheses come state and eleven more, then user and system time.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Resident memory in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.agent.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Several tests at once, each with hundreds of connections, pass the usual limit of 1024.
fn allow_many_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(16_384), hard).unwrap();
}

/// Whether OpenSSH's agent stands in for ours, and so cannot pass a test, for the reason given.
pub(crate) fn stand_in_cannot(reason: &str) -> bool {
    let stands_in = Side::ours() == Side::Openssh;
    if stands_in {
        let _ = writeln!(std::io::stderr(), "not for OpenSSH's agent: {reason}");
    }
    stands_in
}
