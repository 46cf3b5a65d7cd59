//! In WSL: the agent of Windows in this system's place, through `myagent.exe`.
//!
//! Guarantees that nothing of this happens elsewhere, where that program is not on the path, or where the command line
//! asks for an agent of this Linux.
#![forbid(unsafe_code)]

use super::service;
use crate::cli::Start;
use crate::error::Error;
use crate::platform::program::Programs;
use crate::platform::wsl;
use std::path::PathBuf;
use std::time::Duration;

/// This program, as Windows has it.
const PROGRAM: &str = "myagent.exe";
/// How long it may take to have its agent run: twice what that may take itself, for Windows looks at a program that it
/// has not seen before.
const PATIENCE: Duration = Duration::from_secs(20);
/// What it prints where an agent runs.
const SHOWN: &str = "SSH_AUTH_SOCK=";

/// Has the agent of Windows run, where there is to be a relay to it, and gives the program that reaches it.
///
/// # Errors
/// [`Error::NoWindowsAgent`] with the reason.
pub(super) fn windows_agent(options: &Start) -> Result<Option<PathBuf>, Error> {
    if options.daemon || options.service || !wsl::is_here() {
        return Ok(None);
    }
    let programs = Programs::current();
    let Some(program) = programs.find(PROGRAM) else { return Ok(None) };
    let mut arguments: Vec<String> = ["start", "--shell=env"].map(str::to_owned).into();
    arguments.extend(service::agents_own(options, options.log));
    let way = wsl::way();
    let way: Vec<_> = way.iter().map(|(name, socket)| (*name, socket.as_os_str())).collect();
    let failed = |reason: String| Error::NoWindowsAgent { reason };
    let said = programs.succeed(PROGRAM, &arguments, &way, PATIENCE);
    let said = said.map_err(|error| failed(error.to_string()))?;
    if !said.lines().any(|line| line.starts_with(SHOWN)) {
        return Err(failed(format!("{PROGRAM} start names no agent")));
    }
    Ok(Some(program))
}
