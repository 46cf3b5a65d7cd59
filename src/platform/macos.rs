//! What only macOS has.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::unistd::{Gid, Uid};
use std::ffi::{CStr, OsString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::ptr;

use super::unix;

/// What the system says of a process.
pub(super) struct Seen {
    /// The process that it comes from.
    pub(super) parent: i32,
    /// When it began: a number is used again, but not with that.
    pub(super) began: String,
}

/// Longest path that proc_pidpath(3) gives (`PROC_PIDPATHINFO_MAXSIZE`).
const MOST_PATH: usize = 4096;
/// Longest name that proc_name(3) gives, with its NUL: twice `MAXCOMLEN`.
const MOST_NAME: usize = 33;

unsafe extern "C" {
    /// launch_activate_socket(3), of the system's own library.
    fn launch_activate_socket(name: *const c_char, numbers: *mut *mut c_int, count: *mut usize) -> c_int;
}

/// ptrace(2) with `PT_DENY_ATTACH`: no debugger attaches from now on, and one that has done so ends this process.
pub(super) fn untraceable() -> nix::Result<()> {
    // SAFETY: this request takes no address, and touches no memory.
    let result = unsafe { libc::ptrace(libc::PT_DENY_ATTACH, 0, ptr::null_mut(), 0) };
    Errno::result(result).map(drop)
}

/// The sockets that launchd listens on for this very job, under the name that its property list gives them. They are
/// given out once.
pub(super) fn launchd_sockets(name: &CStr) -> io::Result<Vec<OwnedFd>> {
    let (mut numbers, mut count) = (ptr::null_mut::<c_int>(), 0);
    // SAFETY: the name ends with a NUL, and both pointers are to live locals.
    let failed = unsafe { launch_activate_socket(name.as_ptr(), &raw mut numbers, &raw mut count) };
    if failed != 0 || numbers.is_null() {
        return Err(io::Error::from_raw_os_error(failed));
    }
    // SAFETY: the call has succeeded: so many numbers are there, and nobody else knows of them.
    let sockets = unsafe { std::slice::from_raw_parts(numbers, count) }.to_vec();
    // SAFETY: they came from malloc(3), for the caller to free.
    unsafe { libc::free(numbers.cast()) };
    sockets.into_iter().map(unix::inherited).collect()
}

/// A process of ours; none where it has ended, also as a zombie.
///
/// # Errors
/// The system's: `EPERM` for a process of another user.
pub(super) fn seen(pid: u32) -> io::Result<Option<Seen>> {
    let Ok(pid) = c_int::try_from(pid) else { return Ok(None) };
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let len = c_int::try_from(size_of::<libc::proc_bsdinfo>()).unwrap_or(0);
    // SAFETY: the buffer is a live local of `len` bytes. The zero leaves zombies out.
    let got = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), len) };
    if got < len {
        let error = Errno::last();
        return if error == Errno::ESRCH { Ok(None) } else { Err(error.into()) };
    }
    // SAFETY: all of it was filled, and all-zero is valid as well.
    let info = unsafe { info.assume_init() };
    let living = info.pbi_status != libc::SZOMB;
    let began = format!("{}.{:06}", info.pbi_start_tvsec, info.pbi_start_tvusec);
    Ok(living.then(|| Seen { parent: i32::try_from(info.pbi_ppid).unwrap_or_default(), began }))
}

/// The file that a process executes.
pub(super) fn program(pid: i32) -> Option<PathBuf> {
    // SAFETY: writes no more than it is told that there is room for.
    let path = filled(MOST_PATH, |to, len| unsafe { libc::proc_pidpath(pid, to, len) })?;
    Some(OsString::from_vec(path).into())
}

/// The name of a process, as the system keeps it.
pub(super) fn name(pid: i32) -> Option<String> {
    // SAFETY: writes no more than it is told that there is room for.
    let name = filled(MOST_NAME, |to, len| unsafe { libc::proc_name(pid, to, len) })?;
    Some(String::from_utf8_lossy(&name).into_owned())
}

/// What `fill` writes, which gives the number of bytes; none where it gives none.
fn filled(most: usize, fill: impl FnOnce(*mut c_void, u32) -> c_int) -> Option<Vec<u8>> {
    let mut bytes = vec![0; most];
    let got = fill(bytes.as_mut_ptr().cast(), u32::try_from(most).ok()?);
    let got = usize::try_from(got).ok().filter(|got| (1..=most).contains(got))?;
    bytes.truncate(got);
    Some(bytes)
}

/// Makes these the effective and the saved user and group, for good.
pub(super) fn become_caller(user: Uid, group: Gid) -> nix::Result<()> {
    // SAFETY: a system call without pointers. Where the real one is set, the saved one is what becomes effective.
    Errno::result(unsafe { libc::setregid(group.as_raw(), group.as_raw()) })?;
    // SAFETY: as above.
    Errno::result(unsafe { libc::setreuid(user.as_raw(), user.as_raw()) }).map(drop)
}
