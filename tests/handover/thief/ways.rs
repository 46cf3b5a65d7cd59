//! Ways into another process of the same user, and to the processes that it has started.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// No process here has as many descriptors.
const MOST_DESCRIPTORS: RawFd = 32;
/// A way into another process; the name of what it got.
pub(crate) type Way = fn(i32) -> Option<String>;

/// Each by its name.
pub(crate) const WAYS: [(&str, Way); 4] =
    [("pidfd_getfd", take), ("fd", open_descriptor), ("mem", open_memory), ("ptrace", attach)];

/// An owned descriptor out of a system call's result.
fn owned(result: libc::c_long) -> Option<OwnedFd> {
    let number = RawFd::try_from(result).ok().filter(|number| *number >= 0)?;
    // SAFETY: the kernel gave it to us just now.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

fn take(pid: i32) -> Option<String> {
    // SAFETY: a system call without pointers.
    let process = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    (0..MOST_DESCRIPTORS).find_map(|number| {
        // SAFETY: a system call without pointers.
        let got = owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })?;
        let what = std::fs::read_link(format!("/proc/self/fd/{}", got.as_raw_fd())).unwrap_or_default();
        Some(format!("descriptor {number}: {}", what.display()))
    })
}

fn open_descriptor(pid: i32) -> Option<String> {
    (0..MOST_DESCRIPTORS).find_map(|number| {
        let path = format!("/proc/{pid}/fd/{number}");
        std::fs::read_link(&path).ok().map(|what| what.display().to_string()).or_else(|| {
            let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path);
            opened.ok().map(|_| path)
        })
    })
}

fn open_memory(pid: i32) -> Option<String> {
    File::open(format!("/proc/{pid}/mem")).ok().map(|_| "memory".to_owned())
}

fn attach(pid: i32) -> Option<String> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: neither address is looked at.
    let attached = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) };
    if attached != 0 {
        return None;
    }
    // SAFETY: as above; the process goes on.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, nothing, nothing) };
    Some("attached".to_owned())
}

/// The processes that `pid` has started, of those not yet `known` to be others'.
pub(crate) fn children(pid: i32, known: &mut HashSet<i32>) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(other) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if known.contains(&other) {
            continue;
        }
        let stat = std::fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        if parent == Some(pid) {
            found.push(other);
        } else if parent.is_some() {
            known.insert(other);
        }
    }
    found
}
