//! Where an agent's socket may be, in which order, and what lies beside it.
//!
//! Guarantees that no directory is used that another user owns, can look into or can redirect, and that no path
//! is handed out that does not fit into a socket's address or cannot be printed. Must never bind, connect to or
//! remove anything, and never look at `SSH_AUTH_SOCK`.
#![forbid(unsafe_code)]

use super::directory::{self, Standing, private};
use crate::error::Error;
use aws_lc_rs::digest;
use nix::unistd::{Uid, User, geteuid, gethostname};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The longest path of a socket, in bytes: macOS has 104 with the final NUL, and homes are shared with it.
pub const MAX_SOCKET_PATH: usize = 103;
/// The longest path of the control socket, whose name we make ourselves: Linux has 108 bytes with the NUL.
pub const MAX_CONTROL_PATH: usize = if cfg!(target_os = "linux") { 107 } else { MAX_SOCKET_PATH };
/// Length of the host's name in a file name, as OpenSSH has it.
const HOST_HASH: usize = 10;
/// The name of the socket in a directory that is the agent's alone.
const SOCKET_NAME: &str = "agent.sock";

/// What of the environment decides about the places.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `MYAGENT_SOCK`.
    pub socket: Option<OsString>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// Our effective uid.
    pub uid: Uid,
}

impl Environment {
    /// The environment of this process; empty variables count as unset.
    #[must_use]
    pub fn current() -> Self {
        let get = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let (socket, runtime, home) = (get("MYAGENT_SOCK"), get("XDG_RUNTIME_DIR"), get("HOME"));
        Self { socket, runtime, home, uid: geteuid() }
    }

    /// `HOME` where it is absolute and ours, else the home in the user database where that is ours.
    pub fn home(&self) -> Option<PathBuf> {
        let ours = |path: &PathBuf| {
            path.is_absolute()
                && std::fs::metadata(path).is_ok_and(|m| m.is_dir() && m.uid() == self.uid.as_raw())
        };
        let named = self.home.as_ref().map(PathBuf::from).filter(ours);
        named.or_else(|| Some(User::from_uid(self.uid).ok()??.dir).filter(ours))
    }
}

/// The paths that belong to one agent.
#[derive(Clone, Debug)]
pub struct Places {
    /// The agent socket.
    pub socket: PathBuf,
    /// The control socket, where there is one.
    pub control: Option<PathBuf>,
    /// The log file, where this agent writes one.
    pub log: Option<PathBuf>,
}

/// One place where an agent may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The agent socket there.
    pub socket: PathBuf,
    /// The lock that an agent at this place holds; none where there is no home directory.
    lock: Option<PathBuf>,
    /// The directory that must exist already; the rest of the path to the socket may be made.
    base: PathBuf,
    /// Whether the base, too, must be private (a home directory need not be).
    base_private: bool,
    /// Named by `MYAGENT_SOCK`: then its faults are errors, else it is passed over.
    pub chosen: bool,
}

/// The candidates in order. `MYAGENT_SOCK` is the only one where it is set.
pub fn candidates(environment: &Environment) -> Result<Vec<Candidate>, Error> {
    let home = environment.home();
    let machine = machine();
    let in_home = home.as_ref().map(|home| home.join(".ssh/agent").join(format!("myagent.{machine}")));
    let shared_lock = in_home.as_ref().map(|stem| suffixed(stem, ".lock"));
    let mut usual: Vec<Candidate> = Vec::new();
    let runtime = environment.runtime.as_ref().map(PathBuf::from).filter(|path| path.is_absolute());
    for base in runtime.into_iter().chain([PathBuf::from(format!("/run/user/{}", environment.uid))]) {
        let socket = base.join("myagent").join(SOCKET_NAME);
        if !usual.iter().any(|candidate| candidate.socket == socket) {
            let lock = shared_lock.clone();
            usual.push(Candidate { socket, lock, base, base_private: true, chosen: false });
        }
    }
    if let (Some(base), Some(stem)) = (home, in_home) {
        let (socket, lock) = (suffixed(&stem, ".sock"), shared_lock);
        usual.push(Candidate { socket, lock, base, base_private: false, chosen: false });
    }
    let Some(chosen) = &environment.socket else { return Ok(usual) };
    let chosen = Candidate::chosen(PathBuf::from(chosen))?;
    // The same place by another way has the same lock, so that both ways meet one agent.
    match usual.into_iter().find(|candidate| candidate.socket == chosen.socket) {
        Some(known) => Ok(vec![Candidate { chosen: true, ..known }]),
        None => Ok(vec![chosen]),
    }
}

