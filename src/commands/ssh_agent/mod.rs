//! The command line of OpenSSH's ssh-agent, for what calls it by that name: options, output, exit statuses and places
//! as OpenSSH 10.5 has them.
//!
//! Guarantees that each call starts an agent of its own, as scripts expect, which leaves nothing but its socket while it
//! runs and nothing afterwards; the user's lasting agent is neither used nor disturbed. What differs from OpenSSH's, on
//! purpose: a dead socket at `-a` is replaced, a `LISTEN_PID` that means another process is ignored, and a signal in the
//! middle of the start leaves nothing behind.
#![forbid(unsafe_code)]

mod agent;
mod arguments;
mod kill;
mod output;
mod place;
mod stale;

use crate::cli::SSH_AGENT;
use arguments::Call;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

/// Exit status of an agent that a signal has ended, or the end of its command.
const STATUS_ENDED: u8 = 2;
/// Exit status of wrong usage, and of what failed with the system's word.
const STATUS_FAILED: u8 = 1;
/// Exit status of what OpenSSH calls fatal.
const STATUS_FATAL: u8 = 255;

/// What scripts look for in `-V`: this program's version, and whose command line it takes.
const VERSION: &str =
    concat!("myagent ", env!("CARGO_PKG_VERSION"), ", with the command line of ssh-agent in OpenSSH_10.5");

/// As OpenSSH 10.5 words it, for scripts and people who know it.
const USAGE: &str = "\
usage: ssh-agent [-c | -s] [-DdTU] [-a bind_address] [-E fingerprint_hash]
                 [-O option] [-P allowed_providers] [-t life]
       ssh-agent [-TU] [-a bind_address] [-E fingerprint_hash] [-O option]
                 [-P allowed_providers] [-t life] command [arg ...]
       ssh-agent [-c | -s] -k
       ssh-agent -u
       ssh-agent -V
";

/// Why a call ended without doing what it was asked: lines for standard error, and the status.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    text: String,
    status: u8,
}

impl Failure {
    /// What the system refused: status 1.
    fn failed(text: impl Into<String>) -> Self {
        Self { text: text.into() + "\n", status: STATUS_FAILED }
    }

    /// What cannot be gone on with: status 255.
    fn fatal(text: impl Into<String>) -> Self {
        Self { text: text.into() + "\n", status: STATUS_FATAL }
    }

    /// Wrong usage, with a line about it where there is one.
    fn usage(line: &str) -> Self {
        let line = if line.is_empty() { String::new() } else { format!("{line}\n") };
        Self { text: line + USAGE, status: STATUS_FAILED }
    }
}

/// The arguments for ssh-agent's command line, where the program was called by that name, or with it as its command.
///
/// A program that starts this one's file for itself calls it `myagent`, whatever the file's name is.
pub(super) fn arguments(mut all: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let name = all.next()?;
    if Path::new(&name).file_name().is_some_and(|name| name == SSH_AGENT) {
        return Some(all.collect());
    }
    let command = all.next().filter(|command| command == SSH_AGENT);
    let rest: Vec<_> = all.collect();
    // That is for the help of our own command line.
    command.filter(|_| rest.first().is_none_or(|first| first != "--help")).map(|_| rest)
}

/// Does what the arguments say, and gives the exit status.
pub(super) fn main(arguments: Vec<OsString>) -> u8 {
    run(arguments).unwrap_or_else(|failure| {
        complain(&failure.text);
        failure.status
    })
}

fn run(arguments: Vec<OsString>) -> Result<u8, Failure> {
    match arguments::parse(arguments, std::env::var_os("SHELL"))? {
        Call::Version => complain(&format!("{VERSION}\n")),
        Call::Kill(shell) => write(&kill::run(shell, std::env::var_os("SSH_AGENT_PID"))?),
        Call::Clean { of_all_hosts } => {
            stale::clean(&place::home()?, of_all_hosts);
            write(b"Deleted stale agent sockets in ~/.ssh/agent\n");
        }
        Call::Start(start) => return agent::run(*start),
    }
    Ok(0)
}

/// Nobody may be reading; then the status says it.
fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// What cannot be written is of no consequence to OpenSSH's agent, either.
fn write(text: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests;
