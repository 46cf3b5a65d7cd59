//! `myagent start` on Windows: finds the agent that answers, or has one started in the background, or becomes it.
//!
//! Guarantees that of any number of simultaneous calls one agent comes to be and all print the same, and that nothing but
//! the variable is printed.
#![forbid(unsafe_code)]

use super::probe::{self, Found};
use super::serve::{self, Birth};
use super::settle::{Settled, settle};
use super::{own, print, say};
use crate::agent::Options;
use crate::cli::{Level, Shell, Start};
use crate::control::{Op, Reply, State, Way, ask};
use crate::error::Error;
use crate::platform::executable::Program;
use crate::platform::life::Life;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::{self, Candidate, Environment, Places};
use crate::platform::windows::background::{self, Reporter};
use clap::ValueEnum;

/// What the way for Git Bash and Cygwin is called in a status.
const SOCKET_FILE: &str = "Cygwin";
/// And that for Windows' own ssh.
const OPENSSH: &str = "OpenSSH";
/// Said of an agent that the system may end with the shell's surroundings, as with a login over ssh.
const KEPT: &str = "this agent may end with your login or terminal, which lets none of its programs go";
const TO_STAY: &str = "for one that stays until you sign out: myagent install, then sign out and in again at the \
                       machine itself";

pub(super) fn run(options: &Start) -> Result<(), Error> {
    if !options.command.is_empty() {
        return own::run(options);
    }
    let candidates = paths::candidates(&Environment::current())?;
    if let Some(report) = &options.report {
        let reporter = Reporter::at(report).map_err(|error| Error::io("report to the starter", error))?;
        return background(options, &candidates, reporter);
    }
    let shell = Shell::choose(options.shell);
    if options.foreground {
        return match settle(&candidates)? {
            Settled::Agent(socket) => Err(Error::AlreadyRunning { socket }),
            Settled::Ours(places, lock) => serve::foreground(birth(options, places, lock)?, shell),
        };
    }
    let candidate = find_or_start(&candidates, &passed_on(options)?)?;
    print(&shell.lines(&visible(candidate, shell), None))
}

/// The same, and nothing is printed.
pub(super) fn start_quietly() -> Result<(), Error> {
    let candidates = paths::candidates(&Environment::current())?;
    let level = Level::choose(None)?;
    find_or_start(&candidates, &arguments(level, false)).map(drop)
}

fn find_or_start<'c>(candidates: &'c [Candidate], arguments: &[String]) -> Result<&'c Candidate, Error> {
    match probe::find(candidates)? {
        Found::Agent(candidate, _) => Ok(candidate),
        Found::Nothing | Found::Ending(_) => {
            let report = background::start_agent(arguments)?;
            let kept = report.is_kept();
            report.wait()?;
            if kept {
                say(KEPT, Some(TO_STAY));
            }
            let candidate = candidates.first().ok_or(Error::NotRunning)?;
            tell_what_is_missing(candidate);
            Ok(candidate)
        }
    }
}

/// Says once, of an agent that was just started, what Windows' own ssh will miss.
fn tell_what_is_missing(candidate: &Candidate) {
    let Ok(Reply::Status(status)) = ask(&candidate.control(), Op::Status) else { return };
    let missing = |way: &&Way| way.name == OPENSSH && way.state != State::On;
    if let Some(way) = status.ways.iter().find(missing) {
        say(&format!("not found by Windows' own ssh: {}", way.detail), None);
    }
}

/// Becomes the agent, unless somebody else was quicker: then that one is as good.
fn background(options: &Start, candidates: &[Candidate], reporter: Reporter) -> Result<(), Error> {
    match settle(candidates).and_then(|settled| match settled {
        Settled::Agent(_) => Ok(None),
        Settled::Ours(places, lock) => birth(options, places, lock).map(Some),
    }) {
        Ok(Some(birth)) => serve::background(birth, reporter),
        Ok(None) => {
            reporter.ready();
            Ok(())
        }
        Err(error) => {
            reporter.failed(&error);
            Err(error)
        }
    }
}

/// What an agent is born with.
fn birth(options: &Start, places: Places, lock: InstanceLock) -> Result<Birth, Error> {
    let program = Program::current().map_err(|error| Error::io("find this program's own file", error))?;
    let ends_with = options.ends_with.map(Life::of).transpose();
    let ends_with = ends_with.map_err(|error| Error::io("look at the process to end with", error))?;
    let level = Level::choose(options.log)?;
    let options = Options { allow_remote_admin: options.allow_remote_admin, ..Options::default() };
    Ok(Birth { places, lock, level, options, program, ends_with })
}

/// The command line of an agent in the background; the path of the report comes last.
pub(super) fn passed_on(options: &Start) -> Result<Vec<String>, Error> {
    Ok(arguments(Level::choose(options.log)?, options.allow_remote_admin))
}

fn arguments(level: Level, allow_remote_admin: bool) -> Vec<String> {
    let level = level.to_possible_value().map(|level| format!("--log={}", level.get_name()));
    let remote = allow_remote_admin.then(|| "--allow-remote-admin".to_owned());
    ["start".to_owned()].into_iter().chain(level).chain(remote).chain(["--report".to_owned()]).collect()
}

/// What `SSH_AUTH_SOCK` is to be: the agent's pipe, and in a shell of the family of sh the file that the ssh of that world
/// takes for a socket, where the agent has one.
fn visible(candidate: &Candidate, shell: Shell) -> String {
    let pipe = || candidate.socket.to_string_lossy().into_owned();
    if !matches!(shell, Shell::Sh | Shell::Csh | Shell::Fish) {
        return pipe();
    }
    let Ok(Reply::Status(status)) = ask(&candidate.control(), Op::Status) else { return pipe() };
    let file = status.ways.into_iter().find(|way| way.name == SOCKET_FILE && way.state == State::On);
    file.map_or_else(pipe, |way| way.path.replace('\\', "/"))
}
