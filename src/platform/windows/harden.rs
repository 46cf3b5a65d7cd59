//! What the agent's process does to close itself before it reads the first byte.
//!
//! Guarantees that every measure is tried and reported, and that none that fails keeps the agent from starting.
#![allow(unsafe_code)]

use std::io;
use std::ptr::null_mut;

use widestring::{U16CString, u16cstr};
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    SetKernelObjectSecurity,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, ProcessExtensionPointDisablePolicy, ProcessImageLoadPolicy, SetProcessMitigationPolicy,
};

use super::library::{self, Function};
use super::security;
use crate::control::{Measure, measure};

/// What others of the same user may still do to the agent's process: ask who it is, wait for its end, end it
/// (`PROCESS_QUERY_LIMITED_INFORMATION`, `SYNCHRONIZE`, `PROCESS_TERMINATE`, `READ_CONTROL`). Not: read or write its
/// memory, debug it, take its handles, start threads in it, or change this very list.
const LEFT_TO_OTHERS: u32 = 0x1000 | 0x0010_0000 | 0x0001 | 0x0002_0000;
/// `WER_FAULT_REPORTING_FLAG_NOHEAP`: reports of a crash hold no heap.
const NO_HEAP: u32 = 1;

/// Applies every measure to this process, which has just become an agent.
#[must_use]
pub fn harden() -> Vec<Measure> {
    let policies = [
        (ProcessExtensionPointDisablePolicy, 1_u32),
        // No library from another machine or of low integrity; those of the system first.
        (ProcessImageLoadPolicy, 0b111),
    ];
    let foreign = policies.into_iter().try_for_each(|(policy, flags)| mitigate(policy, flags));
    vec![
        measure("closed process", "no other process of yours can attach or read its memory", close()),
        measure("no crash dumps", "error reports hold no heap, and nothing is shown", no_reports()),
        measure("no foreign code", "no hooks, and no libraries from elsewhere", foreign),
    ]
}

/// Gives this process an access list. The rights that its owner has unasked (OW) are named too, and so not had.
fn close() -> io::Result<()> {
    let own = security::own()?;
    let list =
        format!("D:P(A;;0x1fffff;;;SY)(A;;0x{LEFT_TO_OTHERS:x};;;{own})(A;;0x{LEFT_TO_OTHERS:x};;;OW)");
    let list = U16CString::from_str(list).map_err(io::Error::other)?;
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: the text ends with a zero, and the pointer is to a live local.
    let made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            list.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: gives a constant that stands for this process.
    let this = unsafe { GetCurrentProcess() };
    let parts = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the descriptor was just made.
    let set = unsafe { SetKernelObjectSecurity(this, parts, descriptor) };
    let result = if set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: made for us by LocalAlloc, and nobody uses it any more.
    unsafe { LocalFree(descriptor) };
    result
}

fn mitigate(policy: i32, flags: u32) -> io::Result<()> {
    // SAFETY: each of the policies above is a structure of 32 bits.
    match unsafe { SetProcessMitigationPolicy(policy, (&raw const flags).cast(), size_of::<u32>()) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Neither a dialog nor, where the system can be told, a dump of the heap.
fn no_reports() -> io::Result<()> {
    // SAFETY: no pointer.
    unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX) };
    type SetFlags = unsafe extern "system" fn(u32) -> i32;
    let found = library::function(u16cstr!("kernel32.dll"), c"WerSetFlags");
    let found = found.ok_or_else(|| io::Error::other("this system has no WerSetFlags"))?;
    // SAFETY: the documented signature of that function.
    let set = unsafe { std::mem::transmute::<Function, SetFlags>(found) };
    // SAFETY: no pointer.
    match unsafe { set(NO_HEAP) } {
        0 => Ok(()),
        refused => Err(io::Error::other(format!("WerSetFlags: {refused:#x}"))),
    }
}
