//! `ssh-agent -k`: ends the agent that `SSH_AGENT_PID` names.
#![forbid(unsafe_code)]

use super::Failure;
use super::output::Shell;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;

/// Ends it, and gives the lines that take it out of a shell.
pub(super) fn run(shell: Shell, variable: Option<OsString>) -> Result<Vec<u8>, Failure> {
    let value = variable.ok_or_else(|| Failure::failed("SSH_AGENT_PID not set, cannot kill agent"))?;
    let value = value.to_string_lossy();
    let pid = number(&value).map_err(|reason| {
        Failure::failed(format!("SSH_AGENT_PID=\"{value}\", which is not a good PID: {reason}"))
    })?;
    kill(Pid::from_raw(pid), Signal::SIGTERM)
        .map_err(|error| Failure::failed(format!("kill: {}", error.desc())))?;
    Ok(shell.killed(pid))
}

/// The number of a process that is neither a group nor the first one, read as strtonum(3) reads it.
fn number(text: &str) -> Result<i32, &'static str> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("invalid");
    }
    match (negative, digits.parse::<u64>()) {
        (true, _) | (false, Ok(0 | 1)) => Err("too small"),
        (false, number) => number.ok().and_then(|number| i32::try_from(number).ok()).ok_or("too large"),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn only_a_process_of_its_own_is_a_good_number() {
        for (text, expected) in [
            ("2", Ok(2)),
            ("2147483647", Ok(i32::MAX)),
            (" 7", Ok(7)),
            ("+5", Ok(5)),
            ("", Err("invalid")),
            ("abc", Err("invalid")),
            ("7 ", Err("invalid")),
            ("7x", Err("invalid")),
            ("--7", Err("invalid")),
            ("+", Err("invalid")),
            ("1", Err("too small")),
            ("0", Err("too small")),
            ("-1", Err("too small")),
            ("-99999999999999999999", Err("too small")),
            ("2147483648", Err("too large")),
            ("99999999999999999999", Err("too large")),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }
}
