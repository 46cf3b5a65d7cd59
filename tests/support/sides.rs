//! The two agents that are compared: OpenSSH's own, and the program under test.
//!
//! With `MYAGENT_TEST_AGENT=openssh` in the environment OpenSSH's agent stands on both sides: so the tests
//! themselves are tested, without the program.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(missing_docs, unreachable_pub)]

use crate::support::{Agent, Scratch, run};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Openssh,
    Ours,
}

impl Side {
    /// The program under test, or what stands in for it.
    pub fn ours() -> Self {
        match std::env::var("MYAGENT_TEST_AGENT").as_deref() {
            Err(_) | Ok("myagent") => Self::Ours,
            Ok("openssh") => Self::Openssh,
            Ok(other) => panic!("MYAGENT_TEST_AGENT={other}: neither openssh nor myagent"),
        }
    }

    /// Starts an agent of this kind; its stderr goes to `agent.log`.
    pub fn start(self, scratch: &Scratch) -> Agent {
        match self {
            Self::Ours => Agent::myagent(scratch),
            Self::Openssh => {
                let socket = scratch.path("run/agent.sock");
                let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
                let mut command = scratch.command("ssh-agent");
                command.arg("-D").arg("-a").arg(&socket).stderr(log);
                Agent::spawn(command, socket)
            }
        }
    }
}

/// What OpenSSH's tools say their version is: (9, 2).
pub fn openssh_version(scratch: &Scratch) -> (u32, u32) {
    let (_, _, text) = run(scratch.command("ssh").arg("-V"));
    let number = text.strip_prefix("OpenSSH_").and_then(|rest| rest.split(['p', ',', ' ']).next());
    let (major, minor) = number.and_then(|number| number.split_once('.')).expect("OpenSSH's version");
    (major.parse().unwrap(), minor.parse().unwrap())
}
