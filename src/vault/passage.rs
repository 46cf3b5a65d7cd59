//! The way of the wrapping key into the next program of the same process, or into the one that is tried first.
//!
//! Guarantees: the key passes in a page of `memfd_secret(2)` where the vault's own memory is of that kind, else
//! through a pipe, never in a file that has pages of its own; it is wiped where it was once it has been taken.
//! Must never: exist outside of a handover.
#![allow(unsafe_code)]

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat};
use zeroize::Zeroize;

use super::region::{KEY_PAGE, map_shared, secret_file, unmap};

/// Puts `key` where [`take`] finds it.
///
/// # Errors
/// The system's, where there is no memory or no pipe.
pub(super) fn put(key: &[u8], secret: bool) -> io::Result<OwnedFd> {
    // The limit on locked memory may be used up to the last page.
    if let Some(file) = secret.then(|| secret_file(KEY_PAGE).ok()).flatten() {
        if with_page(&file, |page| page[..key.len()].copy_from_slice(key)).is_ok() {
            return Ok(file);
        }
    }
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // A pipe takes a page without a reader; the key is shorter.
    std::fs::File::from(writer).write_all(key)?;
    Ok(reader)
}

/// Fills `key` with what [`put`] was given.
///
/// # Errors
/// The system's, or `UnexpectedEof` where the pipe holds less.
pub(super) fn take(passage: OwnedFd, key: &mut [u8]) -> io::Result<()> {
    let kind = SFlag::from_bits_truncate(fstat(&passage)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFIFO {
        return std::fs::File::from(passage).read_exact(key);
    }
    with_page(&passage, |page| {
        key.copy_from_slice(&page[..key.len()]);
        page.zeroize();
    })
}

/// Shows the one page of a secret file to `look`.
fn with_page<T>(file: &OwnedFd, look: impl FnOnce(&mut [u8]) -> T) -> io::Result<T> {
    let base = map_shared(file, KEY_PAGE)?;
    // SAFETY: a page mapped just now and for this alone; the other end of the passage is done, or has not begun.
    let result = look(unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), KEY_PAGE) });
    unmap(base, KEY_PAGE, 0);
    Ok(result)
}
