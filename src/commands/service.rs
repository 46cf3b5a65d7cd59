//! Having the user's own systemd run the agent: what is so on this machine, and the asking.
//!
//! Guarantees that no lock is held meanwhile, since the service's process needs it, and that an agent which another
//! shell has started in the meantime is as good as ours.
#![forbid(unsafe_code)]

use super::notice;
use super::probe::{self, Found};
use super::way::{Facts, Forced, Way};
use crate::cli::{Level, Start};
use crate::error::Error;
use crate::platform::lock::InstanceLock;
use crate::platform::login;
use crate::platform::paths::{Candidate, Environment};
use crate::platform::program::{Programs, this_program};
use crate::platform::user_manager::{SOCKET_UNIT, UserManager, find_unit, unit_directories};
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a unit may take from its start to the first answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What decides about the way, and who would start the agent on the way of a service.
pub(super) struct Situation {
    /// What is so.
    pub(super) facts: Facts,
    manager: Option<UserManager>,
}

impl Situation {
    /// Looks around. What nothing depends upon is not looked at, so that a start in the background stays quick.
    pub(super) fn look(forced: Option<Forced>, candidates: &[Candidate], environment: &Environment) -> Self {
        let programs = Programs::current();
        // The unit's place is the first of the usual ones; MYAGENT_SOCK may name another.
        let first = candidates.first();
        let runtime = first.and_then(Candidate::runtime);
        let asked = forced != Some(Forced::Daemon);
        let manager = runtime.filter(|_| asked).and_then(|runtime| UserManager::reach(runtime, &programs));
        let unit = manager.is_some() && {
            let home = environment.home();
            find_unit(&unit_directories(std::env::var_os("XDG_CONFIG_HOME"), home.as_deref()), SOCKET_UNIT)
                .is_some()
        };
        let lingering = login::lingers(Path::new(login::LINGER));
        let matters = manager.is_some() || first.is_some_and(notice::is_wanted);
        let kills = matters && login::kills(&programs);
        Self { facts: Facts { manager: manager.is_some(), unit, lingering, kills }, manager }
    }

    /// Starts the agent as a service, and gives the socket at which it, or another that was quicker, answers.
    ///
    /// # Errors
    /// [`Error::NoService`] with the reason.
    pub(super) fn start(
        &self,
        way: Way,
        options: &Start,
        candidates: &[Candidate],
    ) -> Result<PathBuf, Error> {
        let failed = |reason: String| Error::NoService { reason };
        let Some(manager) = &self.manager else {
            return Err(failed("no systemd of yours can be reached for this socket".to_owned()));
        };
        let program =
            this_program().map_err(|error| failed(format!("this program's file is gone: {error}")))?;
        let arguments = passed_on(options)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ask = || match way {
            Way::Service => manager.start(SOCKET_UNIT),
            _ => manager.run_transient(&program, &arguments),
        };
        let end = Instant::now() + PATIENCE;
        let mut asked = ask();
        loop {
            if let Ok(Found::Agent(candidate, _)) = probe::find(candidates) {
                return Ok(candidate.socket.clone());
            }
            let late = Instant::now() >= end;
            match &asked {
                // Whoever holds the lock is starting or ending, and then it is settled who answers.
                Err(error) if late || !is_held(candidates) => return Err(failed(error.to_string())),
                Ok(()) if late => return Err(failed("it was started, and gives no answer".to_owned())),
                _ => std::thread::sleep(PAUSE),
            }
            if asked.is_err() {
                asked = ask();
            }
        }
    }
}

fn is_held(candidates: &[Candidate]) -> bool {
    candidates
        .first()
        .and_then(|candidate| candidate.lock().ok())
        .is_some_and(|lock| !InstanceLock::is_free(lock))
}

/// The command line of the agent itself. What the environment says here is not in the manager's.
fn passed_on(options: &Start) -> Result<Vec<String>, Error> {
    let level = Level::choose(options.log)?;
    // The manager would put a variable in the place of a dollar sign.
    let own = agents_own(options, Some(level)).into_iter().map(|argument| argument.replace('$', "$$"));
    Ok(["start", "--foreground"].into_iter().map(str::to_owned).chain(own).collect())
}

/// The options that are a new agent's, and not those of the way in which it is started.
pub(super) fn agents_own(options: &Start, level: Option<Level>) -> Vec<String> {
    let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let level = level.and_then(|level| name(level.to_possible_value()));
    let memory = options.secret_memory.and_then(|kind| name(kind.to_possible_value()));
    let valued = [("--log", level), ("--secret-memory", memory), ("--providers", options.providers.clone())];
    let flags = [
        ("--trust-own-binary", options.trust_own_binary),
        ("--allow-remote-admin", options.allow_remote_admin),
    ];
    let valued = valued.into_iter().filter_map(|(option, value)| Some(format!("{option}={}", value?)));
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(option, _)| option.to_owned());
    valued.chain(flags).collect()
}
