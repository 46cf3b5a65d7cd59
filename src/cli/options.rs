//! The options of the commands that people give.
#![forbid(unsafe_code)]

#[cfg(unix)]
use super::SecretMemory;
use super::{Level, Shell};
use clap::ValueEnum;
use std::ffi::OsString;
#[cfg(windows)]
use std::path::PathBuf;

/// The options of `myagent start`.
#[derive(Debug, clap::Args)]
pub struct Start {
    /// Be the agent, in this terminal or service, instead of starting one in the background
    #[arg(long)]
    pub foreground: bool,
    /// Be the agent in the background, and report to whoever started it, at this pipe
    #[cfg(windows)]
    #[arg(long, hide = true, value_name = "PIPE")]
    pub report: Option<PathBuf>,
    /// End with the process of this number
    #[cfg(windows)]
    #[arg(long, hide = true, value_name = "PID")]
    pub ends_with: Option<u32>,
    /// Have a new agent run as a service of your own systemd, or fail
    #[cfg(unix)]
    #[arg(long, conflicts_with_all = ["daemon", "foreground"])]
    pub service: bool,
    /// Have a new agent run as a process in the background, never as a service, nor in WSL as a relay to Windows
    #[cfg(unix)]
    #[arg(long, conflicts_with = "foreground")]
    pub daemon: bool,
    /// For which shell to print [default: the one that calls, else $SHELL]
    #[arg(long, value_name = "SHELL")]
    pub shell: Option<Shell>,
    /// Use an agent of this host though `ssh -A` has brought one along
    #[cfg(unix)]
    #[arg(long)]
    pub replace_forwarded: bool,
    /// Which memory a newly started agent keeps its secrets in [default: auto]
    #[cfg(unix)]
    #[arg(long, value_name = "KIND")]
    pub secret_memory: Option<SecretMemory>,
    /// Let `myagent restart` give the keys to a program that is yours, not root's: whoever can replace its file can
    /// take them
    #[cfg(unix)]
    #[arg(long)]
    pub trust_own_binary: bool,
    /// Let peers of other hosts, over `ssh -A`, also add and remove keys, lock and unlock: else they list and sign
    #[arg(long)]
    pub allow_remote_admin: bool,
    /// From where a newly started agent loads what speaks to tokens: patterns of real paths, divided by commas
    /// [default: /usr/lib*/*,/usr/local/lib*/*]
    #[cfg(unix)]
    #[arg(long, value_name = "PATTERNS")]
    pub providers: Option<String>,
    /// How much a newly started agent logs [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<Level>,
    /// Run this command under an agent of its own, which ends with it
    #[arg(last = true, value_name = "COMMAND")]
    #[cfg_attr(unix, arg(conflicts_with_all = ["foreground", "service", "daemon", "shell", "replace_forwarded"]))]
    #[cfg_attr(windows, arg(conflicts_with_all = ["foreground", "shell"]))]
    pub command: Vec<OsString>,
}

/// The options of `myagent answer`.
#[derive(Debug, clap::Args)]
pub struct Answer {
    /// The answer, for scripts [default: show each question, and ask at this terminal]
    #[arg(value_name = "yes|no", hide_possible_values = true)]
    pub answer: Option<YesNo>,
    /// The number of the question; a `no` goes to the only one without
    #[arg(requires = "answer")]
    pub number: Option<u32>,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    /// The key may be used
    Yes,
    /// It may not
    No,
}

/// The options of `myagent completions`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell that is to complete
    #[arg(value_name = "SHELL")]
    pub shell: CompletingShell,
}

/// The shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletingShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The options of `myagent status`.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Print one line of JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// The options of `myagent install`.
#[derive(Debug, clap::Args)]
pub struct Install {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace also files of ours that somebody changed
    #[cfg(unix)]
    #[arg(long)]
    pub force: bool,
    /// Have the agent started with `--trust-own-binary`, so that `myagent restart` keeps the keys when you update a
    /// program of your own; whoever can write its file can take them
    #[cfg(unix)]
    #[arg(long)]
    pub trust_own_binary: bool,
}

/// The options of `myagent uninstall`.
#[derive(Debug, clap::Args)]
pub struct Uninstall {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