impl Candidate {
    fn chosen(socket: PathBuf) -> Result<Self, Error> {
        let unfit = |reason: &str| Error::Unfit { path: socket.clone(), reason: reason.to_owned() };
        if !socket.is_absolute() {
            return Err(unfit("MYAGENT_SOCK must be an absolute path"));
        }
        let (Some(directory), Some(_)) = (socket.parent(), socket.file_name()) else {
            return Err(unfit("MYAGENT_SOCK must be the path of a socket in a directory"));
        };
        if socket.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(unfit("MYAGENT_SOCK must be the path of a socket, not of a directory"));
        }
        let base = directory.parent().unwrap_or(directory).to_owned();
        let lock = Some(suffixed(&socket, ".lock"));
        let candidate = Self { lock, base, base_private: false, chosen: true, socket };
        candidate.addressable()?;
        Ok(candidate)
    }

    /// The directory of the socket.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.socket.parent().unwrap_or(&self.base)
    }

    /// The runtime directory, where this is the place that a unit of the user's manager would have in it.
    #[must_use]
    pub fn runtime(&self) -> Option<&Path> {
        self.base_private.then_some(self.base.as_path())
    }

    /// The mark that the user was told what ends with the last logout; with a runtime directory it goes then, too.
    #[must_use]
    pub fn told(&self) -> PathBuf {
        self.beside("told", ".told")
    }

    /// The control socket: `agent.sock` has `control.sock` beside it, any other name a `NAME.control`.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.beside("control.sock", ".control")
    }

    /// The lock file. [`Error::NoHome`] where it would lie in a home directory and there is none.
    pub fn lock(&self) -> Result<&Path, Error> {
        self.lock.as_deref().ok_or(Error::NoHome)
    }

    /// All paths of an agent at this place.
    #[must_use]
    pub fn places(&self) -> Places {
        let log = Some(self.beside("agent.log", ".log"));
        Places { socket: self.socket.clone(), control: Some(self.control()), log }
    }

    /// Whether the place can be looked at: nothing is made, no error is printed.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let base = if self.base_private { private(&self.base) } else { Standing::Ready };
        match (base, self.addressable()) {
            (_, Err(error)) => Standing::Unfit(error),
            (Standing::Ready, Ok(())) => match self.open_to_others() {
                Some(error) => Standing::Unfit(error),
                None => private(self.directory()),
            },
            (Standing::Absent, Ok(())) => Standing::Unfit(Error::Unfit {
                path: self.base.clone(),
                reason: "it does not exist".to_owned(),
            }),
            (unfit, Ok(())) => unfit,
        }
    }

    /// Makes the directory of the socket where only that is missing.
    pub fn prepare(&self) -> Result<(), Error> {
        if matches!(self.standing(), Standing::Absent) {
            if !self.chosen && !self.base_private {
                directory::make(&self.base.join(".ssh"))?;
            }
            directory::make(self.directory())?;
        }
        directory::require(self.directory(), self.standing())
    }

    /// Whether another user could put a socket of theirs in this one's place, to be given our keys by `ssh-add`. Who can
    /// do that in a home directory needs no agent for it.
    fn open_to_others(&self) -> Option<Error> {
        let looked_at = self.chosen || self.base_private;
        looked_at.then(|| directory::open_to_others(&self.base)).flatten()
    }

    fn beside(&self, of_ours: &str, suffix: &str) -> PathBuf {
        match self.socket.file_name() {
            Some(name) if name == SOCKET_NAME => self.socket.with_file_name(of_ours),
            _ => suffixed(&self.socket, suffix),
        }
    }

    fn addressable(&self) -> Result<(), Error> {
        for (path, limit) in [(&self.socket, MAX_SOCKET_PATH), (&self.control(), MAX_CONTROL_PATH)] {
            let length = path.as_os_str().len();
            if length > limit {
                return Err(Error::TooLong { path: path.clone(), length });
            }
        }
        match self.socket.to_str() {
            Some(text) if !text.chars().any(|c| c.is_control() && c != '\t') => Ok(()),
            _ => Err(Error::Unprintable { path: self.socket.clone() }),
        }
    }
}

/// The first place that can be used, with its directory made where that was all that was missing. Else what is wrong
/// with the place that the user named, or [`Error::NoPlace`].
pub fn first_usable(candidates: &[Candidate]) -> Result<&Candidate, Error> {
    let mut reasons = Vec::new();
    for candidate in candidates {
        match candidate.prepare() {
            Ok(()) => return Ok(candidate),
            Err(error) if candidate.chosen => return Err(error),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(Error::NoPlace { reasons })
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OsStr::new(suffix));
    name.into()
}

/// The short name of this machine in our own files' names: OpenSSH's of the host. A Mac's host name changes with its
/// network, and the agent would not be found again: there it is made of the machine's own number, which stays.
#[must_use]
pub fn machine() -> String {
    #[cfg(target_os = "macos")]
    if let Some(number) = super::bsd::machine() {
        return host_hash(&number);
    }
    host()
}

/// OpenSSH's short name of this host.
#[must_use]
pub fn host() -> String {
    host_hash(gethostname().unwrap_or_default().as_encoded_bytes())
}

/// OpenSSH's short name of a host: ten characters made of the SHA-512 of its name.
#[must_use]
pub fn host_hash(host: &[u8]) -> String {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let digest = digest::digest(&digest::SHA512, host);
    digest
        .as_ref()
        .iter()
        .take(HOST_HASH)
        .map(|&b| char::from(ALPHABET[usize::from(b) % ALPHABET.len()]))
        .collect()
}
