//! The few calls of Unix that nix offers only in another shape, or not at all, each in a function of its own.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::ForkResult;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Takes an exclusive flock(2) without waiting; `WouldBlock` where another process has it.
///
/// nix' own `Flock` unlocks when dropped, for every process that shares the descriptor: the starter would take
/// the lock from the agent that it forked. Here only the last close ends the lock.
pub(super) fn flock(file: &File) -> io::Result<()> {
    // SAFETY: a plain system call on a descriptor that `file` keeps open.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// fork(2). The process must have one thread.
pub(super) fn fork() -> nix::Result<ForkResult> {
    // SAFETY: the callers run before any thread is started, so the child finds no lock held by a lost thread.
    unsafe { nix::unistd::fork() }
}

/// Ends the process without running anything that belongs to its parent's copy, such as buffers and hooks.
pub(super) fn exit_now(status: i32) -> ! {
    // SAFETY: does not return, touches no memory.
    unsafe { libc::_exit(status) }
}

/// What the agent ignores, beside SIGPIPE.
const IGNORED: [Signal; 2] = [Signal::SIGXFSZ, Signal::SIGTTOU];

/// Undoes what the caller's shell or supervisor did to the signals: none is ignored. What is blocked stays so.
///
/// SIGPIPE stays ignored, a client that goes away must not end the agent; so is XFSZ, which a small limit on files
/// (`ulimit -f`) brings for memory too: what is refused has an error. So is TTOU: a line to the terminal that the agent
/// is a background job of (`stty tostop`) must not stop it. SEGV and BUS stay with the runtime, which
/// reports an exhausted stack.
pub fn reset_signals() {
    for number in Signal::iterator() {
        let action = match number {
            Signal::SIGPIPE | Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGKILL | Signal::SIGSTOP => {
                continue;
            }
            signal if IGNORED.contains(&signal) => SigHandler::SigIgn,
            _ => SigHandler::SigDfl,
        };
        // SAFETY: neither action installs a handler.
        let _ = unsafe { signal(number, action) };
    }
}

/// The signals that have come and are kept waiting: for this process, or this thread of it.
pub(super) fn waiting_signals() -> SigSet {
    let mut set = *SigSet::empty().as_ref();
    // SAFETY: the pointer is to a live local, for which alone this could fail.
    let _ = unsafe { libc::sigpending(&raw mut set) };
    // SAFETY: the set is empty, or of the system's own making.
    unsafe { SigSet::from_sigset_t_unchecked(set) }
}

/// Lets the program that `command` runs have these descriptors, and has it ended with the thread that starts it.
pub(super) fn keep_open(command: &mut Command, descriptors: Vec<RawFd>) {
    #[cfg(target_os = "linux")]
    let parent = nix::unistd::getpid();
    let keep = move || {
        #[cfg(target_os = "linux")]
        {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            // It may have ended before this was said.
            if nix::unistd::getppid() != parent {
                return Err(Errno::ESRCH.into());
            }
        }
        descriptors.iter().try_for_each(|&fd| {
            // SAFETY: a system call without pointers.
            Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }).map(drop).map_err(io::Error::from)
        })
    };
    // SAFETY: between fork and exec it makes system calls alone: no memory is taken, no lock.
    unsafe { command.pre_exec(keep) };
}

/// Gives the program that `command` runs the signals as any program expects them, and no core dump.
///
/// The runtime gives SIGPIPE its meaning back, and no more: what the agent keeps waiting would be blocked there too, and
/// what it ignores (see [`reset_signals`]), ignored.
pub(super) fn default_signals(command: &mut Command) {
    let set = || {
        SigSet::empty().thread_set_mask()?;
        IGNORED.into_iter().try_for_each(|ignored| {
            // SAFETY: the default action installs no handler.
            unsafe { signal(ignored, SigHandler::SigDfl) }.map(drop).map_err(io::Error::from)
        })
    };
    // SAFETY: between fork and exec it makes system calls alone: no memory is taken, no lock.
    unsafe { command.pre_exec(set) };
}

/// Waits until a descriptor can be read, in tokio. Needs a runtime.
pub(super) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned, so it stays open and the same until the AsyncFd is dropped.
    unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.map_err(Into::into)
}

/// Takes a descriptor that came with the program's start.
pub(super) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a system call without pointers; it fails where there is no such descriptor.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and the callers run before anything else in this process has opened or taken one.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Gives SIGPIPE back its meaning, which the runtime has taken away from this process before its first line.
pub(super) fn restore_sigpipe() {
    // SAFETY: the default action installs no handler.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}

/// Closes a descriptor that nothing in this process owns.
pub(super) fn close(descriptor: RawFd) {
    // SAFETY: the callers name only descriptors that were inherited and that no object here owns.
    unsafe { libc::close(descriptor) };
}

/// `seconds` since 1970 as the local time, such as `2026-11-20 08:47:12 +0100`; the number where that fails.
#[must_use]
pub fn local_time(seconds: u64) -> String {
    let Ok(time) = libc::time_t::try_from(seconds) else { return seconds.to_string() };
    let mut fields = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to live locals; localtime_r writes the second and keeps neither.
    if unsafe { libc::localtime_r(&raw const time, fields.as_mut_ptr()) }.is_null() {
        return seconds.to_string();
    }
    // SAFETY: localtime_r has filled the fields, and all-zero is valid for them as well.
    let tm = unsafe { fields.assume_init() };
    let offset = tm.tm_gmtoff / 60;
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} {}{:02}{:02}",
        tm.tm_year + 1900,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        if offset < 0 { '-' } else { '+' },
        offset.abs() / 60,
        offset.abs() % 60,
    )
}
