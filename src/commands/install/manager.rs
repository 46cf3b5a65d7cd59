//! What supervises this user's services, as `install` finds it.
//!
//! Only asks; nothing here changes anything.
#![forbid(unsafe_code)]

use super::tool;
use super::units::{SERVICE_NAME, SOCKET_NAME};
use crate::platform::{login, user_manager};
use nix::unistd::geteuid;
use std::path::{Path, PathBuf};

/// Socket units of other agents, each of which sets `SSH_AUTH_SOCK` for the whole session.
const RIVALS: [&str; 3] = ["ssh-agent.socket", "gcr-ssh-agent.socket", "gpg-agent-ssh.socket"];

/// Whether the user manager stays when the user has logged out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Linger {
    /// It does.
    On,
    /// It does not.
    Off,
    /// It does not, and the system did not let us change that, in these words.
    Refused(String),
}

/// What starts the agent for us, if anything does.
#[derive(Clone, Debug)]
pub(super) enum Supervisor {
    /// The user manager of systemd.
    Systemd(Box<Manager>),
    /// launchd.
    Launchd {
        /// Whether it knows the job already.
        loaded: bool,
        /// Whether the user is logged in at the screen: jobs of such a login are not there for one over ssh alone.
        here: bool,
    },
    /// Nothing, for this reason.
    None(String),
}

/// The user manager of systemd.
#[derive(Clone, Debug)]
pub(super) struct Manager {
    /// Where it looks for the user's own units.
    pub(super) directory: PathBuf,
    /// Our socket unit.
    pub(super) socket: Unit,
    /// Our service.
    pub(super) service: Unit,
    /// The units of other agents that are enabled or running.
    pub(super) rivals: Vec<String>,
    /// Whether it outlives a logout.
    pub(super) linger: Linger,
}

/// A unit, as the user manager knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// `LoadState`.
    pub(super) load: String,
    /// `UnitFileState`.
    pub(super) file_state: String,
    /// `ActiveState`.
    pub(super) active: String,
    /// `FragmentPath`: its file.
    pub(super) fragment: PathBuf,
    /// The first word of `ExecStart=` in that file.
    pub(super) program: PathBuf,
}

impl Unit {
    /// Whether it starts with the user manager.
    pub(super) fn is_enabled(&self) -> bool {
        self.file_state == "enabled"
    }

    /// Whether it is running, or will be in a moment.
    pub(super) fn is_active(&self) -> bool {
        user_manager::is_active(&self.active)
    }

    /// Whether somebody forbade it.
    pub(super) fn is_masked(&self) -> bool {
        self.load == "masked" || self.file_state.starts_with("masked")
    }
}

impl Supervisor {
    /// Asks. `config` are the places where the user's configuration may lie, the best first.
    pub(super) fn look(user: &str, config: &[PathBuf]) -> Self {
        if cfg!(target_os = "macos") {
            let domain = format!("gui/{}", geteuid());
            let knows = |what: &str| {
                let print = ["launchctl", "print", what].map(str::to_owned);
                tool::run(&print).is_ok_and(|said| said.status.success())
            };
            return Self::Launchd { loaded: knows(&format!("{domain}/myagent")), here: knows(&domain) };
        }
        let Some(paths) = tool::systemctl(&["show", "--property=UnitPath", "--value"]) else {
            return Self::None("no user manager of systemd answers here".to_owned());
        };
        let mut places = config.iter().map(|place| place.join("systemd/user"));
        let known = |place: &PathBuf| paths.split_whitespace().any(|path| Path::new(path) == shown(place));
        let Some(directory) = places.find(known) else {
            return Self::None("the user manager of systemd looks for units in other directories".to_owned());
        };
        let properties = "--property=Id,LoadState,UnitFileState,ActiveState,FragmentPath";
        let names = [&[SOCKET_NAME, SERVICE_NAME], &RIVALS[..]].concat();
        let said = tool::systemctl(&[&["show", properties], &names[..]].concat()).unwrap_or_default();
        let unit = |name: &str| unit(&said, name);
        let rival = |name: &&&str| {
            let unit = unit(name);
            unit.load == "loaded" && (unit.is_enabled() || unit.is_active())
        };
        Self::Systemd(Box::new(Manager {
            directory,
            socket: unit(SOCKET_NAME),
            service: with_program(unit(SERVICE_NAME)),
            rivals: RIVALS.iter().filter(rival).map(|&name| name.to_owned()).collect(),
            linger: linger(user),
        }))
    }
}

/// A path as `systemctl show` lists it: not at all where a list separated by spaces could not hold it.
fn shown(path: &Path) -> &Path {
    let separates = path.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b' ' | b'\n'));
    if separates { Path::new("[unprintable]") } else { path }
}

/// One unit out of what `systemctl show` says of several.
fn unit(shown: &str, name: &str) -> Unit {
    let id = format!("Id={name}");
    let about = shown.split("\n\n").find(|part| part.lines().any(|line| line == id)).unwrap_or_default();
    let value = |key: &str| {
        let line = about.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    Unit {
        load: value("LoadState"),
        file_state: value("UnitFileState"),
        active: value("ActiveState"),
        fragment: value("FragmentPath").into(),
        program: PathBuf::new(),
    }
}

fn with_program(mut unit: Unit) -> Unit {
    let text = std::fs::read_to_string(&unit.fragment).unwrap_or_default();
    let command = text.lines().filter_map(|line| line.strip_prefix("ExecStart=")).next_back();
    unit.program = command.and_then(|command| command.split(' ').next()).unwrap_or_default().into();
    unit
}

/// Whether lingering is on. logind knows only those who are logged in; its files name the others.
pub(super) fn linger(user: &str) -> Linger {
    let ask = ["loginctl", "show-user", "--property=Linger", "--value", user].map(str::to_owned);
    let on = match tool::run(&ask) {
        Ok(said) if said.status.success() => said.stdout.trim() == "yes",
        _ => login::lingers(Path::new(login::LINGER)),
    };
    if on { Linger::On } else { Linger::Off }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart() {
        let shown = "Id=myagent.socket\nLoadState=loaded\nUnitFileState=enabled\nActiveState=inactive\n\
                     FragmentPath=/usr/lib/systemd/user/myagent.socket\n\nId=ssh-agent.socket\n\
                     LoadState=not-found\nUnitFileState=\nActiveState=active\n";
        let ours = unit(shown, "myagent.socket");
        assert!(ours.is_enabled() && !ours.is_active() && !ours.is_masked());
        assert_eq!(ours.fragment, Path::new("/usr/lib/systemd/user/myagent.socket"));
        assert!(unit(shown, "ssh-agent.socket").is_active());
        assert_eq!(unit(shown, "myagent.service"), Unit::default());
    }
}
