//! Where an agent by the name ssh-agent has its socket: among the others of this host in the home directory, in a
//! directory of its own among the temporary files, or where the caller says.
//!
//! Guarantees that what was made for an agent is gone when its [`Place`] is dropped, and nothing else is; and that no
//! directory is used in which another user could put a socket of theirs in our one's place.
#![forbid(unsafe_code)]

use super::{Failure, stale};
use crate::platform::{BoundSocket, claim, directory, paths};
use aws_lc_rs::rand;
use nix::errno::Errno;
use nix::unistd::{Uid, User};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Characters of a random name, as OpenSSH has them.
const NAME: usize = 10;
/// Characters of the name of a temporary directory.
const DIRECTORY: usize = 12;
/// The characters, all equally likely: 62 in 256 do not go up, so what is beyond the last multiple is drawn again.
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// How often a random name may be taken before something is wrong.
const ATTEMPTS: usize = 100;
/// Longest path of a socket on Linux, in bytes.
const LONGEST: usize = 107;

/// Where a socket is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Under a random name in `~/.ssh/agent`, after the dead ones there were removed, where that is not forbidden.
    Home { clean: bool },
    /// In a new directory among the temporary files.
    Temporary,
    /// Here.
    At(PathBuf),
}

/// An agent's socket, its path as it is told to the caller, and what else was made for it.
pub(super) struct Place {
    pub(super) shown: PathBuf,
    /// The absolute path, with device and inode; none where a service manager has made the socket.
    file: Option<(PathBuf, (u64, u64))>,
    directory: Option<PathBuf>,
}

impl Place {
    /// Binds a socket where it is wanted.
    pub(super) fn open(wanted: &Wanted) -> Result<(Self, BoundSocket), Failure> {
        let (shown, socket, directory) = match wanted {
            Wanted::Home { clean } => {
                let (path, socket) = in_home(*clean)?;
                (path, socket, None)
            }
            Wanted::Temporary => {
                let (directory, path, socket) = in_temporary()?;
                (path, socket, Some(directory))
            }
            Wanted::At(path) => (path.clone(), at(path)?, None),
        };
        let file = socket.identity.map(|identity| (socket.path.clone(), identity));
        Ok((Self { shown, file, directory }, socket))
    }

    /// That of a socket that a service manager has made, and removes.
    pub(super) fn of_manager(socket: &BoundSocket) -> Self {
        Self { shown: socket.path.clone(), file: None, directory: None }
    }

    /// Leaves it to the process that has it from here on.
    pub(super) fn leave(mut self) {
        (self.file, self.directory) = (None, None);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Usually the server has removed the socket.
        if let Some((path, identity)) = &self.file {
            let _ = claim::remove(path, *identity);
        }
        if let Some(directory) = &self.directory {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// `$HOME`, else the home in the user database.
pub(super) fn home() -> Result<PathBuf, Failure> {
    let variable = std::env::var_os("HOME").filter(|home: &OsString| !home.is_empty()).map(PathBuf::from);
    let known = || Some(User::from_uid(Uid::current()).ok()??.dir);
    variable.or_else(known).ok_or_else(|| Failure::fatal("Couldn't determine home directory"))
}

fn in_home(clean: bool) -> Result<(PathBuf, BoundSocket), Failure> {
    let unprepared = |line: String| Failure::fatal(format!("{line}\nmain: Couldn't prepare agent socket"));
    let home = home()?;
    if clean {
        stale::clean(&home, false);
    }
    for name in [".ssh", ".ssh/agent"] {
        let path = home.join(name);
        match directory::make_new(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unprepared(format!("ensure_mkdir: mkdir {}: {}", path.display(), said(&error))));
            }
            _ => {}
        }
    }
    let directory = home.join(".ssh/agent");
    let foreign = || unprepared(format!("{}: not a directory that only you can change", directory.display()));
    let meta = std::fs::metadata(&directory).map_err(|_| foreign())?;
    if !meta.is_dir() || meta.uid() != Uid::effective().as_raw() || meta.permissions().mode() & 0o022 != 0 {
        return Err(foreign());
    }
    let host = paths::host();
    for _ in 0..ATTEMPTS {
        let path = directory.join(format!("s.{host}.agent.{}", random(NAME)?));
        presentable(&path)?;
        if path.as_os_str().len() > LONGEST {
            return Err(unprepared(too_long("unix_listener_tmp", &path)));
        }
        match claim::bind_new(&path) {
            Ok(socket) => return Ok((path, socket)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                let line = format!("unix_listener_tmp: bind \"{}\": {}", path.display(), said(&error));
                return Err(unprepared(line));
            }
        }
    }
    Err(unprepared("no name is free".to_owned()))
}

fn in_temporary() -> Result<(PathBuf, PathBuf, BoundSocket), Failure> {
    let base = std::env::var_os("TMPDIR").filter(|base: &OsString| !base.is_empty()).unwrap_or("/tmp".into());
    for _ in 0..ATTEMPTS {
        let directory = Path::new(&base).join(format!("ssh-{}", random(DIRECTORY)?));
        match directory::make_new(&directory) {
            Ok(()) => {
                let path = directory.join(format!("agent.{}", std::process::id()));
                let bound = presentable(&path).and_then(|()| at(&path));
                return bound.map(|socket| (directory.clone(), path, socket)).inspect_err(|_| {
                    let _ = std::fs::remove_dir(&directory);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Failure::failed(format!("mkdtemp: private socket dir: {}", said(&error))));
            }
        }
    }
    Err(Failure::failed("mkdtemp: private socket dir: no name is free"))
}

fn at(path: &Path) -> Result<BoundSocket, Failure> {
    presentable(path)?;
    if path.as_os_str().len() > LONGEST {
        return Err(Failure::failed(too_long("unix_listener", path)));
    }
    let refused = |error: io::Error| {
        let (path, said) = (path.display(), said(&error));
        Failure::failed(format!("unix_listener: cannot bind to path {path}: {said}"))
    };
    if path.as_os_str().is_empty() {
        return Err(refused(io::Error::from(Errno::ENOENT)));
    }
    claim::reclaim(path).map_err(refused)
}

/// A line feed or an escape in a path would reach a shell or a terminal.
fn presentable(path: &Path) -> Result<(), Failure> {
    if path.as_os_str().as_bytes().iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Failure::fatal(format!("the socket's path has control characters: {path:?}")));
    }
    Ok(())
}

fn too_long(function: &str, path: &Path) -> String {
    format!("{function}: path \"{}\" too long for Unix domain socket", path.display())
}

/// The system's word alone, without its number.
fn said(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |code| Errno::from_raw(code).desc().to_owned())
}

fn random(length: usize) -> Result<String, Failure> {
    let mut text = String::new();
    while text.len() < length {
        let mut byte = [0];
        rand::fill(&mut byte).map_err(|_| Failure::fatal("no random numbers"))?;
        let fair = usize::from(u8::MAX) + 1 - (usize::from(u8::MAX) + 1) % ALPHABET.len();
        if usize::from(byte[0]) < fair {
            text.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    Ok(text)
}
