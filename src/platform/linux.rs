//! What only Linux has.

use nix::errno::Errno;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use tokio::io::unix::AsyncFd;

/// close_range(2) from `first` to `last`, both included; an error where the kernel has no such call.
pub(super) fn close_range(first: RawFd, last: RawFd) -> nix::Result<()> {
    // SAFETY: closes descriptors that were inherited and that no object here owns; touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}

/// Waits for a descriptor in tokio. Needs a runtime.
pub(super) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned, so it stays open and the same until the AsyncFd is dropped.
    unsafe { AsyncFd::register(descriptor) }.map_err(Into::into)
}
