//! What only FreeBSD has.
#![allow(unsafe_code)]

use nix::errno::Errno;
use std::ffi::{CStr, OsStr, c_int, c_uint};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

/// What the system says of a process.
pub(super) struct Seen {
    /// When it began: a number is used again, but not with that.
    pub(super) began: String,
}

/// Longest path that the kernel gives (`MAXPATHLEN`).
const MOST_PATH: usize = 1024;

/// procctl(2) with `PROC_TRACE_CTL`: no debugger attaches from now on, nothing is dumped. So it is, as the system's manual
/// has it, for a program that takes this one's place; nothing here depends on that.
pub(super) fn untraceable() -> nix::Result<()> {
    let mut disable = libc::PROC_TRACE_CTL_DISABLE_EXEC;
    // SAFETY: the pointer is to a live local of the type that this request reads.
    let result =
        unsafe { libc::procctl(libc::P_PID, own(), libc::PROC_TRACE_CTL, (&raw mut disable).cast()) };
    Errno::result(result).map(drop)
}

/// close_range(2) from `first` to `last`, both included; /dev/fd shows them only where fdescfs(5) is mounted.
pub(super) fn close_range(first: RawFd, last: RawFd) -> nix::Result<()> {
    let number = |fd: RawFd| c_uint::try_from(fd).map_err(|_| Errno::EBADF);
    let (first, last) = (number(first)?, number(last)?);
    // SAFETY: closes descriptors that were inherited and that no object here owns; touches no memory.
    Errno::result(unsafe { libc::close_range(first, last, 0) }).map(drop)
}

fn own() -> libc::id_t {
    libc::id_t::from(std::process::id())
}

/// A process; none where it has ended, also as a zombie.
///
/// # Errors
/// The system's.
pub(super) fn seen(pid: u32) -> io::Result<Option<Seen>> {
    let Some(info) = info(pid)? else { return Ok(None) };
    let living = info.ki_stat != libc::SZOMB;
    let began = format!("{}.{:06}", info.ki_start.tv_sec, info.ki_start.tv_usec);
    Ok(living.then_some(Seen { began }))
}

/// The process that one comes from.
pub(super) fn parent(pid: i32) -> Option<i32> {
    Some(info(u32::try_from(pid).ok()?).ok()??.ki_ppid)
}

/// The name of a process, as the kernel keeps it.
pub(super) fn name(pid: i32) -> Option<String> {
    let info = info(u32::try_from(pid).ok()?).ok()??;
    let name = info.ki_comm.map(c_char_byte);
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    Some(name.to_string_lossy().into_owned())
}

fn c_char_byte(character: std::ffi::c_char) -> u8 {
    character.to_ne_bytes()[0]
}

/// The file that a process executes.
pub(super) fn program(pid: i32) -> Option<PathBuf> {
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PATHNAME, pid];
    let (mut path, mut len) = ([0_u8; MOST_PATH], MOST_PATH);
    let (of, to) = (name.as_ptr(), path.as_mut_ptr());
    // SAFETY: the name has four numbers, and `len` says how much room there is and then how much was written.
    let result = unsafe { libc::sysctl(of, 4, to.cast(), &raw mut len, ptr::null(), 0) };
    Errno::result(result).ok()?;
    let path = CStr::from_bytes_until_nul(path.get(..len)?).ok()?;
    Some(OsStr::from_bytes(path.to_bytes()).into())
}

/// What the kernel tells of a process; none where there is none of that number.
fn info(pid: u32) -> io::Result<Option<libc::kinfo_proc>> {
    let Ok(pid) = c_int::try_from(pid) else { return Ok(None) };
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, pid];
    let mut info = MaybeUninit::<libc::kinfo_proc>::zeroed();
    let mut len = size_of::<libc::kinfo_proc>();
    let (of, to) = (name.as_ptr(), info.as_mut_ptr());
    // SAFETY: the name has four numbers, and `len` says how much room there is and then how much was written.
    let result = unsafe { libc::sysctl(of, 4, to.cast(), &raw mut len, ptr::null(), 0) };
    match Errno::result(result) {
        Ok(_) if len == size_of::<libc::kinfo_proc>() => {}
        // No entry is what there is to say of a process that is not there.
        Ok(_) if len == 0 => return Ok(None),
        Err(Errno::ESRCH) => return Ok(None),
        Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
        Err(error) => return Err(error.into()),
    }
    // SAFETY: all of it was filled, and all-zero is valid as well.
    Ok(Some(unsafe { info.assume_init() }))
}
