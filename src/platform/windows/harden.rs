//! What the agent's process does to close itself before it reads the first byte.
//!
//! Guarantees that every measure is tried and reported, and that none that fails keeps the agent from starting.
#![allow(unsafe_code)]

use std::io;
use std::sync::{Mutex, PoisonError};

use widestring::u16cstr;

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
pub(super) const LEFT_TO_OTHERS: u32 = 0x1000 | 0x0010_0000 | 0x0001 | 0x0002_0000;
/// And to its threads: to wait for their end (`SYNCHRONIZE`, `READ_CONTROL`). Who can set what a thread does next can have
/// it do anything.
pub(super) const LEFT_OF_THREADS: u32 = 0x0010_0000 | 0x0002_0000;
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
    descriptor::set(process, descriptor::LIST, &leaving(LEFT_TO_OTHERS)?)?;
    try_close_thread()?;
    close_default()
}

fn close_default() -> io::Result<()> {
    let mut closed = CLOSED.lock().unwrap_or_else(PoisonError::into_inner);
    descriptor::set_default(&leaving(LEFT_OF_THREADS)?)?;
    *closed = true;
    Ok(())
}

/// Does what makes pipes and starts a program: their access list comes from the one for all that this process makes, and
/// the program's own from it too. With that of a closed process neither this one nor that could open them.
///
/// Threads that the system makes meanwhile are open, as any program's; those of ours close themselves.
pub fn reopened<T>(work: impl FnOnce() -> T) -> T {
    let closed = CLOSED.lock().unwrap_or_else(PoisonError::into_inner);
    let _again = closed.then(Reopened::begin);
    work()
}

/// Whether the list for all that this process makes is closed. Held while it is not.
static CLOSED: Mutex<bool> = Mutex::new(false);

/// The time in which that list is as it is with every program.
struct Reopened;

impl Reopened {
    fn begin() -> Self {
        if let Err(error) = security::own().and_then(|own| descriptor::set_default(&usual(own))) {
            tracing::warn!("what is started now may not get far: {error}");
        }
        Self
    }
}

impl Drop for Reopened {
    fn drop(&mut self) {
        if let Err(error) = leaving(LEFT_OF_THREADS).and_then(|list| descriptor::set_default(&list)) {
            tracing::warn!("threads of the system's are not closed any more: {error}");
        }
    }
}

/// The list that Windows itself gives to a process for what it makes.
fn usual(own: &str) -> String {
    format!("D:(A;;GA;;;SY)(A;;GA;;;{own})")
}

/// An access list for the system, which leaves so much to us.
pub(super) fn leaving(rights: u32) -> io::Result<String> {
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
    descriptor::set(thread, descriptor::LIST, &leaving(LEFT_OF_THREADS)?)
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

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsRawHandle;
    use std::ptr::null_mut;

    use windows_sys::Win32::Foundation::GENERIC_ALL;
    use windows_sys::Win32::Security::{
        ACCESS_ALLOWED_ACE, GetAce, GetTokenInformation, TOKEN_DEFAULT_DACL, TOKEN_QUERY, TokenDefaultDacl,
    };

    use super::*;

    /// What each entry of the list for all that this process makes gives.
    fn default_rights() -> Vec<u32> {
        let token = security::own_token(TOKEN_QUERY).unwrap();
        let mut room = [0_usize; 128];
        let (length, mut filled) = (u32::try_from(size_of_val(&room)).unwrap(), 0);
        let (token, to) = (token.as_raw_handle(), room.as_mut_ptr().cast());
        // SAFETY: the buffer is as long as it says.
        let got = unsafe { GetTokenInformation(token, TokenDefaultDacl, to, length, &raw mut filled) };
        assert_ne!(got, 0);
        // SAFETY: it holds the structure now, and is aligned for it.
        let list = unsafe { (*room.as_ptr().cast::<TOKEN_DEFAULT_DACL>()).DefaultDacl };
        let mut rights = Vec::new();
        let mut entry = null_mut();
        // SAFETY: the list lies in the buffer, and the pointer is to a live local.
        while unsafe { GetAce(list, u32::try_from(rights.len()).unwrap(), &raw mut entry) } != 0 {
            // SAFETY: all entries of ours are of this kind.
            rights.push(unsafe { (*entry.cast::<ACCESS_ALLOWED_ACE>()).Mask });
        }
        rights
    }

    #[test]
    fn what_a_program_is_started_with_can_be_opened() {
        let (open, closed) =
            (vec![GENERIC_ALL, GENERIC_ALL], vec![0x001f_ffff, LEFT_OF_THREADS, LEFT_OF_THREADS]);
        close_default().unwrap();
        assert_eq!(default_rights(), closed);
        assert_eq!(reopened(default_rights), open);
        assert_eq!(default_rights(), closed);
        // In a process that was never closed it stays what it is.
        *CLOSED.lock().unwrap() = false;
        descriptor::set_default("D:(A;;GA;;;SY)").unwrap();
        assert_eq!(reopened(default_rights), [GENERIC_ALL]);
        descriptor::set_default(&usual(security::own().unwrap())).unwrap();
    }
}
