//! Directories that only we can look into and change.
//!
//! Guarantees that a directory called ready was ours, of mode 0700 and no symbolic link when it was opened; what
//! is above it is the business of its owner. Never changes the mode of a directory that exists.
#![forbid(unsafe_code)]

use crate::error::Error;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat};
use nix::unistd::geteuid;
use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::{steps, trusted};

/// Mode of a directory of ours.
const MODE: u32 = 0o700;

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
    lock.parent().ok_or(Error::NoHome).and_then(prepare)
}

/// Makes a directory, with the one above it, and requires it to be ours and private.
///
/// # Errors
/// [`Error::Unfit`] where it is not; the system's.
pub fn prepare(directory: &Path) -> Result<(), Error> {
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
    look(path).map_or_else(|standing| standing, |_| Standing::Ready)
}

/// The directory, opened, where it is ready; else how it is.
fn look(path: &Path) -> Result<File, Standing> {
    let flags =
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let unfit = |reason: String| Err(Standing::Unfit(Error::Unfit { path: path.to_owned(), reason }));
    let opened = open(path, flags, Mode::empty()).and_then(|directory| Ok((fstat(&directory)?, directory)));
    let (stat, directory) = match opened {
        Ok(opened) => opened,
        Err(nix::Error::ENOENT) => return Err(Standing::Absent),
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
        Ok(directory.into())
    }
}

/// Makes a directory of mode 0700 of a new name.
///
/// # Errors
/// The system's, `AlreadyExists` where there is something of that name.
pub fn make_new(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(MODE).create(path)?;
    // The umask can only have taken from it. Where others can write above, it may be another thing by now.
    if std::fs::symlink_metadata(path)?.permissions().mode() & 0o777 != MODE {
        fchmodat(AT_FDCWD, path, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
    }
    Ok(())
}

/// Opens a directory that must be ours and private, to have what is done with it done there, wherever its path leads
/// meanwhile.
///
/// # Errors
/// As for [`require`].
pub(super) fn open_private(path: &Path) -> Result<File, Error> {
    match look(path) {
        Ok(directory) => Ok(directory),
        Err(standing) => Err(require(path, standing).err().unwrap_or(Error::NoHome)),
    }
}

/// Why another user could put something of theirs in the place of `path` or of what is above it; none where nobody but
/// root and we can, or where that cannot be seen.
pub(super) fn open_to_others(path: &Path) -> Option<Error> {
    let owners = trusted::owners();
    // Nobody else comes past a directory that is closed to them, until a link or `..` leads elsewhere.
    let mut closed = false;
    let mut check = |step: &Path, meta: &Metadata| {
        closed &= !meta.is_symlink() && !step.ends_with("..");
        if closed {
            return Ok(());
        }
        let reason = match (owners.contains(&meta.uid()), is_shared(meta)) {
            (false, _) => format!("{} belongs to uid {}", step.display(), meta.uid()),
            (_, true) => {
                format!("others can write to {} (mode {:04o})", step.display(), meta.mode() & 0o7777)
            }
            _ => {
                closed = meta.is_dir() && meta.mode() & 0o011 == 0;
                return Ok(());
            }
        };
        Err(io::Error::new(io::ErrorKind::PermissionDenied, Open(reason)))
    };
    let Open(reason) = steps::follow(path, &mut check).err()?.downcast().ok()?;
    let reason = format!("it could be replaced by another user: {reason}");
    Some(Error::Unfit { path: path.to_owned(), reason })
}

/// Whether others than its owner can rename what lies in a directory.
fn is_shared(meta: &Metadata) -> bool {
    let (sticky, group, all) = (0o1000, 0o020, 0o002);
    let has = |bit: u32| meta.mode() & bit != 0;
    !meta.is_symlink()
        && !has(sticky)
        && (has(all) || has(group) && !trusted::is_private(meta.gid(), meta.uid()))
}

/// The reason of [`open_to_others`], as against what the system says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Open(String);

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
    match make_new(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::io(format!("make the directory {}", path.display()), error))
        }
        _ => Ok(()),
    }
}
