//! Other programs: found through `PATH`, and never in the current directory.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::PathBuf;

/// Where programs are looked for.
#[derive(Clone, Debug)]
pub struct Programs {
    path: OsString,
}

impl Programs {
    /// Those of `PATH`.
    #[must_use]
    pub fn current() -> Self {
        Self { path: std::env::var_os("PATH").unwrap_or_default() }
    }

    /// The absolute path of the program called `name`, with or without its ending, where there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let directories = std::env::split_paths(&self.path).filter(|directory| directory.is_absolute());
        directories
            .flat_map(|directory| [directory.join(name), directory.join(format!("{name}.exe"))])
            .find(|path| std::fs::metadata(path).is_ok_and(|meta| can_be_run(&meta)))
    }
}

pub(in crate::platform) fn can_be_run(meta: &Metadata) -> bool {
    meta.is_file()
}

/// The absolute path of this program.
///
/// # Errors
/// The system's.
pub fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}
