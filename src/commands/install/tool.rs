//! Other programs that are asked or told something: systemctl, loginctl, launchctl, and myagent itself.
//!
//! Guarantees that none waits for a terminal or keeps us longer than [`PATIENCE`]; `myagent start` has limits of its own.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::platform::program::{Programs, Said};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A user manager answers in milliseconds; starting a unit waits for its own commands.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a program to its end.
///
/// # Errors
/// Where there is no such program, or it does not end in time.
pub(super) fn run(command: &[String]) -> Result<Said, Error> {
    let (name, arguments) = command.split_first().map_or(("", command), |(name, rest)| (name.as_str(), rest));
    Programs::current().run(name, arguments, &[], PATIENCE)
}

/// The same for a command that must succeed; the error names the whole of it.
pub(super) fn run_well(command: &[String]) -> Result<(), Error> {
    let said = run(command)?;
    if said.status.success() {
        return Ok(());
    }
    let first = said.stderr.lines().map(str::trim).find(|line| !line.is_empty());
    let reason = first.map_or_else(|| said.status.to_string(), |line| line.escape_debug().to_string());
    Err(Error::Program { program: command.join(" "), reason })
}

/// What systemctl says of the user manager; nothing where there is none.
pub(super) fn systemctl(arguments: &[&str]) -> Option<String> {
    let command: Vec<String> =
        ["systemctl", "--user"].iter().chain(arguments).map(|&word| word.to_owned()).collect();
    run(&command).ok().filter(|said| said.status.success()).map(|said| said.stdout)
}

/// Finds or starts the agent as every new shell does it, in view of the terminal: what `start` has to say about this
/// machine it says once, and this may be the time.
pub(super) fn start(program: &Path) -> Result<(), Error> {
    let failed = |reason: String| Error::Program { program: format!("{} start", program.display()), reason };
    let status = Command::new(program)
        .args(["start", "--shell", "sh", "--replace-forwarded"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}
