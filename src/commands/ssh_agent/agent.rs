//! Becoming an agent by the name ssh-agent: in the background, in the foreground, or as a child of a command.
//!
//! Guarantees that a signal, a failure or the caller's death in the middle of the start leaves no socket and no process
//! behind; that such an agent has no lock, no control socket and no log file; and that a command runs in the process
//! that was called, with its caller's umask, limits, signals and descriptors. Must run before any thread exists.
#![forbid(unsafe_code)]

use super::arguments::{Form, Start};
use super::place::Place;
use super::{Failure, STATUS_ENDED, STATUS_FAILED, write};
use crate::cli::Level;
use crate::control::Measure;
use crate::platform::executable::Program;
use crate::platform::life::Life;
use crate::platform::paths::Places;
use crate::platform::process::{self, Reporter, Side};
use crate::platform::program::this_program;
use crate::platform::signals::Postponed;
use crate::platform::{self, BoundSocket, activation, claim, limits};
use crate::server::{self, Config, Mode};
use crate::{commands::start, logging};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

/// Fewer descriptors than that are not enough for one client, in OpenSSH's count.
const FEWEST_DESCRIPTORS: u64 = 10;
/// What names the agent to the command.
const VARIABLES: [&str; 2] = ["SSH_AUTH_SOCK", "SSH_AGENT_PID"];

/// Starts it. Gives the exit status of whichever process returns.
pub(super) fn run(start: Start) -> Result<u8, Failure> {
    let limit = limits::descriptors();
    if limit < FEWEST_DESCRIPTORS {
        let few = format!("ssh-agent: file descriptor rlimit {limit} too low (minimum {FEWEST_DESCRIPTORS})");
        return Err(Failure::fatal(few));
    }
    match start.form {
        Form::Foreground { debug } => foreground(start, debug),
        Form::Daemon => background(start, &[]),
        Form::Command(ref command) => {
            let command = command.clone();
            background(start, &command)
        }
    }
}

/// Serves in this process; a service manager may have made the socket.
fn foreground(start: Start, debug: bool) -> Result<u8, Failure> {
    let activated = match start.place {
        super::place::Wanted::At(_) => None,
        _ => activation::only_socket().map_err(Failure::fatal)?,
    };
    // From here on a signal waits until the server acts on it.
    server::hold_signals();
    process::reset_signals();
    let by_manager = activated.is_some();
    let (place, socket) = match activated {
        Some(socket) => (Place::of_manager(&socket), socket),
        None => Place::open(&start.place)?,
    };
    let lines = start.shell.started(place.shown.as_os_str().as_bytes(), std::process::id(), false);
    let closed = process::close_inherited(&[socket.as_fd()]);
    let mut measures = platform::harden();
    measures.push(closed);
    let level = if debug { Level::Debug } else { Level::Warn };
    let log = logging::to_stderr(level.into(), true);
    let config = config(&socket, Mode::SshAgentForeground, level, measures, None);
    let served = server::run(config, start.options, Some(socket), || {
        if !by_manager {
            write(&lines);
        }
    });
    drop((log, place));
    match served {
        Ok(Some(Signal::SIGTERM)) if by_manager => Ok(0),
        Ok(_) => Ok(STATUS_ENDED),
        Err(error) => Err(Failure::failed(format!("ssh-agent: {error}"))),
    }
}

/// Forks the agent, and then says where it is, or becomes the command.
fn background(start: Start, command: &[OsString]) -> Result<u8, Failure> {
    let ending: nix::sys::signal::SigSet =
        [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM].into_iter().collect();
    let postponed = Postponed::begin(&ending);
    let (place, socket) = Place::open(&start.place)?;
    let life = (!command.is_empty()).then(Life::own);
    match process::fork_agent().map_err(|error| Failure::failed(format!("ssh-agent: {error}")))? {
        Side::Daemon(reporter) => Ok(serve(start, place, socket, life, reporter)),
        Side::Starter(report) => {
            drop(socket);
            let pid = report.wait().map_err(|error| Failure::failed(format!("ssh-agent: {error}")))?;
            if postponed.is_due() {
                process::end_child(pid);
                // It has its effect now, or none at all.
                drop(postponed);
                return Ok(STATUS_FAILED);
            }
            let shown = place.shown.clone();
            place.leave();
            if command.is_empty() {
                write(&start.shell.started(shown.as_os_str().as_bytes(), pid, true));
                return Ok(0);
            }
            drop(postponed);
            let error = become_command(command, shown.as_os_str(), pid);
            process::end_child(pid);
            let name = command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Err(Failure::failed(format!("{name}: {}", word(&error))))
        }
    }
}

/// The agent in the background, and as a child of a command.
fn serve(start: Start, place: Place, socket: BoundSocket, life: Option<Life>, reporter: Reporter) -> u8 {
    server::hold_signals();
    process::reset_signals();
    claim::listen_here(&socket);
    let watched = life.as_ref().and_then(Life::descriptor);
    let keep: Vec<_> = [socket.as_fd(), reporter.as_fd()].into_iter().chain(watched).collect();
    let closed = process::close_inherited(&keep);
    if let Err(error) = process::detach() {
        reporter.failed(&error);
        return STATUS_FAILED;
    }
    let mut measures = platform::harden();
    measures.push(closed);
    let config = config(&socket, Mode::SshAgent, Level::Off, measures, life);
    let mut reporter = Some(reporter);
    let ready = || {
        // Whom nobody knows nobody can end.
        if !reporter.take().is_some_and(Reporter::ready) {
            process::terminate(std::process::id());
        }
    };
    let served = server::run(config, start.options, Some(socket), ready);
    drop(place);
    match (served, reporter) {
        (Ok(_), _) => STATUS_ENDED,
        (Err(error), reporter) => {
            reporter.into_iter().for_each(|reporter| reporter.failed(&error));
            STATUS_FAILED
        }
    }
}

fn config(
    socket: &BoundSocket,
    mode: Mode,
    level: Level,
    measures: Vec<Measure>,
    ends_with: Option<Life>,
) -> Config {
    Config {
        places: Places { socket: socket.path.clone(), control: None, log: None },
        mode,
        measures,
        secret_memory: start::wish(None),
        lock: None,
        // It is not restarted; its children are started from there, where that can be.
        program: Program { path: this_program().unwrap_or_default(), trust_own: false },
        level: level.into(),
        ends_with,
    }
}

fn become_command(command: &[OsString], socket: &OsStr, pid: u32) -> io::Error {
    let ours = VARIABLES.map(OsString::from).into_iter().zip([socket.to_owned(), pid.to_string().into()]);
    let others = std::env::vars_os().filter(|(name, _)| !VARIABLES.iter().any(|ours| name == ours));
    process::execute(command, others.chain(ours))
}

fn word(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |code| Errno::from_raw(code).desc().to_owned())
}
