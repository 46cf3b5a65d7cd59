//! Graphical sessions, as environments describe them, and the askpass program that puts a question there.
//!
//! Guarantees: only the variables named here are taken from anywhere, none longer than a path and none with a control
//! character; a program is looked for in absolute places alone.
//! Must never: look at the environment of a process that wants something signed.
#![forbid(unsafe_code)]

use super::program::{Programs, can_be_run};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What leads a program to one session, and nowhere else: what a session does not have is taken away.
const LEADING: [&str; 6] =
    ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE", "QT_QPA_PLATFORM", "GDK_BACKEND"];
/// What a session may know better than the agent.
const HELPING: [&str; 3] = ["XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS"];
/// The program that asks there.
const ASKPASS: &str = "SSH_ASKPASS";
/// Whether it may: `never` or `force`; OpenSSH's `prefer` means nothing to an agent.
const REQUIRE: &str = "SSH_ASKPASS_REQUIRE";
/// Longest value that is taken: paths of sockets and programs are shorter, and a dozen of them must fit into a message.
const MOST_VALUE: usize = 512;

/// Where askpass programs lie, on whatever system: OpenSSH's own default first. LXQt's last: it shows a confirmation as
/// if it wanted a passphrase.
const WELL_KNOWN: [&str; 17] = [
    "/usr/bin/ssh-askpass",
    "/usr/lib/ssh/ssh-askpass",
    "/usr/libexec/openssh/ssh-askpass",
    "/usr/libexec/ssh-askpass",
    "/usr/X11R6/bin/ssh-askpass",
    "/usr/local/bin/ssh-askpass",
    "/opt/homebrew/bin/ssh-askpass",
    "/opt/local/bin/ssh-askpass",
    "/usr/lib/openssh/gnome-ssh-askpass",
    "/usr/libexec/openssh/gnome-ssh-askpass",
    "/usr/lib/ssh/gnome-ssh-askpass3",
    "/usr/bin/ksshaskpass",
    "/usr/lib/seahorse/ssh-askpass",
    "/usr/libexec/seahorse/ssh-askpass",
    "/usr/lib/ssh/x11-ssh-askpass",
    "/usr/libexec/openssh/lxqt-openssh-askpass",
    "/usr/bin/lxqt-openssh-askpass",
];
/// The same programs by name, where the system keeps them elsewhere.
const NAMES: [&str; 3] = ["ssh-askpass", "ksshaskpass", "lxqt-openssh-askpass"];

/// What one environment says of a graphical session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Surroundings(BTreeMap<String, String>);

