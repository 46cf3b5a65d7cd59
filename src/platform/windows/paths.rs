//! Which pipe is the agent's, and where what it keeps on disk lies.
//!
//! Guarantees: a user's pipe has the user's security identifier in its name, so that two users of a machine have two.
//! Must never bind, connect to or remove anything, and never look at `SSH_AUTH_SOCK`.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::directory::{self, Standing};
use super::security;
use crate::error::Error;

/// What every pipe's path begins with.
const PIPES: &str = r"\\.\pipe\";
/// The longest path of a pipe, as the system has it.
pub const MAX_SOCKET_PATH: usize = 256;
/// The longest path of the control pipe.
pub const MAX_CONTROL_PATH: usize = MAX_SOCKET_PATH;
/// The pipe that Windows' own OpenSSH looks for. One process of the whole machine can have it.
pub const OPENSSH: &str = r"\\.\pipe\openssh-ssh-agent";

/// What of the environment decides about the places.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `MYAGENT_SOCK`.
    pub socket: Option<OsString>,
}

impl Environment {
    /// The environment of this process; an empty variable counts as unset.
    #[must_use]
    pub fn current() -> Self {
        Self { socket: std::env::var_os("MYAGENT_SOCK").filter(|value| !value.is_empty()) }
    }
}

/// The paths that belong to one agent.
#[derive(Clone, Debug)]
pub struct Places {
    /// The agent's own pipe.
    pub socket: PathBuf,
    /// The control pipe.
    pub control: Option<PathBuf>,
    /// The log file, where this agent writes one.
    pub log: Option<PathBuf>,
    /// Whether it also serves where the clients of others look: OpenSSH's and PuTTY's pipe, and the like.
    pub beside: bool,
    /// The file that Cygwin's programs take for a socket.
    pub file: Option<PathBuf>,
}

/// One place where an agent may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The agent's pipe there.
    pub socket: PathBuf,
    lock: PathBuf,
    /// Named by `MYAGENT_SOCK`.
    pub chosen: bool,
}

/// The one candidate: the pipe of this user, or the one that `MYAGENT_SOCK` names.
///
/// # Errors
/// [`Error::Unfit`] where that is none; [`Error::NoHome`] without a profile.
pub fn candidates(environment: &Environment) -> Result<Vec<Candidate>, Error> {
    let directory = directory::own()?;
    let Some(chosen) = &environment.socket else {
        let own = security::own().map_err(|error| Error::io("learn who you are", error))?;
        let socket = PathBuf::from(format!("{PIPES}myagent.{own}"));
        return Ok(vec![Candidate { socket, lock: directory.join("agent.lock"), chosen: false }]);
    };
    let socket = PathBuf::from(chosen);
    let name = plain_name(&socket)?;
    // Whatever the pipe is called: beside the usual files, and no device such as NUL.
    let lock = directory.join(format!("pipe.{name}.lock"));
    Ok(vec![Candidate { socket, lock, chosen: true }])
}

/// The name of a pipe, where it can be a file's as well.
fn plain_name(socket: &Path) -> Result<String, Error> {
    let unfit = |reason: &str| Error::Unfit { path: socket.to_owned(), reason: reason.to_owned() };
    let text = socket.to_str().filter(|text| !text.contains(char::is_control));
    let text = text.ok_or_else(|| Error::Unprintable { path: socket.to_owned() })?;
    if text.len() > MAX_SOCKET_PATH - ".control".len() {
        return Err(Error::TooLong { path: socket.to_owned(), length: text.len() });
    }
    // Git's shell turns the backslashes around.
    let turned = text.replace('/', "\\");
    let name = turned.strip_prefix(PIPES).ok_or_else(|| {
        unfit(r"MYAGENT_SOCK must be the path of a pipe on this machine, such as \\.\pipe\my-second-agent")
    })?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(plain) || name.starts_with('.') {
        return Err(unfit("the name of the pipe may have letters, digits, and . _ - between them"));
    }
    Ok(name.to_owned())
}

impl Candidate {
    /// The control pipe.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        let mut path = self.socket.clone().into_os_string();
        path.push(".control");
        path.into()
    }

    /// The lock file.
    ///
    /// # Errors
    /// None here.
    #[allow(clippy::unnecessary_wraps)] // as on Unix
    pub fn lock(&self) -> Result<&Path, Error> {
        Ok(&self.lock)
    }

    /// All paths of an agent at this place.
    #[must_use]
    pub fn places(&self) -> Places {
        let log = Some(self.lock.with_extension("log"));
        let control = Some(self.control());
        let file = Some(self.lock.with_extension("sock"));
        Places { socket: self.socket.clone(), control, log, beside: !self.chosen, file }
    }

    /// Whether the place can be looked at: a pipe always can.
    #[must_use]
    #[allow(clippy::unused_self)] // as on Unix
    pub fn standing(&self) -> Standing {
        Standing::Ready
    }
}

/// The first place that can be used.
///
/// # Errors
/// [`Error::NoPlace`] where there is none.
pub fn first_usable(candidates: &[Candidate]) -> Result<&Candidate, Error> {
    candidates.first().ok_or(Error::NoPlace { reasons: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_named_plainly() {
        assert_eq!(plain_name(Path::new(r"\\.\pipe\a-b_c.1")).unwrap(), "a-b_c.1");
        assert_eq!(plain_name(Path::new("//./pipe/a")).unwrap(), "a");
        for path in
            [r"\\.\pipe\", r"\\.\pipe\a\b", r"\\.\pipe\..", r"\\server\pipe\a", r"C:\a", "a", r"\\.\pipe\a b"]
        {
            assert!(plain_name(Path::new(path)).is_err(), "{path}");
        }
        assert!(plain_name(Path::new(&format!(r"\\.\pipe\{}", "a".repeat(250)))).is_err());
    }

    #[test]
    fn two_users_have_two_pipes() {
        let candidates = candidates(&Environment { socket: None }).unwrap();
        let own = security::own().unwrap();
        assert!(candidates[0].socket.to_str().unwrap().ends_with(own) && own.starts_with("S-1-"));
        assert!(candidates[0].places().beside);
    }
}
