//! Becoming the agent on Windows: in this console, or in a process that has none.
//!
//! Guarantees that the process is closed before the first byte is read.
#![forbid(unsafe_code)]

use super::print;
use crate::agent::Options;
use crate::cli::{Level, Shell};
use crate::error::Error;
use crate::platform::executable::Program;
use crate::platform::life::Life;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::Places;
use crate::platform::windows::background::Reporter;
use crate::server::{self, Config, Mode};
use crate::vault::Wish;
use crate::{logging, platform};

/// What an agent is born with: the right to be one, and the options of its start.
pub(super) struct Birth {
    /// Where its pipes and files will be.
    pub(super) places: Places,
    /// The right to be the agent there.
    pub(super) lock: InstanceLock,
    /// How much it logs.
    pub(super) level: Level,
    /// What its owner has decided.
    pub(super) options: Options,
    /// Its program.
    pub(super) program: Program,
    /// The process that it ends with, where there is one.
    pub(super) ends_with: Option<Life>,
}

impl Birth {
    /// The server's part of it, and the agent's.
    fn split(self, mode: Mode) -> (Config, Options) {
        let Self { places, lock, level, options, program, ends_with } = self;
        let (measures, level, lock) = (platform::harden(), level.into(), Some(lock));
        // Windows has but one kind of memory for secrets.
        let secret_memory = Wish::Locked;
        (Config { places, mode, measures, secret_memory, lock, program, level, ends_with }, options)
    }
}

/// Serves in this process and this console.
pub(super) fn foreground(mut birth: Birth, shell: Shell) -> Result<(), Error> {
    birth.places.log = None;
    let _log = logging::to_stderr(birth.level.into(), true);
    let line = shell.lines(&birth.places.socket.to_string_lossy(), None);
    let (config, options) = birth.split(Mode::Terminal);
    // Nobody may be reading, and the agent serves all the same.
    server::run(config, options, None, || drop(print(&line))).map(drop)
}

/// Serves in a process that has no console. Its status is of no interest to anyone; its log is.
pub(super) fn background(mut birth: Birth, reporter: Reporter) -> Result<(), Error> {
    // A directory that a process is in can be neither removed nor renamed.
    if let Some(root) = std::env::var_os("SystemRoot") {
        let _ = std::env::set_current_dir(root);
    }
    // An agent without a log is better than none.
    let wanted = birth.places.log.take().filter(|_| birth.level != Level::Off);
    let log = wanted.and_then(|path| Some((logging::to_file(birth.level.into(), &path, false).ok()?, path)));
    let log = log.map(|(flush, path)| {
        birth.places.log = Some(path);
        flush
    });
    let (config, options) = birth.split(Mode::Daemon);
    let mut reporter = Some(reporter);
    let served = server::run(config, options, None, || reporter.take().map_or((), Reporter::ready));
    if let Err(error) = &served {
        tracing::error!("{error}");
        reporter.into_iter().for_each(|reporter| reporter.failed(error));
    }
    drop(log);
    served.map(drop)
}
