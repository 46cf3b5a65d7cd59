//! What the agent's process does to close itself before it reads the first byte.
//!
//! Guarantees that every measure is tried and reported, and that none that fails keeps the agent from starting.
//! Must run in the agent's own process only, after all forks and before any thread: a program run under an agent keeps
//! its caller's limits, umask, privileges and system calls.
#![forbid(unsafe_code)]

use std::fmt::Display;

use crate::control::{Measure, State, measure};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

/// The measure that keeps other processes of the user out.
#[cfg(target_os = "linux")]
pub(super) const CLOSED: &str = "not dumpable";
#[cfg(not(target_os = "linux"))]
pub(super) const CLOSED: &str = "not traceable";
/// The measure that is taken once in a process' life.
const SYSTEM_CALLS: &str = "system calls";

/// Applies every measure to this process, which has just become an agent.
#[must_use]
pub fn harden() -> Vec<Measure> {
    let mut measures = harden_again();
    measures.push(refuse_calls());
    measures
}

/// Does what starts a program. Nothing that closes this process stands in its way.
pub fn reopened<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Applies every measure that does not come down from the program which has run this one.
#[must_use]
pub fn harden_again() -> Vec<Measure> {
    let mut measures = Vec::new();
    #[cfg(target_os = "linux")]
    {
        use nix::sys::prctl;
        let (undumped, unprivileged) = (prctl::set_dumpable(false), prctl::set_no_new_privs());
        measures.push(measure(CLOSED, "no other process can attach or read its memory", undumped));
        measures.push(measure("no new privileges", "nothing it runs gains any", unprivileged));
    }
    #[cfg(not(target_os = "linux"))]
    measures.push(measure(CLOSED, "no debugger can attach", super::bsd::untraceable()));
    measures.push(measure("no core dumps", "core limit 0", setrlimit(Resource::RLIMIT_CORE, 0, 0)));
    // Not 0177: our own directories need the x bit. The sockets have 0600 from before they have a name.
    umask(Mode::from_bits_truncate(0o077));
    measures.push(measure("umask", "0077, its files are the owner's alone", Ok::<_, String>(())));
    measures
}

/// Closes the thread that calls this: the process is closed with all of them.
pub fn close_thread() {}

/// Whether the system calls are among what these measures close.
#[must_use]
pub fn are_calls_refused(measures: &[Measure]) -> bool {
    measures.iter().any(|measure| measure.name == SYSTEM_CALLS && measure.state == State::On)
}

/// The measure where an earlier program of this process took it: it holds for ever.
#[must_use]
pub fn calls_are_refused() -> Measure {
    refused_calls(Ok::<_, String>(()))
}

/// Takes the measure, for the rest of this process' life.
#[must_use]
pub fn refuse_calls() -> Measure {
    refused_calls(super::seccomp::close_agent())
}

fn refused_calls(result: Result<(), impl Display>) -> Measure {
    measure(SYSTEM_CALLS, "what it has no use for is refused to it and to all it runs", result)
}