/// Whether an askpass program may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `SSH_ASKPASS_REQUIRE=never`
    Never,
    /// Where there is a display.
    OnDisplay,
    /// `SSH_ASKPASS_REQUIRE=force`: also without one.
    Always,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn own() -> Self {
        Self::of(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// What `systemctl show-environment` prints: `NAME=value` lines. A value that needs quotes is none of ours.
    #[must_use]
    pub fn printed(text: &str) -> Self {
        let plain = |(_, value): &(&str, &str)| !value.starts_with(['$', '"', '\'']);
        let settings = text.lines().filter_map(|line| line.split_once('=')).filter(plain);
        Self::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    /// The part of `variables` that may be used, whoever says it.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = |name: &str| {
            LEADING.contains(&name) || HELPING.contains(&name) || [ASKPASS, REQUIRE].contains(&name)
        };
        let fit =
            |value: &str| !value.is_empty() && value.len() <= MOST_VALUE && !value.contains(char::is_control);
        let usable = |(name, value): &(String, String)| known(name) && fit(value);
        Self(variables.into_iter().filter(usable).collect())
    }

    /// The same, checked again: these came over a socket.
    #[must_use]
    pub fn checked(self) -> Self {
        Self::of(self.0)
    }

    /// Names the runtime directory, unless that is done already.
    pub fn set_runtime(&mut self, directory: &Path) {
        if let Some(directory) = directory.to_str() {
            self.0.entry("XDG_RUNTIME_DIR".to_owned()).or_insert_with(|| directory.to_owned());
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The display's name, where there is one.
    #[must_use]
    pub fn display(&self) -> Option<&str> {
        self.get("WAYLAND_DISPLAY").or_else(|| self.get("DISPLAY"))
    }

    /// Whether the display is X's.
    #[must_use]
    pub fn is_x11(&self) -> bool {
        self.get("WAYLAND_DISPLAY").is_none()
    }

    /// The socket by which the display is reached, where it has a file: nothing there means that the session is over.
    #[must_use]
    pub fn display_socket(&self) -> Option<PathBuf> {
        if let Some(wayland) = self.get("WAYLAND_DISPLAY") {
            let runtime = self.get("XDG_RUNTIME_DIR").map(PathBuf::from);
            return Some(runtime?.join(wayland)).filter(|path| path.is_absolute());
        }
        let (number, _) = self.x11("")?;
        Some(PathBuf::from(format!("/tmp/.X11-unix/X{number}")))
    }

    /// The port on this host by which the display is reached: sshd's X11 forwarding.
    #[must_use]
    pub fn display_port(&self) -> Option<u16> {
        /// That of display 0.
        const FIRST: u16 = 6000;
        let (number, _) = self.x11("localhost").filter(|_| self.get("WAYLAND_DISPLAY").is_none())?;
        FIRST.checked_add(number)
    }

    /// Number and screen of an X display on this host.
    fn x11(&self, host: &str) -> Option<(u16, &str)> {
        let (named, rest) = self.get("DISPLAY")?.rsplit_once(':')?;
        let (number, screen) = rest.split_once('.').unwrap_or((rest, ""));
        (named == host).then_some(())?;
        Some((number.parse().ok()?, screen))
    }

    /// What `SSH_ASKPASS_REQUIRE` says here.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        match self.get(REQUIRE) {
            Some(value) if value.eq_ignore_ascii_case("never") => Wanted::Never,
            Some(value) if value.eq_ignore_ascii_case("force") => Wanted::Always,
            _ => Wanted::OnDisplay,
        }
    }

    /// The program that asks here: the one that `SSH_ASKPASS` names, else the first of the usual ones.
    ///
    /// # Errors
    /// The user's sentence: which were looked for.
    pub fn askpass(&self, programs: &Programs) -> Result<PathBuf, String> {
        self.named_askpass(programs).unwrap_or_else(|| usual(&WELL_KNOWN, programs))
    }

    /// The program that `SSH_ASKPASS` names, where it names one.
    ///
    /// # Errors
    /// The user's sentence, where that is none.
    pub fn named_askpass(&self, programs: &Programs) -> Option<Result<PathBuf, String>> {
        let named = self.get(ASKPASS)?;
        let path = if named.contains(std::path::is_separator) {
            Some(PathBuf::from(named))
        } else {
            programs.find(named)
        };
        let path = path.filter(|path| path.is_absolute() && is_program(path));
        Some(path.ok_or_else(|| format!("SSH_ASKPASS={named} is no program that can be run")))
    }

    /// Leads a program there.
    pub fn lead(&self, command: &mut Command) {
        for name in LEADING {
            command.env_remove(name);
        }
        let led =
            self.0.iter().filter(|(name, _)| LEADING.contains(&&***name) || HELPING.contains(&&***name));
        command.envs(led);
    }
}

/// Whether dialogs of this process are seen without the name of a display. A Mac's need none: whoever is logged in at its
/// screen sees them; but not those of a login over ssh, which has no screen.
#[must_use]
pub fn needs_no_name() -> bool {
    cfg!(target_os = "macos") && std::env::var_os("SSH_CONNECTION").is_none()
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| can_be_run(&meta))
}

fn usual(places: &[&str], programs: &Programs) -> Result<PathBuf, String> {
    let placed = places.iter().map(PathBuf::from).find(|path| is_program(path));
    placed.or_else(|| NAMES.iter().find_map(|name| programs.find(name))).ok_or_else(|| {
        let looked = places.first().copied().unwrap_or_default();
        format!("no askpass program is installed (not {looked}, nor another usual one), and SSH_ASKPASS is not set")
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
