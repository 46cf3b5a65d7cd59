//! `myagent start -- COMMAND` on Windows: the command under an agent of its own, which ends with it.
//!
//! Guarantees that the agent ends also where this process is ended. Must never use or disturb the user's other agent.
#![forbid(unsafe_code)]

use super::start::passed_on;
use super::stop;
use crate::cli::Start;
use crate::error::Error;
use crate::platform::paths::{self, Environment};
use crate::platform::process;
use aws_lc_rs::rand;
use std::ffi::OsString;
use std::process::Command;

/// Starts the agent, runs the command, ends the agent, and ends with the command's status.
pub(super) fn run(options: &Start) -> Result<(), Error> {
    let mut number = [0; 8];
    rand::fill(&mut number).map_err(|_| Error::io("choose a name", std::io::ErrorKind::Other))?;
    let socket = OsString::from(format!(r"\\.\pipe\myagent.own.{:016x}", u64::from_ne_bytes(number)));
    let candidates = paths::candidates(&Environment { socket: Some(socket.clone()) })?;
    let mut arguments = passed_on(options)?;
    arguments.insert(1, format!("--ends-with={}", std::process::id()));
    process::start_agent_at(&socket, &arguments)?.wait()?;
    let mut command = options.command.iter();
    let program = command.next().cloned().unwrap_or_default();
    let ended = Command::new(&program)
        .args(command)
        .env("SSH_AUTH_SOCK", &socket)
        .env("MYAGENT_SOCK", &socket)
        .status();
    let stopped = stop::end(&candidates);
    let files =
        candidates.first().map(|candidate| candidate.places().log.into_iter().chain([candidate.lock_file()]));
    let _ = stopped.map(|()| files.into_iter().flatten().for_each(|file| drop(std::fs::remove_file(file))));
    match ended {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(source) => Err(Error::Unrunnable { command: program, source }),
    }
}
