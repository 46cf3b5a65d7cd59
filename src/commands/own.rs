//! `myagent start -- COMMAND`: the command under an agent of its own, which ends with it.
//!
//! Guarantees that the command runs in the very process that was called, as if it had been called itself, but for
//! three variables; and that neither agent nor directory stay when it has ended or could not be run. Must never use
//! or disturb the user's other agent.
#![forbid(unsafe_code)]

use super::register;
use super::serve::{self, Birth};
use super::start::birth;
use crate::cli::Start;
use crate::error::Error;
use crate::platform::directory::{Standing, private};
use crate::platform::life::Life;
use crate::platform::lock::{Attempt, InstanceLock};
use crate::platform::paths::{self, Candidate, Environment};
use crate::platform::process::{self, Side};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The agent ends in milliseconds; this is for a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(2);
/// What names the agent to the command: its clients, those that end it, and the `myagent start` of its shells.
const VARIABLES: [&str; 3] = ["SSH_AUTH_SOCK", "SSH_AGENT_PID", "MYAGENT_SOCK"];
/// What an agent leaves in its directory, besides its sockets.
const FILES: [&str; 6] =
    ["agent.sock", "control.sock", "agent.sock.lock", "agent.log", "agent.log.old", "told"];

/// What an agent of one command has of its own.
pub(super) struct Own {
    /// That of the command, which the agent's ends with.
    pub(super) life: Life,
    directory: OwnDirectory,
}

impl Own {
    /// Both parts: the second is to be dropped when the agent has ended.
    pub(super) fn split(self) -> (Life, OwnDirectory) {
        (self.life, self.directory)
    }
}

/// The directory made for one agent, removed when this is dropped, with what an agent puts there. Anything else that
/// lies in it keeps it.
pub(super) struct OwnDirectory(PathBuf);

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        for file in FILES {
            let _ = std::fs::remove_file(self.0.join(file));
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Starts the agent and becomes the command. Returns in the agent's process when that has ended, and else only where
/// something failed.
pub(super) fn run(options: &Start) -> Result<(), Error> {
    let (candidate, directory) = make_place(&Environment::current())?;
    let path = candidate.lock()?;
    let lock = match InstanceLock::try_acquire(path)? {
        Attempt::Acquired(lock) => lock,
        Attempt::Held(holder) => {
            return Err(Error::Held { lock: path.to_owned(), holder: holder.to_string() });
        }
    };
    let own = Some(Own { life: Life::own(), directory });
    let birth = Birth { own, ..birth(options, candidate.places(), lock)? };
    match process::daemonize()? {
        Side::Starter(report) => {
            let Birth { lock, own, .. } = birth;
            // Only copies now: the agent's keep the lock and watch.
            drop(lock);
            let pid = report.wait()?;
            register::register(&candidate.control());
            // The agent removes its directory, as the command takes this process.
            std::mem::forget(own);
            Err(become_command(&options.command, &candidate, pid))
        }
        Side::Daemon(reporter) => {
            serve::daemon(birth, reporter);
            Ok(())
        }
    }
}

fn become_command(command: &[OsString], candidate: &Candidate, pid: u32) -> Error {
    let socket = candidate.socket.clone().into_os_string();
    let values = [socket.clone(), pid.to_string().into(), socket];
    let ours = VARIABLES.map(OsString::from).into_iter().zip(values);
    let others = std::env::vars_os().filter(|(name, _)| !VARIABLES.iter().any(|ours| name == ours));
    let source = process::execute(command, others.chain(ours));
    process::terminate(pid);
    let end = Instant::now() + PATIENCE;
    while candidate.directory().exists() && Instant::now() < end {
        std::thread::sleep(PAUSE);
    }
    Error::Unrunnable { command: command.first().cloned().unwrap_or_default(), source }
}

/// A new private directory: in the runtime directory, else among the temporary files, wherever the path fits.
fn make_place(environment: &Environment) -> Result<(Candidate, OwnDirectory), Error> {
    let runtime = environment.runtime.clone().map(PathBuf::from).filter(|path| path.is_absolute());
    let runtime = runtime.filter(|path| matches!(private(path), Standing::Ready));
    let temporary = [std::env::temp_dir(), PathBuf::from("/tmp")];
    let mut reasons = Vec::new();
    for base in runtime.into_iter().chain(temporary.into_iter().filter(|path| path.is_absolute())) {
        match make_place_in(&base) {
            Ok(place) => return Ok(place),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(Error::NoPlace { reasons })
}

fn make_place_in(base: &Path) -> Result<(Candidate, OwnDirectory), Error> {
    let failed = |e: nix::Error| Error::io(format!("make a directory in {}", base.display()), e);
    let directory = OwnDirectory(nix::unistd::mkdtemp(&base.join("myagent-XXXXXX")).map_err(failed)?);
    let socket = Some(directory.0.join("agent.sock").into_os_string());
    let mut candidates = paths::candidates(&Environment { socket, ..Environment::current() })?;
    let candidate = candidates.pop().ok_or(Error::NoHome)?;
    candidate.prepare()?;
    Ok((candidate, directory))
}
