//! In WSL: the agent of Windows in this system's place, through `myagent.exe`.
//!
//! Guarantees that nothing of this happens elsewhere, where that program is not on the path, or where the command line
//! asks for an agent of this Linux.
#![forbid(unsafe_code)]

use super::{notice, say, service};
use crate::cli::Start;
use crate::error::Error;
use crate::platform::program::Programs;
use crate::platform::terminal::visible;
use crate::platform::wsl;
use std::path::PathBuf;
use std::time::Duration;

/// This program, as Windows has it.
const PROGRAM: &str = "myagent.exe";
/// How long it may take to have its agent run: twice what that may take itself, for Windows looks at a program that it
/// has not seen before.
const PATIENCE: Duration = Duration::from_secs(20);
/// Those of an agent's options that Windows' has.
const KNOWN: [&str; 2] = ["--log", "--allow-remote-admin"];
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
    let failed = |reason: String| Error::NoWindowsAgent { reason };
    let way = wsl::way().map_err(|error| failed(error.to_string()))?;
    let way: Vec<_> = way.iter().map(|(name, socket)| (*name, socket.as_os_str())).collect();
    let said = programs.run(PROGRAM, &arguments(options), &way, PATIENCE);
    let said = said.and_then(|said| said.of_success(PROGRAM)).map_err(|error| failed(error.to_string()))?;
    if !said.stdout.lines().any(|line| line.starts_with(SHOWN)) {
        return Err(failed(format!("{PROGRAM} start names no agent")));
    }
    if notice::has_reader() {
        warn(options, &said.stderr);
    }
    Ok(Some(program))
}

/// What the agent of Windows is started with.
fn arguments(options: &Start) -> Vec<String> {
    let is_known = |argument: &String| KNOWN.contains(&argument.split('=').next().unwrap_or_default());
    let own = service::agents_own(options, options.log).into_iter().filter(is_known);
    ["start", "--shell=env"].map(str::to_owned).into_iter().chain(own).collect()
}

/// Says what was asked for and is not to be had there, and what the program has said of an agent that it has just started.
fn warn(options: &Start, said: &str) {
    let missing =
        [("--secret-memory", options.secret_memory.is_some()), ("--providers", options.providers.is_some())];
    for (option, _) in missing.into_iter().filter(|(_, given)| *given) {
        say(&format!("{option} is nothing to the agent of Windows"), None);
    }
    for line in said.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("myagent: ").unwrap_or(line);
        say(&format!("in Windows: {}", visible(line)), None);
    }
}
