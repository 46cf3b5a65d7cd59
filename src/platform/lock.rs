//! The instance lock: whoever holds it is the one agent at its place, starting or running, and alone may remove
//! a dead socket there.
//!
//! The file is never removed, so two processes can never hold two locks of one name. What is written into it is
//! for people; nothing is decided by it.
#![forbid(unsafe_code)]

pub use super::holder::Holder;
use super::{directory, unix};
use crate::error::Error;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How often the file may be replaced under our hands before something is wrong; normally never.
const RETRIES: usize = 100;
/// Mode of the file: the owner alone.
const MODE: u32 = 0o600;
/// The held lock. It ends with the last copy of its descriptor, which no program started by us inherits.
#[derive(Debug)]
pub struct InstanceLock {
    file: File,
    path: PathBuf,
}

/// The outcome of an attempt.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours now.
    Acquired(InstanceLock),
    /// Another process has it.
    Held(Holder),
}

impl InstanceLock {
    /// Tries to take the lock at `path`, making the file and its directory where they are missing.
    ///
    /// # Errors
    /// [`Error::Unlockable`] where the file system has no locks, [`Error::Unfit`] where directory or file are
    /// not ours alone.
    pub fn try_acquire(path: &Path) -> Result<Attempt, Error> {
        directory::prepare_for_lock(path)?;
        for _ in 0..RETRIES {
            let file = open(path)?;
            match unix::flock(&file) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Attempt::Held(Holder::read(file)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Unlockable { path: path.to_owned(), source }),
            }
            if is_still(&file, path) {
                return Ok(Attempt::Acquired(Self { file, path: path.to_owned() }));
            }
        }
        Err(Error::Unfit { path: path.to_owned(), reason: "something keeps replacing it".to_owned() })
    }

    /// The lock that a predecessor of the same process held, by its descriptor.
    ///
    /// # Errors
    /// [`Error::Unfit`] where it is not the lock file at `path`, or not locked by it.
    pub fn inherited(descriptor: OwnedFd, path: &Path) -> Result<Self, Error> {
        let file = File::from(descriptor);
        // Locking again what is locked through this very descriptor changes nothing, and tells that it is so.
        if unix::flock(&file).is_err() || !is_still(&file, path) {
            return Err(Error::Unfit {
                path: path.to_owned(),
                reason: "it is not the lock that was held".to_owned(),
            });
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// Whether nobody holds the lock now. Takes it for a moment, but never makes the file.
    #[must_use]
    pub fn is_free(path: &Path) -> bool {
        match look(path) {
            Ok(file) => unix::flock(&file).is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Who holds the lock now; none where nobody does, or where there is no lock file. As [`InstanceLock::is_free`].
    #[must_use]
    pub fn holder(path: &Path) -> Option<Holder> {
        let file = look(path).ok()?;
        let held = unix::flock(&file).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        held.then(|| Holder::read(file))
    }

    /// Writes for people who holds the lock: this process, for the agent at `socket`.
    pub fn record(&self, socket: &Path) {
        let note = Holder::note(socket);
        let mut file = &self.file;
        // Only information: a full disk must not keep an agent from starting.
        let _ = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(note.as_bytes()));
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for InstanceLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn look(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

fn open(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        // A fifo of that name must not make us wait.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|e| Error::io(format!("open the lock file {}", path.display()), e))?;
    let meta = file.metadata().ok().filter(|m| m.is_file() && m.uid() == nix::unistd::geteuid().as_raw());
    let Some(meta) = meta else {
        return Err(Error::Unfit { path: path.to_owned(), reason: "it is no file of ours".to_owned() });
    };
    // A umask that takes from us what we need would lock out the next agent, for good.
    if meta.mode() & 0o777 != MODE {
        file.set_permissions(Permissions::from_mode(MODE))
            .map_err(|e| Error::io(format!("close the lock file {}", path.display()), e))?;
    }
    Ok(file)
}

fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
