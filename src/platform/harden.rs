//! What the agent's process does to close itself before it reads the first byte.
//!
//! Guarantees that every measure is tried and reported, and that none that fails keeps the agent from starting.
//! Must run in the agent's own process only, after all forks: a program run under an agent keeps its caller's
//! limits, umask and privileges.
#![forbid(unsafe_code)]

use crate::control::{Measure, State};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

/// The measure that keeps other processes of the user out.
pub(super) const NOT_DUMPABLE: &str = "not dumpable";

/// Applies every measure to this process.
#[must_use]
pub fn harden() -> Vec<Measure> {
    let mut measures = Vec::new();
    #[cfg(target_os = "linux")]
    {
        use nix::sys::prctl;
        let (undumped, unprivileged) = (prctl::set_dumpable(false), prctl::set_no_new_privs());
        measures.push(measure(NOT_DUMPABLE, "no other process can attach or read its memory", undumped));
        measures.push(measure("no new privileges", "nothing it runs gains any", unprivileged));
    }
    measures.push(measure("no core dumps", "core limit 0", setrlimit(Resource::RLIMIT_CORE, 0, 0)));
    // Not 0177: our own directories need the x bit. The sockets have 0600 from before they have a name.
    umask(Mode::from_bits_truncate(0o077));
    measures.push(measure("umask", "0077, its files are the owner's alone", Ok(())));
    measures
}

/// A measure that is on, or refused with what the system said.
#[must_use]
pub fn measure(name: &str, detail: &str, result: Result<(), Errno>) -> Measure {
    let (state, detail) = match result {
        Ok(()) => (State::On, detail.to_owned()),
        Err(error) => (State::Refused, error.to_string()),
    };
    Measure { name: name.to_owned(), state, detail }
}
