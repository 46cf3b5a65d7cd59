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
    again(&io::stdin())
}

/// Standard output.
///
/// # Errors
/// As for [`input`].
pub fn output() -> io::Result<File> {
    again(&io::stdout())
}

#[cfg(unix)]
fn again(stream: &impl AsFd) -> io::Result<File> {
    Ok(stream.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn again(stream: &impl AsHandle) -> io::Result<File> {
    Ok(stream.as_handle().try_clone_to_owned()?.into())
}
