//! `myagent start`: finds the agent that answers, or becomes or forks the one that will.
//!
//! Guarantees that of any number of simultaneous calls one starts the agent and all print the same path, that no
//! living socket is taken over, and that nothing but the variable is printed. Where an agent answers, no thread,
//! runtime or file is touched.
#![forbid(unsafe_code)]

use super::print;
use super::probe::{self, Found};
use crate::cli::{Level, SecretMemory, Shell, Start};
use crate::error::Error;
use crate::platform::hibernation;
use crate::platform::lock::{Attempt, InstanceLock};
use crate::platform::paths::{self, Candidate, Environment, Places};
use crate::platform::process::{self, Reporter, Side};
use crate::server::{self, Config, Mode};
use crate::vault::Wish;
use crate::{logging, platform};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
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
    let candidates = paths::candidates(&Environment::current())?;
    let (places, lock) = match settle(&candidates)? {
        Settled::Agent(socket) if options.foreground => return Err(Error::AlreadyRunning { socket }),
        Settled::Agent(socket) => return print(&shell.lines(&socket.to_string_lossy(), None)),
        Settled::Ours(places, lock) => (places, lock),
    };
    let level = Level::choose(options.log)?;
    let secret_memory = wish(options.secret_memory);
    if options.foreground {
        return foreground(places, lock, shell, level, secret_memory);
    }
    let line = |pid| shell.lines(&places.socket.to_string_lossy(), Some(pid));
    match process::daemonize()? {
        Side::Starter(report) => {
            // Ours is only a copy now; the agent's keeps the lock.
            drop(lock);
            print(&line(report.wait()?))
        }
        Side::Daemon(reporter) => {
            daemon(places, lock, level, secret_memory, reporter);
            Ok(())
        }
    }
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

/// Serves in this process and this terminal, or as a service.
fn foreground(
    mut places: Places,
    lock: InstanceLock,
    shell: Shell,
    level: Level,
    secret_memory: Wish,
) -> Result<(), Error> {
    let service = is_service();
    places.log = None;
    process::reset_signals();
    let closed = process::close_inherited(&[lock.as_fd()]);
    let mut measures = platform::harden();
    measures.push(closed);
    let _log = logging::to_stderr(level.into(), !service);
    let line = shell.lines(&places.socket.to_string_lossy(), None);
    let mode = if !service && on_terminal() { Mode::Terminal } else { Mode::Service };
    server::run(Config { places, mode, measures, secret_memory, lock }, || {
        // Nobody may be reading, and the agent serves all the same.
        let _ = if service { Ok(()) } else { print(&line) };
    })
}

/// Serves in a process that belongs to nobody. Its status is of no interest to anyone; its log is.
fn daemon(mut places: Places, lock: InstanceLock, level: Level, secret_memory: Wish, reporter: Reporter) {
    process::reset_signals();
    let closed = process::close_inherited(&[lock.as_fd(), reporter.as_fd()]);
    if let Err(error) = process::detach() {
        return reporter.failed(&error);
    }
    let mut measures = platform::harden();
    measures.push(closed);
    lock.record(&places.socket);
    // An agent without a log is better than none.
    let wanted = places.log.take().filter(|_| level != Level::Off);
    let log = wanted.and_then(|path| Some((logging::to_file(level.into(), &path).ok()?, path)));
    let _log = log.map(|(flush, path)| {
        places.log = Some(path);
        flush
    });
    let mut reporter = Some(reporter);
    let ready = || reporter.take().map(Reporter::ready).unwrap_or_default();
    if let Err(error) =
        server::run(Config { places, mode: Mode::Daemon, measures, secret_memory, lock }, ready)
    {
        tracing::error!("{error}");
        if let Some(reporter) = reporter {
            reporter.failed(&error);
        }
    }
}

/// Whether a person's terminal is at any end: its hangup then ends the agent. Without one a supervisor or a
/// script runs it, to which a hangup means to read its settings anew.
fn on_terminal() -> bool {
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}

/// Whether a service manager runs this very process and its journal takes the output. The variables alone say
/// nothing: a terminal inherits them from the session's services.
fn is_service() -> bool {
    let set_for_us = |name, value: String| std::env::var(name).is_ok_and(|set| set == value);
    let journal = |path: &str| {
        std::fs::metadata(path)
            .is_ok_and(|meta| set_for_us("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino())))
    };
    set_for_us("SYSTEMD_EXEC_PID", std::process::id().to_string())
        || journal("/dev/stdout")
        || journal("/dev/stderr")
}
