//! `myagent start`: finds the agent that answers, or has the one that will be started, or becomes it.
//!
//! Guarantees that of any number of simultaneous calls one starts the agent and all print the same path, that no
//! living socket is taken over, and that nothing but the variable is printed. Where an agent answers, no thread,
//! runtime, process or file comes to be, and a person at a terminal costs one message more.
#![forbid(unsafe_code)]

use super::probe::{self, Found};
use super::serve::{self, Birth};
use super::service::Situation;
use super::settle::{Settled, settle};
use super::way::{self, Forced, Notice, Way};
use super::{forwarded, notice, own, print, register, say};
use crate::agent::Options;
use crate::cli::{Level, SecretMemory, Shell, Start};
use crate::error::Error;
use crate::platform::activation;
use crate::platform::executable::Program;
use crate::platform::hibernation;
use crate::platform::lock::InstanceLock;
use crate::platform::login;
use crate::platform::paths::{self, Candidate, Environment, Places};
use crate::platform::process::{self, Side};
use crate::vault::Wish;
use std::path::PathBuf;

/// What this process is, after it has gone through [`background`].
enum Started {
    /// The one that was called. An agent answers here; it has this pid where it was forked by us.
    Answers(PathBuf, Option<u32>),
    /// The agent, which has ended.
    Served,
}

pub(super) fn run(options: &Start) -> Result<(), Error> {
    if !options.command.is_empty() {
        return own::run(options);
    }
    let shell = Shell::choose(options.shell);
    if let Some(socket) = options.foreground.then(activation::socket).flatten() {
        let (places, lock) = serve::activated(&socket)?;
        return serve::foreground(birth(options, places, lock)?, Some(socket), shell);
    }
    let environment = Environment::current();
    let candidates = paths::candidates(&environment)?;
    if options.foreground {
        return match settle(&candidates)? {
            Settled::Agent(socket) => Err(Error::AlreadyRunning { socket }),
            Settled::Ours(places, lock) => serve::foreground(birth(options, places, lock)?, None, shell),
        };
    }
    if !options.replace_forwarded && forwarded::is_there(&candidates) {
        return print(&shell.nothing());
    }
    let started = match probe::find(&candidates)? {
        Found::Agent(candidate, peer) => {
            notice::about_found(candidate, peer);
            Started::Answers(candidate.socket.clone(), None)
        }
        Found::Nothing | Found::Ending(_) => start(options, &candidates, &environment)?,
    };
    match started {
        Started::Answers(socket, pid) => {
            print(&shell.lines(&socket.to_string_lossy(), pid))?;
            if let Some(candidate) = candidates.iter().find(|candidate| candidate.socket == socket) {
                register::register(&candidate.control());
            }
            Ok(())
        }
        Started::Served => Ok(()),
    }
}

/// Has an agent started in the way that is right here, or that was asked for.
fn start(options: &Start, candidates: &[Candidate], environment: &Environment) -> Result<Started, Error> {
    // What it holds is Windows', and so is what becomes of it after a logout.
    #[cfg(target_os = "linux")]
    if let Some(program) = super::wsl::windows_agent(options)? {
        return background(options, candidates, Some(program));
    }
    let forced = match (options.service, options.daemon) {
        (true, _) => Some(Forced::Service),
        (_, true) => Some(Forced::Daemon),
        _ => None,
    };
    let situation = Situation::look(forced, candidates, environment);
    let mut way = way::decide(forced, situation.facts).unwrap_or(Way::Service);
    let by_manager = match way {
        Way::Daemon => None,
        way => match situation.start(way, options, candidates) {
            Err(error) if forced.is_some() => return Err(error),
            Err(error) if notice::has_reader() => {
                say(&format!("{error}; so it runs in the background"), None);
                None
            }
            tried => tried.ok(),
        },
    };
    let started = match by_manager {
        Some(socket) => Started::Answers(socket, None),
        None => {
            way = Way::Daemon;
            background(options, candidates, None)?
        }
    };
    // From a terminal of a graphical session it ends with that, whatever logind does.
    let of_manager =
        || (!situation.facts.lingering && login::in_manager(None)).then_some(Notice::NoLingering);
    let news = way::notice(way, situation.facts).or_else(of_manager);
    if let (Started::Answers(socket, _), Some(news)) = (&started, news) {
        if let Some(candidate) = candidates.iter().find(|candidate| candidate.socket == *socket) {
            notice::tell(news, candidate);
        }
    }
    Ok(started)
}

/// Forks the agent, or a relay to the one that a program of Windows reaches, unless somebody else was quicker.
fn background(options: &Start, candidates: &[Candidate], windows: Option<PathBuf>) -> Result<Started, Error> {
    let birth = match settle(candidates)? {
        Settled::Agent(socket) => return Ok(Started::Answers(socket, None)),
        Settled::Ours(places, lock) => Birth { windows, ..birth(options, places, lock)? },
    };
    match process::daemonize()? {
        Side::Starter(report) => {
            // Ours is only a copy now; the agent's keeps the lock.
            drop(birth.lock);
            Ok(Started::Answers(birth.places.socket, Some(report.wait()?)))
        }
        Side::Daemon(reporter) => {
            serve::daemon(birth, reporter);
            Ok(Started::Served)
        }
    }
}

/// What an agent in the background or in this terminal is born with.
pub(super) fn birth(options: &Start, places: Places, lock: InstanceLock) -> Result<Birth, Error> {
    let program = Program::current(options.trust_own_binary)
        .map_err(|error| Error::io("find this program's own file", error))?;
    let (level, secret_memory) = (Level::choose(options.log)?, wish(options.secret_memory));
    let options = decided(options);
    Ok(Birth { places, lock, level, secret_memory, options, program, own: None, windows: None })
}

/// What the command line decides of every request.
fn decided(options: &Start) -> Options {
    let mut decided = Options { allow_remote_admin: options.allow_remote_admin, ..Options::default() };
    if let Some(providers) = &options.providers {
        decided.providers.clone_from(providers);
    }
    decided
}

/// Hibernation is not taken from a machine that can do it, unless the user says so.
pub(super) fn wish(option: Option<SecretMemory>) -> Wish {
    match option.unwrap_or(SecretMemory::Auto) {
        SecretMemory::Auto if hibernation::is_possible() => Wish::Locked,
        SecretMemory::Auto | SecretMemory::Memfd => Wish::Memfd,
        SecretMemory::Mlock => Wish::Locked,
    }
}
