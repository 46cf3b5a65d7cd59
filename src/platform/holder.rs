//! What the process that holds a lock has written about itself: for people, and nothing is decided by it.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::Read;
use std::path::Path;

/// More than a holder ever writes, in bytes.
const MAX_NOTE: u64 = 1024;

/// The holder of a lock; unnamed if it did not come to writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    note: String,
}

impl Holder {
    /// What the lock's file says.
    pub(in crate::platform) fn read(file: impl Read) -> Self {
        let mut note = String::new();
        let _ = file.take(MAX_NOTE).read_to_string(&mut note);
        Self { note: note.trim().chars().map(|c| if c.is_control() { '?' } else { c }).collect() }
    }

    /// This process, for the agent at `socket`, as it is to be written.
    pub(in crate::platform) fn note(socket: &Path) -> String {
        format!("pid {}, {}\n", std::process::id(), socket.display())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.note.is_empty() { f.write_str("an unnamed process") } else { f.write_str(&self.note) }
    }
}
