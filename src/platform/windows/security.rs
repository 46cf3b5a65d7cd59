//! Who is who: security identifiers of this process, of other processes, and of a pipe's client.
//!
//! Guarantees: a client that is known to be another user's does not come in; one that lets nobody know who it is does, since
//! the pipe's own access list has let it in already, and that is ours and the system's alone. A thread that has looked at a
//! client as that client is itself again afterwards, or the process ends.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr::null_mut;
use std::sync::OnceLock;

use widestring::U16CStr;
use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{
    GetTokenInformation, PSID, RevertToSelf, TOKEN_ACCESS_MASK, TOKEN_INFORMATION_CLASS, TOKEN_QUERY,
    TokenOwner, TokenUser,
};
use windows_sys::Win32::System::Pipes::ImpersonateNamedPipeClient;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken,
};

/// The system itself, which is for Windows what root is for Unix.
const SYSTEM: &str = "S-1-5-18";
/// More than the structure with the longest identifier takes, in bytes.
const MOST_USER: usize = 256;

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of the user that this process runs as.
    Ours,
    /// Of the system.
    System,
    /// Of anybody else.
    Other,
}

impl Whose {
    pub(super) fn of(sid: &str) -> Self {
        match sid {
            SYSTEM => Self::System,
            _ if own().is_ok_and(|own| own == sid) => Self::Ours,
            _ => Self::Other,
        }
    }
}

/// The security identifier of the user that this process runs as, as text.
///
/// # Errors
/// The system's.
pub fn own() -> io::Result<&'static str> {
    static OWN: OnceLock<String> = OnceLock::new();
    if let Some(own) = OWN.get() {
        return Ok(own);
    }
    let sid = user_of(own_token(TOKEN_QUERY)?)?;
    Ok(OWN.get_or_init(|| sid))
}

/// Who owns what this process makes and says nothing about: the user, or the administrators, where it runs as one of them.
///
/// # Errors
/// The system's.
pub(super) fn default_owner() -> io::Result<String> {
    sid_of(own_token(TOKEN_QUERY)?, TokenOwner)
}

/// Who the client of this end of a pipe is, whose process is `pid`.
///
/// Its process says so, where we may ask; else it lets itself be known by the pipe. Many do not: one that has not been read
/// from yet cannot be, unless it has asked for that when it came, nor one that came as nobody. Those are ours: nobody else
/// but the system gets past the access list, and it may come in as well.
pub(super) fn client(pipe: BorrowedHandle<'_>, pid: Option<u32>) -> Whose {
    let by_process = pid.and_then(|pid| super::process::user(pid).ok());
    by_process.or_else(|| by_pipe(pipe).ok()).unwrap_or(Whose::Ours)
}

/// The user of a process, by a handle that may ask.
///
/// # Errors
/// The system's.
pub(super) fn user_of_process(process: BorrowedHandle<'_>) -> io::Result<Whose> {
    let token = token(process.as_raw_handle(), TOKEN_QUERY)?;
    user_of(token).map(|sid| Whose::of(&sid))
}

/// That of this process.
pub(super) fn own_token(access: TOKEN_ACCESS_MASK) -> io::Result<OwnedHandle> {
    // SAFETY: gives a constant that stands for this process.
    let this = unsafe { GetCurrentProcess() };
    token(this, access)
}

fn token(process: RawHandle, access: TOKEN_ACCESS_MASK) -> io::Result<OwnedHandle> {
    let mut token: HANDLE = null_mut();
    // SAFETY: the pointer is to a live local, and the handle open.
    match unsafe { OpenProcessToken(process, access, &raw mut token) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(owned(token)),
    }
}

fn by_pipe(pipe: BorrowedHandle<'_>) -> io::Result<Whose> {
    // SAFETY: a handle that is open for as long as it is borrowed.
    if unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let token = thread_token();
    // SAFETY: no pointer.
    if unsafe { RevertToSelf() } == 0 {
        // Whatever this thread did from here on it would do as somebody else.
        std::process::abort();
    }
    user_of(token?).map(|sid| Whose::of(&sid))
}

fn thread_token() -> io::Result<OwnedHandle> {
    // SAFETY: gives a constant that stands for this thread.
    let this = unsafe { GetCurrentThread() };
    let mut token: HANDLE = null_mut();
    // SAFETY: the pointer is to a live local.
    match unsafe { OpenThreadToken(this, TOKEN_QUERY, 1, &raw mut token) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(owned(token)),
    }
}

fn owned(handle: RawHandle) -> OwnedHandle {
    // SAFETY: the system has just given it to us, and nobody else owns it.
    unsafe { OwnedHandle::from_raw_handle(handle) }
}

fn user_of(token: OwnedHandle) -> io::Result<String> {
    sid_of(token, TokenUser)
}

/// What a token says of its user or owner: either structure begins with the pointer to the identifier.
fn sid_of(token: OwnedHandle, what: TOKEN_INFORMATION_CLASS) -> io::Result<String> {
    // As the structure is aligned.
    let mut said = [0_usize; MOST_USER / size_of::<usize>()];
    let room = u32::try_from(size_of_val(&said)).map_err(io::Error::other)?;
    let mut length = 0;
    let to = said.as_mut_ptr().cast::<c_void>();
    // SAFETY: the buffer is as long as it says.
    if unsafe { GetTokenInformation(token.as_raw_handle(), what, to, room, &raw mut length) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it holds the structure now, and is aligned for it.
    text_of(unsafe { *said.as_ptr().cast::<PSID>() })
}

/// An identifier as text. It must be alive.
pub(super) fn text_of(sid: PSID) -> io::Result<String> {
    let mut text: *mut u16 = null_mut();
    // SAFETY: the callers' identifier is alive, and the pointer to a live local.
    match unsafe { ConvertSidToStringSidW(sid, &raw mut text) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(taken(text)),
    }
}

/// A text of the system's, which is given back to it.
pub(super) fn taken(text: *mut u16) -> String {
    // SAFETY: the text is the system's, ends with a zero, and is alive until the next line but one.
    let copy = unsafe { U16CStr::from_ptr_str(text) }.to_string_lossy();
    // SAFETY: the system has made it for us by LocalAlloc, and nobody uses it any more.
    unsafe { LocalFree(text.cast()) };
    copy
}
