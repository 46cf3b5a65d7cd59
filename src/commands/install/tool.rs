//! Other programs that are asked or told something: systemctl, loginctl, launchctl, and myagent itself.
//!
//! Guarantees that none waits for a terminal or keeps us longer than [`PATIENCE`]; `myagent start` has limits of its own.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::platform::program::{Programs, Said};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A user manager answers in milliseconds; starting a unit waits for its own commands.
const PATIENCE: Duration = Duration::from_secs(30);
/// What `launchctl bootout` ends with where the job takes its time to end: macOS' EINPROGRESS. It ends all the same.
const IN_PROGRESS: i32 = 36;
/// Between two looks at such a job.
const PAUSE: Duration = Duration::from_millis(100);

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
    match still_ending(command, said.status.code()) {
        Some(job) => ended(job),
        None => said.of_success(&command.join(" ")).map(drop),
    }
}

/// The job that a command of launchctl's ends, where that is not done yet.
fn still_ending(command: &[String], status: Option<i32>) -> Option<&str> {
    match command {
        [program, verb, job] if program == "launchctl" && verb == "bootout" => {
            (status == Some(IN_PROGRESS)).then_some(job)
        }
        _ => None,
    }
}

/// Waits until launchd knows a job no more.
fn ended(job: &str) -> Result<(), Error> {
    let print = ["launchctl", "print", job].map(str::to_owned);
    let end = Instant::now() + PATIENCE;
    while run(&print)?.status.success() {
        if Instant::now() >= end {
            let reason = "launchd has not ended it yet".to_owned();
            return Err(Error::Program { program: format!("launchctl bootout {job}"), reason });
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_takes_its_time_to_end_is_waited_for() {
        let line = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let bootout = line("launchctl bootout gui/501/myagent");
        assert_eq!(still_ending(&bootout, Some(IN_PROGRESS)), Some("gui/501/myagent"));
        for status in [None, Some(0), Some(3), Some(5), Some(125)] {
            assert_eq!(still_ending(&bootout, status), None, "{status:?}");
        }
        assert_eq!(still_ending(&line("launchctl bootstrap gui/501 /job"), Some(IN_PROGRESS)), None);
        assert_eq!(still_ending(&line("systemctl stop x"), Some(IN_PROGRESS)), None);
    }
}
