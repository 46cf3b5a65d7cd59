//! Everything that `install` and `uninstall` decide by, gathered before anything is decided.
#![forbid(unsafe_code)]

use super::manager::Supervisor;
use super::program::Program;
use super::record::Record;
use super::shells::{Family, Homes};
use crate::commands::probe::{self, Found};
use crate::error::Error;
use crate::platform::directory::Standing;
use crate::platform::paths::{self, Candidate, Environment};
use nix::unistd::{User, geteuid};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What there is.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The user's name.
    pub(super) user: String,
    /// The user's number.
    pub(super) uid: u32,
    /// Where the shells' files lie.
    pub(super) homes: Homes,
    /// The shells that the user logs in with or runs, and those that nothing is known about.
    pub(super) shells: Vec<PathBuf>,
    /// This program.
    pub(super) program: Program,
    /// What can start the agent.
    pub(super) supervisor: Supervisor,
    /// The first place where an agent can be.
    pub(super) socket: PathBuf,
    /// Why no unit can serve there.
    pub(super) elsewhere: Option<String>,
    /// The socket of an agent that answers, or of something that listens there.
    pub(super) living: Option<PathBuf>,
    /// What was done before.
    pub(super) record: Record,
    /// Where that is written.
    pub(super) record_path: PathBuf,
    /// Whether files that a person changed may be replaced.
    pub(super) force: bool,
    /// Whether the agent is to trust a program of this user's own at a restart.
    pub(super) trust_own: bool,
}

impl Facts {
    /// Looks at everything once. Nothing is changed, and no service is started by it: a socket that systemd or
    /// launchd holds is not connected to.
    pub(super) fn gather(force: bool, trust_own: bool) -> Result<Self, Error> {
        let environment = Environment::current();
        let home = environment.home().ok_or(Error::NoHome)?;
        let account = User::from_uid(environment.uid).ok().flatten();
        let user = account.as_ref().map_or_else(|| environment.uid.to_string(), |user| user.name.clone());
        let config = base("XDG_CONFIG_HOME", &home, ".config");
        let record_path = base("XDG_STATE_HOME", &home, ".local/state").join("myagent/install.json");
        let shells = [account.map(|user| user.shell), variable("SHELL").map(PathBuf::from)];
        let candidates = paths::candidates(&environment)?;
        let supervisor = Supervisor::look(&user, &[config.clone(), home.join(".config")]);
        let fit = |place: &&Candidate| !matches!(place.standing(), Standing::Unfit(_));
        let held = match &supervisor {
            Supervisor::Systemd(manager) => manager.socket.is_active(),
            Supervisor::Launchd { loaded, .. } => *loaded,
            Supervisor::None(_) => false,
        };
        Ok(Self {
            program: Program::current(&home)?,
            shells: shells.into_iter().flatten().collect(),
            socket: candidates.iter().find(fit).map(|place| place.socket.clone()).unwrap_or_default(),
            elsewhere: elsewhere(&environment),
            living: if held { None } else { living(&candidates) },
            record: Record::load(&record_path),
            uid: environment.uid.as_raw(),
            homes: Homes {
                zsh: variable("ZDOTDIR").map(PathBuf::from).filter(|place| ours(place)),
                home,
                config,
            },
            user,
            supervisor,
            record_path,
            force,
            trust_own,
        })
    }

    /// The families of the user's shells, each once.
    pub(super) fn families(&self) -> Vec<Family> {
        let mut families = Vec::new();
        for family in self.shells.iter().filter_map(|shell| Family::of(shell)) {
            if !families.contains(&family) {
                families.push(family);
            }
        }
        families
    }
}

/// An agent that answers, or whatever listens where one would.
fn living(candidates: &[Candidate]) -> Option<PathBuf> {
    match probe::find(candidates) {
        Ok(Found::Agent(candidate, _)) => Some(candidate.socket.clone()),
        Ok(Found::Nothing) => None,
        Ok(Found::Ending(Error::Silent { socket, .. })) | Err(Error::Silent { socket, .. }) => Some(socket),
        Ok(Found::Ending(_)) | Err(_) => candidates.first().map(|candidate| candidate.socket.clone()),
    }
}

/// The units serve at one place alone; shells that look elsewhere would never meet the agent there.
fn elsewhere(environment: &Environment) -> Option<String> {
    let Some(runtime) = &environment.runtime else {
        return Some("XDG_RUNTIME_DIR is not set, as after su".to_owned());
    };
    let served = Path::new(runtime).join("myagent/agent.sock");
    let chosen = environment.socket.as_ref().is_some_and(|socket| Path::new(socket) != served);
    chosen.then(|| "MYAGENT_SOCK names a place of its own".to_owned())
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A base directory as the XDG specification has it, unless it is somebody else's, as after sudo -E.
fn base(name: &str, home: &Path, default: &str) -> PathBuf {
    let named = variable(name).map(PathBuf::from).filter(|place| place.is_absolute() && ours(place));
    named.unwrap_or_else(|| home.join(default))
}

/// Whether a directory, or what is there above it, is ours.
fn ours(place: &Path) -> bool {
    let there = place.ancestors().find_map(|place| std::fs::metadata(place).ok());
    there.is_some_and(|meta| meta.uid() == geteuid().as_raw())
}
