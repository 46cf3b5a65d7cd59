//! Mappings for secrets on Windows: private pages between guards.
//!
//! Guarantees: a report of Windows Error Reporting leaves them out, where the system has a way to say so.
//! Must never: be taken for locked memory; whoever wants guarded pages locked asks for that, and learns whether they are.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use widestring::u16cstr;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Memory::{
    GetProcessWorkingSetSizeEx, MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_READWRITE,
    SetProcessWorkingSetSizeEx, VirtualAlloc, VirtualFree, VirtualLock, VirtualProtect,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use crate::platform::windows::library::{Function, function};

/// Bytes of inaccessible memory on either side of a region, so that an overrun faults: one page.
pub(super) fn guard() -> usize {
    let mut info = MaybeUninit::<SYSTEM_INFO>::zeroed();
    // SAFETY: it fills the structure, and keeps no pointer to it.
    unsafe { GetSystemInfo(info.as_mut_ptr()) };
    // SAFETY: it has been filled, and zeros are valid for it as well.
    let info = unsafe { info.assume_init() };
    usize::try_from(info.dwPageSize).unwrap_or(64 * 1024)
}

/// Windows has no memory that other processes cannot be given.
pub(super) fn map_secret(_len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Pages with an inaccessible page on either side, left out of error reports.
pub(super) fn map_guarded(len: usize) -> io::Result<NonNull<u8>> {
    let guard = guard();
    // SAFETY: a new range of addresses of the system's choice.
    let outer =
        unsafe { VirtualAlloc(std::ptr::null(), len + 2 * guard, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS) };
    let outer = NonNull::new(outer.cast::<u8>()).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the guard lies within the range of len + 2 * guard bytes.
    let base = unsafe { outer.add(guard) };
    let mut before = 0;
    // SAFETY: the middle of the range made just now; nobody uses it yet.
    let opened = unsafe { VirtualProtect(base.as_ptr().cast(), len, PAGE_READWRITE, &raw mut before) };
    if opened == 0 {
        let error = io::Error::last_os_error();
        unmap(base, len, guard);
        return Err(error);
    }
    leave_out_of_reports(base, len);
    Ok(base)
}

/// Keeps pages out of the swap, for as long as they are mapped. A process may lock about as much as the least part of it
/// that stays in memory, which is raised by so much.
///
/// # Errors
/// The system's.
pub(super) fn lock(base: NonNull<u8>, len: usize) -> io::Result<()> {
    let locked = try_lock(base, len);
    if locked.is_ok() || !raise_working_set(len + 2 * guard()) {
        return locked;
    }
    try_lock(base, len)
}

fn try_lock(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the callers have mapped the range, and it belongs to nobody else.
    match unsafe { VirtualLock(base.as_ptr().cast(), len) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// More of this process stays in memory than did: false where that cannot be had.
fn raise_working_set(more: usize) -> bool {
    // SAFETY: gives a constant that stands for this process.
    let this: HANDLE = unsafe { GetCurrentProcess() };
    let (mut least, mut most, mut flags) = (0, 0, 0);
    // SAFETY: three pointers to live locals, of which none is kept.
    if unsafe { GetProcessWorkingSetSizeEx(this, &raw mut least, &raw mut most, &raw mut flags) } == 0 {
        return false;
    }
    let least = least + more;
    // SAFETY: no pointer but the constant.
    unsafe { SetProcessWorkingSetSizeEx(this, least, most.max(least + more), 0) != 0 }
}

/// Advice that the system may not know: the rest of the protection does not hang on it.
fn leave_out_of_reports(base: NonNull<u8>, len: usize) {
    type Register = unsafe extern "system" fn(*const std::ffi::c_void, u32) -> i32;
    let found = function(u16cstr!("kernel32.dll"), c"WerRegisterExcludedMemoryBlock");
    if let (Some(found), Ok(len)) = (found, u32::try_from(len)) {
        // SAFETY: the documented signature of that function.
        let register = unsafe { std::mem::transmute::<Function, Register>(found) };
        // SAFETY: it notes the range, and touches none of it.
        let _ = unsafe { register(base.as_ptr().cast(), len) };
    }
}

/// Gives back what was mapped with `guard` bytes on either side.
pub(super) fn unmap(base: NonNull<u8>, _len: usize, guard: usize) {
    // SAFETY: the guard page lies before base in the same range.
    let outer = unsafe { base.sub(guard) };
    // SAFETY: the whole range, made by us, to which nobody holds a reference any more.
    let _ = unsafe { VirtualFree(outer.as_ptr().cast(), 0, MEM_RELEASE) };
}
