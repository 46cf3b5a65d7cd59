//! The commands: each takes its options, does one thing, and ends with a status of `error`.
//!
//! Standard output carries only what was asked for, so that a shell can evaluate it; everything else goes to
//! standard error, and nothing goes there when all is well.
#![forbid(unsafe_code)]

mod add;
mod answer;
mod completions;
#[cfg(windows)]
#[path = "windows/dialog.rs"]
mod dialog;
#[cfg(unix)]
mod forwarded;
#[cfg(unix)]
mod guard;
#[cfg_attr(windows, path = "windows/install.rs")]
mod install;
pub(crate) mod lifetime;
mod list;
mod lock;
#[cfg(unix)]
mod notice;
#[cfg_attr(windows, path = "windows/own.rs")]
mod own;
mod probe;
#[cfg(unix)]
mod register;
mod relay;
mod remove;
#[cfg(unix)]
mod restart;
#[cfg(unix)]
mod resume;
#[cfg_attr(windows, path = "windows/serve.rs")]
mod serve;
#[cfg(unix)]
mod service;
mod settle;
mod shell;
#[cfg(unix)]
mod ssh_agent;
#[cfg_attr(windows, path = "windows/start.rs")]
mod start;
mod status;
mod stop;
#[cfg(unix)]
mod way;
#[cfg(target_os = "linux")]
mod wsl;

use crate::cli::{self, Cli, Command};
use crate::error::{Error, STATUS_FAILED, STATUS_OK, STATUS_USAGE};
use crate::platform::directory::Standing;
use crate::platform::paths::{self, Candidate};
use clap::FromArgMatches;
use std::io::Write;
use std::process::ExitCode;

/// Parses the command line, does what it says, and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything uses AWS-LC: its memory is ours from the first block on.
    crate::vault::install_heap();
    #[cfg(unix)]
    {
        // By whatever name it is called: a file that is set-group-id, as Debian's ssh-agent is, lends nobody its group.
        if let Err(error) = crate::platform::process::drop_privileges() {
            say(&format!("cannot drop privileges: {}", error.desc()), None);
            return ExitCode::from(STATUS_FAILED);
        }
        if let Some(arguments) = ssh_agent::arguments(std::env::args_os()) {
            return ExitCode::from(ssh_agent::main(arguments));
        }
    }
    let parsed = cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(usage) => {
            let written = usage.print().is_ok();
            let status = if usage.use_stderr() { STATUS_USAGE } else { STATUS_OK };
            return ExitCode::from(if written { status } else { STATUS_FAILED });
        }
    };
    match run(parsed.command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain(&error);
            ExitCode::from(error.status())
        }
    }
}

/// Does what one command says, and gives the exit status.
fn run(command: Command) -> Result<u8, Error> {
    match command {
        Command::Start(options) => start::run(&options).map(|()| STATUS_OK),
        Command::Completions(options) => completions::run(&options).map(|()| STATUS_OK),
        Command::Stop => stop::run().map(|()| STATUS_OK),
        Command::Status(options) => status::run(&options),
        Command::Answer(options) => answer::run(&options).map(|()| STATUS_OK),
        Command::Add(options) => add::run(&options),
        Command::List(options) => list::run(&options),
        Command::Remove(options) => remove::run(&options),
        Command::Lock => lock::run(lock::Way::Lock).map(|()| STATUS_OK),
        Command::Unlock => lock::run(lock::Way::Unlock).map(|()| STATUS_OK),
        #[cfg(unix)]
        Command::Restart => restart::run().map(|()| STATUS_OK),
        Command::Relay(options) => relay::run(&options).map(|()| STATUS_OK),
        #[cfg(unix)]
        Command::Guard => guard::run().map(|()| STATUS_OK),
        #[cfg(unix)]
        Command::SshAgent(_) => Ok(ssh_agent::main(std::env::args_os().skip(2).collect())),
        #[cfg(unix)]
        Command::Resume(options) => resume::run(&options).map(|()| STATUS_OK),
        #[cfg(unix)]
        Command::Token => crate::token::run().map(|()| STATUS_OK),
        #[cfg(windows)]
        Command::Dialog(options) => Ok(dialog::run(&options)),
        Command::Install(options) => install::run(&options),
        Command::Uninstall(options) => install::uninstall::run(&options),
    }
}

fn complain(error: &Error) {
    say(&error.to_string(), error.hint().as_deref());
}

/// One sentence and its hint on standard error.
fn say(sentence: &str, hint: Option<&str>) {
    let mut stderr = std::io::stderr().lock();
    // Where even this cannot be written, the status says it.
    let _ = writeln!(stderr, "myagent: {sentence}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

/// Writes to standard output what was asked for.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|e| Error::io("write the output", e))
}

/// A connection to the running agent, for what ssh-add would do. This process closes itself to others first: it is about
/// to hold keys or passwords.
///
/// # Errors
/// [`Error::NotRunning`].
fn agent() -> Result<crate::client::Agent, Error> {
    // What is refused here changes nothing: the agent's own measures are what `status` shows.
    #[cfg(unix)]
    let _ = crate::platform::harden::harden_again();
    #[cfg(windows)]
    let _ = crate::platform::harden();
    let candidates = paths::candidates(&paths::Environment::current())?;
    match probe::find(&candidates)? {
        probe::Found::Agent(candidate, _) => crate::client::Agent::connect(&candidate.socket),
        probe::Found::Nothing | probe::Found::Ending(_) => Err(Error::NotRunning),
    }
}

/// Whether a candidate may be looked at. A fault of the place that the user named is an error.
fn worth_a_look(candidate: &Candidate) -> Result<bool, Error> {
    match candidate.standing() {
        Standing::Ready => Ok(true),
        Standing::Unfit(error) if candidate.chosen => Err(error),
        Standing::Unfit(_) | Standing::Absent => Ok(false),
    }
}
