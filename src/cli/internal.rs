//! The options of what programs call, and people seldom do.
#![forbid(unsafe_code)]

#[cfg(unix)]
use clap::ArgAction;
#[cfg(unix)]
use std::ffi::OsString;

/// The options of `myagent ssh-agent`, for the help and the manual alone: that command line is read by
/// `commands::ssh_agent`, as getopt would read it.
#[cfg(unix)]
#[derive(Debug, clap::Args)]
pub struct SshAgent {
    /// Bind the socket here; a dead one is replaced
    #[arg(short = 'a', value_name = "PATH")]
    pub path: Option<OsString>,
    /// Print lines for csh [default: where $SHELL ends in csh]
    #[arg(short = 'c')]
    pub csh: bool,
    /// Print lines for sh
    #[arg(short = 's')]
    pub sh: bool,
    /// Stay in the foreground
    #[arg(short = 'D')]
    pub foreground: bool,
    /// Stay in the foreground, and say on standard error what happens
    #[arg(short = 'd')]
    pub debug: bool,
    /// Show fingerprints with this hash where a person is asked: md5, sha1, sha256, sha384, sha512
    #[arg(short = 'E', value_name = "HASH")]
    pub hash: Option<OsString>,
    /// End the agent that SSH_AGENT_PID names
    #[arg(short = 'k')]
    pub kill: bool,
    /// no-restrict-websafe, websafe-allow=PATTERNS, allow-remote-pkcs11 or allow-remote-admin
    #[arg(short = 'O', value_name = "OPTION")]
    pub option: Vec<OsString>,
    /// Patterns of the real paths from which providers may be loaded
    #[arg(short = 'P', value_name = "PATTERNS")]
    pub providers: Option<OsString>,
    /// How long keys stay that come without a lifetime, such as 1h30m
    #[arg(short = 't', value_name = "LIFE")]
    pub life: Option<OsString>,
    /// Put the socket into a new directory of $TMPDIR, instead of ~/.ssh/agent
    #[arg(short = 'T')]
    pub temporary: bool,
    /// Only remove dead sockets from ~/.ssh/agent; twice: those of all hosts
    #[arg(short = 'u')]
    pub clean: bool,
    /// Remove no dead sockets at the start
    #[arg(short = 'U')]
    pub keep_stale: bool,
    /// Print the version on standard error
    #[arg(short = 'V')]
    pub version: bool,
    /// Print help; by the name ssh-agent there is none
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Run this command under the agent, which ends with it
    #[arg(value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// The options of `myagent dialog`, which only an agent runs.
#[cfg(windows)]
#[derive(Debug, clap::Args)]
pub struct Dialog {
    /// What is asked, or to be read
    pub text: String,
}

/// The options of `myagent relay`.
#[derive(Debug, clap::Args)]
pub struct Relay {
    /// Pass on one line to the control socket, and its answer
    #[arg(long)]
    pub control: bool,
}

/// The options of `myagent resume`, which only an agent runs.
#[cfg(unix)]
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// Read the state, say so, and end
    #[arg(long)]
    pub check: bool,
    /// The numbers of the state, the key's passage, the agent socket, the control socket, the lock, and the sockets of
    /// providers' processes
    #[arg(value_delimiter = ',', required = true)]
    pub descriptors: Vec<i32>,
}
