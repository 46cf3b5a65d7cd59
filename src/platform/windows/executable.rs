//! This program's file.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use super::program::this_program;

/// The program of a running agent.
#[derive(Clone, Debug)]
pub struct Program {
    /// The absolute path that it was started by.
    pub path: PathBuf,
}

impl Program {
    /// The running program.
    ///
    /// # Errors
    /// The system's, where it does not tell.
    pub fn current() -> io::Result<Self> {
        Ok(Self { path: this_program()? })
    }
}
