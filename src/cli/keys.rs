//! The options of the commands that handle keys.
#![forbid(unsafe_code)]

use crate::client::Destination;
use crate::commands::lifetime;
use clap::ArgAction;
use std::ffi::OsString;
use std::path::PathBuf;

/// The options of `myagent add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Forget the keys again after this time, such as 90, 10m or 1h30m
    #[arg(short = 't', value_name = "LIFE", value_parser = lifetime)]
    pub life: Option<u32>,
    /// Ask before each use of them
    #[arg(short = 'c')]
    pub confirm: bool,
    /// Let them be used for this host alone: HOST, USER@HOST, or HOP>USER@HOST for a host that is reached from another;
    /// may be given several times, and a way over hops needs each of its steps
    #[arg(short = 'h', value_name = "DESTINATION", value_parser = str::parse::<Destination>)]
    pub destinations: Vec<Destination>,
    /// Where the keys of hosts for -h stand [default: the known_hosts files of ssh]
    #[arg(short = 'H', value_name = "FILE", requires = "destinations")]
    pub hosts: Vec<PathBuf>,
    /// Print help: -h is a destination here, as in ssh-add
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Private keys; - is standard input [default: the usual files in ~/.ssh]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

fn lifetime(text: &str) -> Result<u32, String> {
    let life = lifetime::parse(text).and_then(|life| u32::try_from(life.as_secs()).ok());
    life.ok_or_else(|| "expected a time such as 90, 10m or 1h30m".to_owned())
}

/// The options of `myagent list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Print whole public keys, as they stand in authorized_keys
    #[arg(short = 'L', long)]
    pub public: bool,
    /// Print one line of JSON for programs
    #[arg(long, conflicts_with = "public")]
    pub json: bool,
}

/// The options of `myagent remove`.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Forget all of them
    #[arg(long)]
    pub all: bool,
    /// Files with the keys or their public halves, or fingerprints as list shows them; certificates go with their key
    #[arg(value_name = "FILE|FINGERPRINT", required_unless_present = "all", conflicts_with = "all")]
    pub keys: Vec<OsString>,
}
