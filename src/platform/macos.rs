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
    let info = info::<libc::proc_bsdinfo>(pid, libc::PROC_PIDTBSDINFO)?;
    // SAFETY: all of it was filled, and all-zero is valid as well.
    let Some(info) = info.map(|info| unsafe { info.assume_init() }) else { return Ok(None) };
    let living = info.pbi_status != libc::SZOMB;
    let began = format!("{}.{:06}", info.pbi_start_tvsec, info.pbi_start_tvusec);
    Ok(living.then_some(Seen { began }))
}

/// The process that one comes from: also of another user's, such as the login(1) of a terminal.
pub(super) fn parent(pid: i32) -> Option<i32> {
    let pid = u32::try_from(pid).ok()?;
    let info = info::<libc::proc_bsdshortinfo>(pid, libc::PROC_PIDT_SHORTBSDINFO).ok()??;
    // SAFETY: all of it was filled, and all-zero is valid as well.
    i32::try_from(unsafe { info.assume_init() }.pbsi_ppid).ok()
}

/// What proc_pidinfo(3) fills, whole; none where the process has ended.
fn info<T>(pid: u32, kind: c_int) -> io::Result<Option<MaybeUninit<T>>> {
    let Ok(pid) = c_int::try_from(pid) else { return Ok(None) };
    let mut info = MaybeUninit::<T>::zeroed();
    let len = c_int::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: the buffer is a live local of `len` bytes. The zero leaves zombies out.
    let got = unsafe { libc::proc_pidinfo(pid, kind, 0, info.as_mut_ptr().cast(), len) };
    match Errno::last() {
        _ if got >= len => Ok(Some(info)),
        Errno::ESRCH => Ok(None),
        error => Err(error.into()),
    }
}

/// The number of this machine, which it keeps for ever.
pub(super) fn machine() -> Option<libc::uuid_t> {
    // The system knows it since its start, and says so at once.
    let limit = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    let mut number: libc::uuid_t = [0; 16];
    // SAFETY: writes a live local of the type that it is for, and reads another.
    let result = unsafe { libc::gethostuuid(number.as_mut_ptr(), &raw const limit) };
    // Without one all machines would have the same.
    Errno::result(result).ok().map(|_| number).filter(|number| *number != [0; 16])
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
