//! `myagent stop`: ends the running agent, and returns when it is gone.
#![forbid(unsafe_code)]

use super::probe::{self, Found};
use super::worth_a_look;
use crate::control::{Connection, Op, Reply};
use crate::error::Error;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::{self, Candidate, Environment};
use crate::platform::process;
use std::time::{Duration, Instant};

/// The agent ends within a second, whatever its clients do; this is for a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at the lock.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn run() -> Result<(), Error> {
    end(&paths::candidates(&Environment::current())?)
}

/// Ends the agent at the first candidate that has one.
pub(super) fn end(candidates: &[Candidate]) -> Result<(), Error> {
    let (candidate, mut connection) = control(candidates)?;
    let Reply::Stopping { pid } = connection.ask(Op::Stop)? else {
        return Err(Error::Refused("its answer is not one to stop".to_owned()));
    };
    let end = Instant::now() + PATIENCE;
    let closed = connection.wait_closed(PATIENCE);
    // The lock goes last, with the process. Another agent may have it before we look; then the pid tells.
    let gone = || candidate.lock().map_or(true, InstanceLock::is_free) || !process::exists(pid);
    while closed && Instant::now() < end {
        if gone() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(Error::StillRunning { pid })
}

/// A connection to the control socket of the first candidate that has one.
///
/// # Errors
/// [`Error::NotRunning`], or [`Error::Foreign`] where some other agent answers.
pub(super) fn control(candidates: &[Candidate]) -> Result<(&Candidate, Connection), Error> {
    for candidate in candidates {
        if !worth_a_look(candidate)? {
            continue;
        }
        match Connection::open(&candidate.control()) {
            Ok(connection) => return Ok((candidate, connection)),
            Err(Error::NotRunning) => {}
            Err(error) => return Err(error),
        }
    }
    match probe::find(candidates)? {
        // One that was just starting, or that a service manager has started for this very question, has it by now.
        Found::Agent(candidate, peer) => match Connection::open(&candidate.control()) {
            Ok(connection) => Ok((candidate, connection)),
            Err(Error::NotRunning) => {
                Err(Error::Foreign { socket: candidate.socket.clone(), holder: peer.to_string() })
            }
            Err(error) => Err(error),
        },
        Found::Nothing | Found::Ending(_) => Err(Error::NotRunning),
    }
}
