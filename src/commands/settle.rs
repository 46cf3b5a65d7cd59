//! Who is the agent: one that answers, or this process.
//!
//! Guarantees that of any number of simultaneous calls one gets the right to be it, and the others its answer.
#![forbid(unsafe_code)]

use super::probe::{self, Found};
use crate::error::Error;
use crate::platform::lock::{Attempt, InstanceLock};
use crate::platform::paths::{self, Candidate, Places};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long another starter, or an agent that is ending, may take before `start` gives up.
const PATIENCE: Duration = Duration::from_secs(10);
/// First and longest pause between two looks; it doubles, so that many waiting shells do not fill the machine.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(20));

/// What all starters agree upon in the end.
pub(super) enum Settled {
    /// An agent answers here.
    Agent(PathBuf),
    /// There is none, and we hold the right to start it here.
    Ours(Places, InstanceLock),
}

/// Looks and tries until there is an agent, or the right to start one, or no more patience.
///
/// # Errors
/// [`Error::Held`] or [`Error::Silent`] in the end, with who is in the way.
pub(super) fn settle(candidates: &[Candidate]) -> Result<Settled, Error> {
    let end = Instant::now() + PATIENCE;
    let mut pause = PAUSES.0;
    loop {
        if let Found::Agent(candidate, _) = probe::find(candidates)? {
            return Ok(Settled::Agent(candidate.socket.clone()));
        }
        let place = paths::first_usable(candidates)?;
        let lock = place.lock()?;
        let blocked = match InstanceLock::try_acquire(lock)? {
            Attempt::Held(holder) => Error::Held { lock: lock.to_owned(), holder: holder.to_string() },
            // Somebody may have started between the look and the lock; nobody can any more.
            Attempt::Acquired(held) => match probe::find(candidates)? {
                Found::Agent(candidate, _) => return Ok(Settled::Agent(candidate.socket.clone())),
                Found::Nothing => {
                    held.record(&place.socket);
                    return Ok(Settled::Ours(place.places(), held));
                }
                Found::Ending(error) => error,
            },
        };
        if Instant::now() >= end {
            return Err(blocked);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSES.1);
    }
}
