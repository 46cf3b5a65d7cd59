//! New descriptors that no program gets which is started later.
//!
//! Where the system closes them by a second call (macOS), a program that another thread starts between the two has them
//! all the same: what is made here is a connection that says nothing by itself, or is made before there are threads.
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// A pipe: its reading end, and its writing end.
#[cfg(not(target_os = "macos"))]
pub(super) fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)
}

/// A stream socket for local addresses; one that keeps nobody waiting where `at_once` says so.
#[cfg(not(target_os = "macos"))]
pub(crate) fn stream_socket(at_once: bool) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | if at_once { SockFlag::SOCK_NONBLOCK } else { SockFlag::empty() };
    socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

/// A pipe: its reading end, and its writing end.
#[cfg(target_os = "macos")]
pub(super) fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe()?;
    closed_on_exec(&reader)?;
    closed_on_exec(&writer)?;
    Ok((reader, writer))
}

/// A stream socket for local addresses; one that keeps nobody waiting where `at_once` says so.
#[cfg(target_os = "macos")]
pub(crate) fn stream_socket(at_once: bool) -> nix::Result<OwnedFd> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let made = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
    closed_on_exec(&made)?;
    if at_once {
        fcntl(&made, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    Ok(made)
}

#[cfg(target_os = "macos")]
fn closed_on_exec(descriptor: &OwnedFd) -> nix::Result<()> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map(drop)
}
