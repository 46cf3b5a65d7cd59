//! The directory for what an agent keeps on disk: its lock, its log, the file of its Cygwin socket.
//!
//! Guarantees: it lies in the user's own profile, of which Windows gives nothing to other users.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crate::error::Error;

/// How a place is.
#[derive(Debug)]
pub enum Standing {
    /// It can be used.
    Ready,
    /// Not there yet.
    Absent,
    /// Not to be used, for this reason.
    Unfit(Error),
}

/// Ours, in the part of the profile that stays on this machine.
///
/// # Errors
/// [`Error::NoHome`] where the environment names no profile.
pub fn own() -> Result<PathBuf, Error> {
    let local = std::env::var_os("LOCALAPPDATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    let local = local.filter(|path| path.is_absolute()).ok_or(Error::NoHome)?;
    Ok(local.join("myagent"))
}

/// Makes a directory where there is none.
pub(super) fn make(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| Error::io(format!("make {}", path.display()), error))
}
