//! Standard input and output as files.
//!
//! Guarantees: nothing is read ahead into memory that is never wiped, as the library's own handles do.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(windows)]
use std::os::windows::io::AsHandle;

/// Standard input.
///
/// # Errors
/// The system's, where there is none.
pub fn input() -> io::Result<File> {
    #[cfg(unix)]
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let input = io::stdin().as_handle().try_clone_to_owned()?;
    Ok(input.into())
}

/// Standard output.
///
/// # Errors
/// As for [`input`].
pub fn output() -> io::Result<File> {
    #[cfg(unix)]
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let output = io::stdout().as_handle().try_clone_to_owned()?;
    Ok(output.into())
}
