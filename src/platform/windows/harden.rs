//! What the agent's process does to close itself before it reads the first byte.
//!
//! Guarantees that every measure is tried and reported, and that none that fails keeps the agent from starting.
#![allow(unsafe_code)]

use std::io;
use widestring::u16cstr;

use windows_sys::Win32::Security::{DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION};
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, ProcessExtensionPointDisablePolicy, ProcessImageLoadPolicy,
    SetProcessMitigationPolicy,
};

use super::library::{self, Function};
use super::{descriptor, security};
use crate::control::{Measure, measure};

/// What others of the same user may still do to the agent's process: ask who it is, wait for its end, end it
/// (`PROCESS_QUERY_LIMITED_INFORMATION`, `SYNCHRONIZE`, `PROCESS_TERMINATE`, `READ_CONTROL`). Not: read or write its
/// memory, debug it, take its handles, start threads in it, or change this very list.
const LEFT_TO_OTHERS: u32 = 0x1000 | 0x0010_0000 | 0x0001 | 0x0002_0000;
/// And to its threads: to wait for their end (`SYNCHRONIZE`, `READ_CONTROL`). Who can set what a thread does next can have
/// it do anything.
const LEFT_OF_THREADS: u32 = 0x0010_0000 | 0x0002_0000;
/// An access list to which nothing is added from elsewhere.
const LIST: u32 = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
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

/// Gives this process an access list, and one that leaves less to its threads: this one's, and those to come. The rights
/// that an owner has unasked (OW) are named too, and so not had.
fn close() -> io::Result<()> {
    // SAFETY: gives a constant that stands for this process.
    let process = unsafe { GetCurrentProcess() };
    descriptor::set(process, LIST, &leaving(LEFT_TO_OTHERS)?)?;
    try_close_thread()?;
    descriptor::set_default(&leaving(LEFT_OF_THREADS)?)
}

/// An access list for the system, which leaves so much to us.
fn leaving(rights: u32) -> io::Result<String> {
    let own = security::own()?;
    Ok(format!("D:P(A;;0x1fffff;;;SY)(A;;0x{rights:x};;;{own})(A;;0x{rights:x};;;OW)"))
}

/// Gives this thread the list that all have: for those that are there before the process is closed, and where the system
/// does not do so by itself.
pub fn close_thread() {
    if let Err(error) = try_close_thread() {
        tracing::warn!("a thread is not closed: {error}");
    }
}

fn try_close_thread() -> io::Result<()> {
    // SAFETY: gives a constant that stands for this thread.
    let thread = unsafe { GetCurrentThread() };
    descriptor::set(thread, LIST, &leaving(LEFT_OF_THREADS)?)
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
