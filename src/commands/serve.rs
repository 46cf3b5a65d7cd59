//! Becoming the agent: in this terminal, as a service, or in a process that belongs to nobody.
//!
//! Guarantees that the process is closed and has let go of what its caller handed down before the first byte is
//! read. Must run before any thread exists.
#![forbid(unsafe_code)]

use super::own::{Own, OwnDirectory};
use super::print;
use crate::agent::Options;
use crate::cli::{Level, Shell};
use crate::control::Measure;
use crate::error::Error;
use crate::logging::{self, Flush};
use crate::platform;
use crate::platform::BoundSocket;
use crate::platform::activation;
use crate::platform::executable::Program;
use crate::platform::lock::{Attempt, InstanceLock};
use crate::platform::paths::{self, Environment, Places};
use crate::platform::process::{self, Reporter};
use crate::server::{self, Config, Mode};
use crate::vault::Wish;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long an activated service waits for the lock: an agent that is just ending holds it a moment longer.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// What an agent is born with: the right to be one, and the options of its start.
pub(super) struct Birth {
    /// Where its files will be.
    pub(super) places: Places,
    /// The right to be the agent there.
    pub(super) lock: InstanceLock,
    /// How much it logs.
    pub(super) level: Level,
    /// Which memory is to hold its secrets.
    pub(super) secret_memory: Wish,
    /// What its owner has decided.
    pub(super) options: Options,
    /// The program that a restart looks for.
    pub(super) program: Program,
    /// What it ends with, where it is the agent of one command.
    pub(super) own: Option<Own>,
    /// In WSL: the program that reaches the agent of Windows, where this is to be a relay to that.
    pub(super) windows: Option<PathBuf>,
}

impl Birth {
    /// The server's part of it, the agent's, and the directory that goes with the agent.
    fn split(self, mode: Mode, measures: Vec<Measure>) -> (Config, Options, Option<OwnDirectory>) {
        let Self { places, lock, level, secret_memory, options, program, own, windows: _ } = self;
        let (ends_with, directory) = own.map(Own::split).unzip();
        let level = level.into();
        let lock = Some(lock);
        let config = Config { places, mode, measures, secret_memory, lock, program, level, ends_with };
        (config, options, directory)
    }
}

/// The place and the right of an activated agent: its socket is there already, and nobody is asked who answers on it.
///
/// # Errors
/// [`Error::Occupied`] where another agent holds the lock, and for good.
pub(super) fn activated(socket: &BoundSocket) -> Result<(Places, InstanceLock), Error> {
    let environment = Environment { socket: Some(socket.path.clone().into()), ..Environment::current() };
    let candidates = paths::candidates(&environment)?;
    let place = paths::first_usable(&candidates)?;
    let lock = place.lock()?;
    let end = Instant::now() + LOCK_PATIENCE;
    loop {
        match InstanceLock::try_acquire(lock)? {
            Attempt::Acquired(held) => return Ok((place.places(), held)),
            Attempt::Held(holder) if Instant::now() >= end => {
                return Err(Error::Occupied { lock: lock.to_owned(), holder: holder.to_string() });
            }
            Attempt::Held(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Serves in this process and this terminal, or as a service.
pub(super) fn foreground(
    mut birth: Birth,
    activated: Option<BoundSocket>,
    shell: Shell,
) -> Result<(), Error> {
    let service = is_service();
    // launchd writes what is said into a file without bounds.
    let by_launchd = cfg!(target_os = "macos") && activated.is_some();
    server::hold_signals();
    process::reset_signals();
    let mut keep = vec![birth.lock.as_fd()];
    keep.extend(activated.as_ref().map(AsFd::as_fd));
    let closed = process::close_inherited(&keep);
    let mut measures = platform::harden();
    measures.push(closed);
    let log = own_log(&mut birth, by_launchd);
    let _log = log.unwrap_or_else(|| logging::to_stderr(birth.level.into(), !service));
    let line = shell.lines(&birth.places.socket.to_string_lossy(), None);
    let mode = if !service && on_terminal() { Mode::Terminal } else { Mode::Service };
    let (config, options, _) = birth.split(mode, measures);
    server::run(config, options, activated, || {
        activation::ready();
        // Nobody may be reading, and the agent serves all the same.
        let _ = if service { Ok(()) } else { print(&line) };
    })
    .map(drop)
}

/// Serves in a process that belongs to nobody. Its status is of no interest to anyone; its log is.
pub(super) fn daemon(mut birth: Birth, reporter: Reporter) {
    server::hold_signals();
    process::reset_signals();
    let life = birth.own.as_ref().and_then(|own| own.life.descriptor());
    let keep: Vec<_> = [birth.lock.as_fd(), reporter.as_fd()].into_iter().chain(life).collect();
    let closed = process::close_inherited(&keep);
    if let Err(error) = process::detach() {
        return reporter.failed(&error);
    }
    let mut measures = platform::harden();
    measures.push(closed);
    birth.lock.record(&birth.places.socket);
    let log = own_log(&mut birth, true);
    let windows = birth.windows.take();
    let (config, options, directory) = birth.split(Mode::Daemon, measures);
    let mut reporter = Some(reporter);
    let ready = || {
        // It is found again without its starter.
        let _ = reporter.take().map(Reporter::ready);
    };
    let served = match windows {
        #[cfg(target_os = "linux")]
        Some(program) => server::relay(config, program, ready),
        _ => server::run(config, options, None, ready).map(drop),
    };
    if let Err(error) = &served {
        tracing::error!("{error}");
    }
    // What is still to be logged comes before its directory goes, and that before the starter hears of a failure.
    drop((log, directory));
    if let (Err(error), Some(reporter)) = (served, reporter) {
        reporter.failed(&error);
    }
}

/// The agent's own log file, where it is to have one: what it has is among its places afterwards. An agent without a log is
/// better than none.
fn own_log(birth: &mut Birth, wanted: bool) -> Option<Flush> {
    let path = birth.places.log.take().filter(|_| wanted && birth.level != Level::Off)?;
    let log = logging::to_file(birth.level.into(), &path, false).ok()?;
    birth.places.log = Some(path);
    Some(log)
}

/// Whether a person's terminal is at any end: its hangup then ends the agent. Without one a supervisor or a
/// script runs it, to which a hangup means to read its settings anew.
fn on_terminal() -> bool {
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}

/// Whether a service manager runs this very process and its journal takes the output. The variables alone say
/// nothing: a terminal inherits them from the session's services.
pub(super) fn is_service() -> bool {
    let set_for_us = |name, value: String| std::env::var(name).is_ok_and(|set| set == value);
    let journal = |path: &str| {
        std::fs::metadata(path)
            .is_ok_and(|meta| set_for_us("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino())))
    };
    set_for_us("SYSTEMD_EXEC_PID", std::process::id().to_string())
        || journal("/dev/stdout")
        || journal("/dev/stderr")
}
