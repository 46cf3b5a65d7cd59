//! What options may be.
#![forbid(unsafe_code)]

use crate::error::Error;
use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

/// The family of shells a line is printed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// sh, bash, dash, ksh, zsh
    Sh,
    /// csh, tcsh
    Csh,
    /// fish
    Fish,
    /// Nushell: a record for `from nuon | load-env`
    Nu,
    /// PowerShell
    Powershell,
    /// Windows' cmd
    Cmd,
    /// Plain lines of NAME=value, unquoted, for programs
    Env,
    /// One line of JSON, for programs
    Json,
}

/// The kinds of memory for secrets.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SecretMemory {
    /// memfd, but mlock where the machine can hibernate
    Auto,
    /// Memory that no other process reads, not even root's; the machine cannot hibernate meanwhile
    Memfd,
    /// Memory that is not swapped or dumped
    Mlock,
}

/// How much is logged; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing
    Off,
    /// What ends the agent or loses a key
    Error,
    /// What was refused, and why
    Warn,
    /// One line per connection and decision
    Info,
    /// What the program does meanwhile
    Debug,
    /// Everything but secrets
    Trace,
}

impl Level {
    /// The level given, else that of `MYAGENT_LOG`, else info.
    pub fn choose(option: Option<Self>) -> Result<Self, Error> {
        let value = match (option, std::env::var_os("MYAGENT_LOG")) {
            (Some(level), _) => return Ok(level),
            (None, Some(value)) if !value.is_empty() => value.to_string_lossy().into_owned(),
            (None, _) => return Ok(Self::Info),
        };
        let allowed = || Self::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        Self::from_str(&value, true).map_err(|_| Error::Setting {
            name: "MYAGENT_LOG",
            value,
            allowed: allowed().map(|level| level.get_name().to_owned()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}
