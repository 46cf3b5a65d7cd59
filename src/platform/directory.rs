//! Directories that only we can look into and change.
//!
//! Guarantees that a directory called ready was ours, of mode 0700 and no symbolic link when it was opened; what
//! is above it is the business of its owner. Never changes the mode of a directory that exists.
#![forbid(unsafe_code)]

use crate::error::Error;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::geteuid;
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// How a directory is.
#[derive(Debug)]
pub enum Standing {
    /// Ours and private.
    Ready,
    /// Not there yet.
    Absent,
    /// Not to be used, for this reason.
    Unfit(Error),
}

/// Makes the directory that a lock file lies in, with the one above it, and requires it to be ours and private.
pub(super) fn prepare_for_lock(lock: &Path) -> Result<(), Error> {
    let Some(directory) = lock.parent() else { return Err(Error::NoHome) };
    if matches!(private(directory), Standing::Absent) {
        if let Some(above) = directory.parent() {
            make(above)?;
        }
        make(directory)?;
    }
    require(directory, private(directory))
}

/// Whether a directory is ours, exactly of mode 0700, and no symbolic link.
#[must_use]
pub fn private(path: &Path) -> Standing {
    let flags =
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let unfit = |reason: String| Standing::Unfit(Error::Unfit { path: path.to_owned(), reason });
    let stat = match open(path, flags, Mode::empty()).and_then(fstat) {
        Ok(stat) => stat,
        Err(nix::Error::ENOENT) => return Standing::Absent,
        Err(nix::Error::ENOTDIR | nix::Error::ELOOP) => {
            return unfit("it is a symbolic link or no directory".to_owned());
        }
        Err(error) => return unfit(format!("it cannot be opened: {}", error.desc())),
    };
    if stat.st_uid != geteuid().as_raw() {
        unfit(format!("it belongs to uid {}", stat.st_uid))
    } else if stat.st_mode & 0o777 != 0o700 {
        unfit(format!("it has mode {:04o}, not 0700", stat.st_mode & 0o7777))
    } else {
        Standing::Ready
    }
}

/// Makes a directory of mode 0700 of a new name.
///
/// # Errors
/// The system's, `AlreadyExists` where there is something of that name.
pub fn make_new(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    // The umask can only have taken from it.
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// An error unless the directory is ready.
pub(super) fn require(directory: &Path, standing: Standing) -> Result<(), Error> {
    match standing {
        Standing::Ready => Ok(()),
        Standing::Absent => {
            Err(Error::Unfit { path: directory.to_owned(), reason: "it vanished".to_owned() })
        }
        Standing::Unfit(error) => Err(error),
    }
}

/// Makes one directory of mode 0700 where there is none.
pub(super) fn make(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::io(format!("make the directory {}", path.display()), error))
        }
        _ => Ok(()),
    }
}
