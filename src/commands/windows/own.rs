//! `myagent start -- COMMAND` on Windows: the command under an agent of its own, which ends with it.
//!
//! Guarantees that the agent ends also where this process is ended. Must never use or disturb the user's other agent.
#![forbid(unsafe_code)]

use super::start::passed_on;
use super::stop;
use crate::cli::Start;
use crate::error::Error;
use crate::platform::paths::{self, Candidate, Environment};
use crate::platform::process;
use crate::platform::windows::background;
use aws_lc_rs::rand;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Starts the agent, runs the command, ends the agent, and ends with the command's status.
pub(super) fn run(options: &Start) -> Result<(), Error> {
    let mut number = [0; 8];
    rand::fill(&mut number).map_err(|_| Error::io("choose a name", std::io::ErrorKind::Other))?;
    let socket = OsString::from(format!(r"\\.\pipe\myagent.own.{:016x}", u64::from_ne_bytes(number)));
    let candidates = paths::candidates(&Environment { socket: Some(socket.clone()) })?;
    let files = candidates.first().map(Files);
    // They are for the command, as in a shell.
    process::leave_keys_to_others();
    let mut arguments = passed_on(options)?;
    arguments.insert(1, format!("--ends-with={}", std::process::id()));
    background::start_agent_at(&socket, &arguments)?.wait()?;
    let mut command = options.command.iter();
    let program = command.next().cloned().unwrap_or_default();
    let ended = Command::new(&program)
        .args(command)
        .env("SSH_AUTH_SOCK", &socket)
        .env("MYAGENT_SOCK", &socket)
        .status();
    // It may have ended by itself, as by the command's own `myagent stop`.
    let _ = stop::end(&candidates);
    drop(files);
    match ended {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(source) => Err(Error::Unrunnable { command: program, source }),
    }
}

/// What an agent of its own leaves on disk, removed when this is dropped.
struct Files<'c>(&'c Candidate);

impl Drop for Files<'_> {
    fn drop(&mut self) {
        let log = self.0.places().log;
        let old = log.as_ref().map(|path| path.with_extension("log.old"));
        let lock = self.0.lock().ok().map(Path::to_owned);
        for file in [lock, log, old].into_iter().flatten() {
            let _ = std::fs::remove_file(file);
        }
    }
}
