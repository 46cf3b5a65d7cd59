//! Mappings for secrets: of `memfd_secret(2)`, and of anonymous pages between guards.
//!
//! Guarantees: a forked child gets them empty or not at all, and a core dump leaves them out.
//! Must never: be taken for locked memory; whoever wants guarded pages locked asks for that, and learns whether they are.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
use nix::sys::mman::MmapAdvise;
use nix::sys::mman::{MapFlags, ProtFlags};

/// Bytes of inaccessible memory on either side of a locked region, so that an overrun faults: one page, which has
/// 4, 16 or 64 KiB.
pub(super) fn guard() -> usize {
    // SAFETY: a system call without pointers.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(64 * 1024)
}

/// Pages of `memfd_secret(2)`. Shared mappings cannot be wiped in a forked child, so it does not get them.
#[cfg(target_os = "linux")]
pub(super) fn map_secret(len: usize) -> io::Result<NonNull<u8>> {
    map_shared(&secret_file(len)?, len)
}

/// A file of `memfd_secret(2)` with `len` bytes, which can only be mapped.
#[cfg(target_os = "linux")]
pub(super) fn secret_file(len: usize) -> io::Result<OwnedFd> {
    use std::os::fd::{FromRawFd, RawFd};
    // SAFETY: a system call without pointers.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel gave this descriptor to us just now.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    nix::unistd::ftruncate(&fd, i64::try_from(len).map_err(io::Error::other)?)?;
    Ok(fd)
}

/// Maps the first `len` bytes of a file of [`secret_file`]; a forked child does not get them.
#[cfg(target_os = "linux")]
pub(super) fn map_shared(fd: &OwnedFd, len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choice.
    let base =
        unsafe { nix::sys::mman::mmap(None, nonzero(len)?, read_write(), MapFlags::MAP_SHARED, fd, 0) }?;
    advise(base.cast(), len, MmapAdvise::MADV_DONTFORK);
    Ok(base.cast())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn map_secret(_len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Anonymous pages with an inaccessible page on either side, not dumped, empty in a forked child.
pub(super) fn map_guarded(len: usize) -> io::Result<NonNull<u8>> {
    let guard = guard();
    let whole = nonzero(len + 2 * guard)?;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let outer =
        unsafe { nix::sys::mman::mmap_anonymous(None, whole, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) }?;
    let base = outer.cast::<u8>();
    // SAFETY: the guard lies within the mapping of len + 2 * guard bytes.
    let base = unsafe { base.add(guard) };
    // SAFETY: the middle of the mapping made just now; nobody uses it yet.
    unsafe { nix::sys::mman::mprotect(base.cast(), len, read_write()) }?;
    #[cfg(target_os = "linux")]
    {
        advise(base, len, MmapAdvise::MADV_DONTDUMP);
        advise(base, len, MmapAdvise::MADV_WIPEONFORK);
    }
    #[cfg(target_os = "freebsd")]
    advise(base, len, MmapAdvise::MADV_NOCORE);
    #[cfg(not(target_os = "linux"))]
    not_inherited(base, len);
    Ok(base)
}

/// Keeps pages out of the swap, for as long as they are mapped.
///
/// # Errors
/// The system's, as where the limit on locked memory is too small.
pub(super) fn lock(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the callers have mapped the range, and it belongs to nobody else.
    unsafe { nix::sys::mman::mlock(base.cast(), len) }.map_err(Into::into)
}

/// A forked child does not get them.
#[cfg(not(target_os = "linux"))]
fn not_inherited(base: NonNull<u8>, len: usize) {
    #[cfg(target_os = "macos")]
    let none = libc::VM_INHERIT_NONE;
    #[cfg(not(target_os = "macos"))]
    let none = libc::INHERIT_NONE;
    // SAFETY: the range is a mapping of ours, and stays as it is in this process.
    let _ = unsafe { libc::minherit(base.as_ptr().cast(), len, none) };
}

/// Advice that the system may not know: the rest of the protection does not hang on it.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn advise(base: NonNull<u8>, len: usize, advice: MmapAdvise) {
    // SAFETY: the range is a mapping of ours, and none of the advices used changes its bytes here.
    let _ = unsafe { nix::sys::mman::madvise(base.cast(), len, advice) };
}

/// Unmaps what was mapped with `guard` bytes on either side.
pub(super) fn unmap(base: NonNull<u8>, len: usize, guard: usize) {
    // SAFETY: the guard page lies before base in the same mapping.
    let outer = unsafe { base.sub(guard) };
    // SAFETY: the whole mapping, made by us, to which nobody holds a reference any more.
    let _ = unsafe { nix::sys::mman::munmap(outer.cast(), len + 2 * guard) };
}

fn read_write() -> ProtFlags {
    ProtFlags::PROT_READ | ProtFlags::PROT_WRITE
}

fn nonzero(len: usize) -> io::Result<NonZeroUsize> {
    NonZeroUsize::new(len).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
