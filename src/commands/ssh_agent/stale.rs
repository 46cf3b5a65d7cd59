//! Removing the sockets in `~/.ssh/agent` that agents and sshd have left behind.
//!
//! Guarantees that none is removed that is younger than an hour, that anybody listens on, that belongs to another user,
//! or that carries another host's name, unless the user said so: homes are shared, and a living socket of another host
//! looks dead here.
#![forbid(unsafe_code)]

use crate::platform::{claim, paths};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Younger ones are left alone, as OpenSSH has it.
const AGE: Duration = Duration::from_secs(60 * 60);

/// Removes them. A directory that is not there has none, and what cannot be looked at stays.
pub(super) fn clean(home: &Path, of_all_hosts: bool) {
    let prefix = if of_all_hosts { "s.".to_owned() } else { format!("s.{}.", paths::host()) };
    let Ok(entries) = std::fs::read_dir(home.join(".ssh/agent")) else { return };
    for entry in entries.flatten() {
        let Ok(meta) = entry.path().symlink_metadata() else { continue };
        let named = entry.file_name().as_bytes().starts_with(prefix.as_bytes());
        let age = meta.modified().ok().and_then(|bound| SystemTime::now().duration_since(bound).ok());
        if named && meta.file_type().is_socket() && age.is_some_and(|age| age > AGE) {
            claim::remove_dead(&entry.path());
        }
    }
}
