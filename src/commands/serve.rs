//! Becoming the agent: in this terminal, as a service, or in a process that belongs to nobody.
//!
//! Guarantees that the process is closed and has let go of what its caller handed down before the first byte is
//! read. Must run before any thread exists.
#![forbid(unsafe_code)]

use super::print;
use crate::cli::{Level, Shell};
use crate::error::Error;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::Places;
use crate::platform::process::{self, Reporter};
use crate::server::{self, Config, Mode};
use crate::vault::Wish;
use crate::{logging, platform};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

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
}

/// Serves in this process and this terminal, or as a service.
pub(super) fn foreground(birth: Birth, shell: Shell) -> Result<(), Error> {
    let Birth { mut places, lock, level, secret_memory } = birth;
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
pub(super) fn daemon(birth: Birth, reporter: Reporter) {
    let Birth { mut places, lock, level, secret_memory } = birth;
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
