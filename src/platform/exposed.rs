//! Whether a file of ours is open to other users.
#![forbid(unsafe_code)]

use std::fs::Metadata;

/// The file's mode, where it is ours and others may do anything with it: OpenSSH's rule for private keys.
#[cfg(unix)]
#[must_use]
pub fn exposed(meta: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    /// What the group and all others may do.
    const OTHERS: u32 = 0o077;
    let ours = meta.uid() == nix::unistd::getuid().as_raw();
    (ours && meta.mode() & OTHERS != 0).then_some(meta.mode() & 0o7777)
}

/// Not known: this system has lists of rights, which a profile's files inherit from it.
#[cfg(not(unix))]
#[must_use]
pub fn exposed(_: &Metadata) -> Option<u32> {
    None
}
