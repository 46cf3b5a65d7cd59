//! The user's own systemd: whether it can be reached, which units it knows, and how it is asked to run an agent.
//!
//! Guarantees that only the manager that serves a given runtime directory is asked, and each question has a time
//! limit. Must never hold the instance lock while it asks: the unit's process needs it.
#![forbid(unsafe_code)]

use super::directory::{Standing, private};
use super::program::Programs;
use super::socket;
use crate::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The socket unit, which starts the service at the first connection.
pub const SOCKET_UNIT: &str = "myagent.socket";
/// The unit of an agent that is nowhere installed.
pub const TRANSIENT_UNIT: &str = "myagent-transient.service";
/// Where units of the system's administrator and of packages lie, those that win first; a person's packages
/// (`~/.local/share/systemd/user`) come after the first two.
const SYSTEM_UNITS: [&str; 5] = [
    "/etc/systemd/user",
    "/run/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
    "/lib/systemd/user",
];
/// A unit is started in a fraction of a second; this is for a machine that is very busy.
const LIMIT: Duration = Duration::from_secs(10);
/// For a look at a unit: a manager that does not answer has kept the shell waiting already.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// A manager that is alive accepts at once.
const REACH: Duration = Duration::from_secs(1);

/// The directories of the user's units, those that win first.
#[must_use]
pub fn unit_directories(config: Option<OsString>, home: Option<&Path>) -> Vec<PathBuf> {
    let config = config.map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| home.map(|home| home.join(".config")));
    let own = config.map(|config| config.join("systemd/user"));
    let mut directories: Vec<PathBuf> = own.into_iter().chain(SYSTEM_UNITS.map(PathBuf::from)).collect();
    if let Some(home) = home {
        let after = directories.len() - SYSTEM_UNITS.len() + 2;
        directories.insert(after, home.join(".local/share/systemd/user"));
    }
    directories
}

/// The file of a unit: the first of that name, unless it is masked or empty.
#[must_use]
pub fn find_unit(directories: &[PathBuf], name: &str) -> Option<PathBuf> {
    let path = directories
        .iter()
        .map(|directory| directory.join(name))
        .find(|path| path.symlink_metadata().is_ok())?;
    std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() > 0).then_some(path)
}

/// Whether a unit of this `ActiveState` is running, or will be in a moment.
#[must_use]
pub fn is_active(state: &str) -> bool {
    matches!(state, "active" | "activating" | "reloading")
}

/// A manager of our user that listens.
#[derive(Debug)]
pub struct UserManager {
    runtime: PathBuf,
    programs: Programs,
}

impl UserManager {
    /// The manager whose runtime directory this is; none where the directory is not private or none listens.
    #[must_use]
    pub fn reach(runtime: &Path, programs: &Programs) -> Option<Self> {
        if !matches!(private(runtime), Standing::Ready) {
            return None;
        }
        let stream = socket::connect(&runtime.join("systemd/private"), REACH).ok()?;
        let ours = socket::peer(&stream).is_ok_and(socket::Peer::is_ours);
        ours.then(|| Self { runtime: runtime.to_owned(), programs: programs.clone() })
    }

    /// Starts a unit, and returns when that is done.
    ///
    /// # Errors
    /// [`Error::Program`] with what `systemctl` said.
    pub fn start(&self, unit: &str) -> Result<(), Error> {
        self.succeed("systemctl", &["--user", "--quiet", "start", unit]).map(drop)
    }

    /// Runs `program` in a transient unit, and returns when it has said that it is ready. A unit that somebody else
    /// has started meanwhile is as good.
    ///
    /// # Errors
    /// [`Error::Program`] with what `systemd-run` said.
    pub fn run_transient(&self, program: &Path, arguments: &[&str]) -> Result<(), Error> {
        let unit = format!("--unit={TRANSIENT_UNIT}");
        let own = ["--user", "--quiet", "--collect", "--description=myagent", &unit];
        let properties = ["--property=Type=notify", "--property=NotifyAccess=main", "--"];
        let mut all: Vec<&OsStr> = own.iter().chain(&properties).map(OsStr::new).collect();
        all.push(program.as_os_str());
        all.extend(arguments.iter().map(OsStr::new));
        let done = self.succeed("systemd-run", &all).map(drop);
        if done.is_err() && self.is_active(TRANSIENT_UNIT) { Ok(()) } else { done }
    }

    fn is_active(&self, unit: &str) -> bool {
        let arguments = ["--user", "show", "--property=ActiveState", "--value", unit];
        let environment = [("XDG_RUNTIME_DIR", self.runtime.as_os_str())];
        let state = self.programs.succeed("systemctl", &arguments, &environment, LOOK_LIMIT);
        state.is_ok_and(|state| is_active(state.trim()))
    }

    fn succeed(&self, program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<String, Error> {
        let environment = [("XDG_RUNTIME_DIR", self.runtime.as_os_str())];
        self.programs.succeed(program, arguments, &environment, LIMIT)
    }
}
