//! The instance lock: whoever holds it is the one agent at its place, starting or running.
//!
//! A file that only one process has open for writing; that ends with the process, however it ends. What is written into
//! it is for people; nothing is decided by it.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::ERROR_SHARING_VIOLATION;
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};

use super::directory;
use crate::error::Error;
pub use crate::platform::holder::Holder;

/// The held lock. No program that we start inherits it.
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
    /// [`Error::Io`] where the file cannot be made.
    pub fn try_acquire(path: &Path) -> Result<Attempt, Error> {
        if let Some(parent) = path.parent() {
            directory::make(parent)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).share_mode(FILE_SHARE_READ);
        match options.open(path) {
            Ok(file) => Ok(Attempt::Acquired(Self { file, path: path.to_owned() })),
            Err(error) if is_held(&error) => Ok(Attempt::Held(holder(path))),
            Err(error) => Err(Error::io(format!("open the lock file {}", path.display()), error)),
        }
    }

    /// Whether nobody holds the lock now. Takes it for a moment, but never makes the file.
    #[must_use]
    pub fn is_free(path: &Path) -> bool {
        match OpenOptions::new().read(true).write(true).share_mode(FILE_SHARE_READ).open(path) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
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

fn is_held(error: &io::Error) -> bool {
    super::has_number(error, ERROR_SHARING_VIOLATION)
}

/// What the one who has the file open for writing has written into it.
fn holder(path: &Path) -> Holder {
    let shared = FILE_SHARE_READ | FILE_SHARE_WRITE;
    let file = OpenOptions::new().read(true).share_mode(shared).open(path);
    file.map(Holder::read).unwrap_or_default()
}
