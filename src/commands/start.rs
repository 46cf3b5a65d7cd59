//! `myagent start`: finds the agent that answers, or becomes or forks the one that will.
//!
//! Guarantees that of any number of simultaneous calls one starts the agent and all print the same path, that no
//! living socket is taken over, and that nothing but the variable is printed. Where an agent answers, no thread,
//! runtime or file is touched.
#![forbid(unsafe_code)]

use super::print;
use super::probe::{self, Found};
use super::serve::{self, Birth};
use crate::cli::{Level, SecretMemory, Shell, Start};
use crate::error::Error;
use crate::platform::activation;
use crate::platform::executable::Program;
use crate::platform::hibernation;
use crate::platform::lock::{Attempt, InstanceLock};
use crate::platform::paths::{self, Candidate, Environment, Places};
use crate::platform::process::{self, Side};
use crate::vault::Wish;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long another starter, or an agent that is ending, may take before `start` gives up.
const PATIENCE: Duration = Duration::from_secs(10);
/// First and longest pause between two looks; it doubles, so that many waiting shells do not fill the machine.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(20));

/// What all starters agree upon in the end.
enum Settled {
    /// An agent answers here.
    Agent(PathBuf),
    /// There is none, and we hold the right to start it here.
    Ours(Places, InstanceLock),
}

pub(super) fn run(options: &Start) -> Result<(), Error> {
    let shell = Shell::choose(options.shell);
    let activated = if options.foreground { activation::socket() } else { None };
    if let Some(socket) = &activated {
        let (places, lock) = serve::activated(socket)?;
        return serve::foreground(birth(options, places, lock)?, activated, shell);
    }
    let candidates = paths::candidates(&Environment::current())?;
    let (places, lock) = match settle(&candidates)? {
        Settled::Agent(socket) if options.foreground => return Err(Error::AlreadyRunning { socket }),
        Settled::Agent(socket) => return print(&shell.lines(&socket.to_string_lossy(), None)),
        Settled::Ours(places, lock) => (places, lock),
    };
    let birth = birth(options, places, lock)?;
    if options.foreground {
        return serve::foreground(birth, None, shell);
    }
    let line = |pid| shell.lines(&birth.places.socket.to_string_lossy(), Some(pid));
    match process::daemonize()? {
        Side::Starter(report) => {
            // Ours is only a copy now; the agent's keeps the lock.
            drop(birth.lock);
            print(&line(report.wait()?))
        }
        Side::Daemon(reporter) => {
            serve::daemon(birth, reporter);
            Ok(())
        }
    }
}

fn birth(options: &Start, places: Places, lock: InstanceLock) -> Result<Birth, Error> {
    let program = Program::current(options.trust_own_binary)
        .map_err(|error| Error::io("find this program's own file", error))?;
    let (level, secret_memory) = (Level::choose(options.log)?, wish(options.secret_memory));
    Ok(Birth { places, lock, level, secret_memory, program })
}

/// Hibernation is not taken from a machine that can do it, unless the user says so.
fn wish(option: Option<SecretMemory>) -> Wish {
    match option.unwrap_or(SecretMemory::Auto) {
        SecretMemory::Auto if hibernation::is_possible() => Wish::Locked,
        SecretMemory::Auto | SecretMemory::Memfd => Wish::Memfd,
        SecretMemory::Mlock => Wish::Locked,
    }
}

/// Looks and tries until there is an agent, or the right to start one, or no more patience.
fn settle(candidates: &[Candidate]) -> Result<Settled, Error> {
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
                    return Ok(Settled::Ours(place.places()?, held));
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
