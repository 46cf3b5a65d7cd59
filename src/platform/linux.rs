//! What only Linux has.
#![allow(unsafe_code)]

use libc::{c_long, c_ushort, sock_filter, sock_fprog};
use nix::errno::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// close_range(2) from `first` to `last`, both included; an error where the kernel has no such call.
pub(super) fn close_range(first: RawFd, last: RawFd) -> nix::Result<()> {
    // SAFETY: closes descriptors that were inherited and that no object here owns; touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}

/// pidfd_open(2): a descriptor of the process, which becomes readable when it ends.
pub(super) fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: a plain system call that touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let descriptor = RawFd::try_from(Errno::result(result)?).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just made it, close-on-exec, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Has the kernel run `program` before each system call of this thread and of what it will start.
pub(super) fn filter_calls(program: &[sock_filter]) -> nix::Result<()> {
    let program = loaded(program)?;
    // SAFETY: the kernel reads the program, which outlives the call, and keeps no pointer to it.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    Errno::result(result).map(drop)
}

/// The same for all threads of this process; gives one that did not follow, where there is one, and then nothing has
/// changed.
pub(super) fn filter_calls_of_all_threads(program: &[sock_filter]) -> nix::Result<c_long> {
    let program = loaded(program)?;
    let (set, all) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
    // SAFETY: the kernel reads the program, which outlives the call, and keeps no pointer to it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, set, all, &raw const program) };
    Errno::result(result)
}

/// As the kernel takes it.
fn loaded(program: &[sock_filter]) -> nix::Result<sock_fprog> {
    let len = c_ushort::try_from(program.len()).map_err(|_| Errno::E2BIG)?;
    Ok(sock_fprog { len, filter: program.as_ptr().cast_mut() })
}

/// execvpe(3): becomes another program, looked for in `PATH`; returns only where that fails.
pub(super) fn execute(arguments: &[CString], environment: &[CString]) -> nix::Error {
    match arguments.first().map(|program| nix::unistd::execvpe(program, arguments, environment)) {
        Some(Err(error)) => error,
        None => Errno::EINVAL,
    }
}
