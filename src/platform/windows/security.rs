//! Who is who: security identifiers of this process, of a client, and of the owner of a pipe.
//!
//! Guarantees: whoever cannot be identified is nobody that may come in; a thread that has looked at a client as that client
//! is itself again afterwards, or the process ends.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr::null_mut;
use std::sync::OnceLock;

use widestring::U16CStr;
use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW, GetSecurityInfo,
    SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetTokenInformation, OBJECT_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, RevertToSelf, TOKEN_QUERY, TOKEN_USER, TokenUser,
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
    // SAFETY: gives a constant that stands for this process.
    let this = unsafe { GetCurrentProcess() };
    let mut token: HANDLE = null_mut();
    // SAFETY: the pointer is to a live local.
    if unsafe { OpenProcessToken(this, TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let sid = user_of(owned(token))?;
    Ok(OWN.get_or_init(|| sid))
}

/// Who the client of this end of a pipe is.
///
/// # Errors
/// The system's, as where the client lets nobody know.
pub(super) fn client(pipe: BorrowedHandle<'_>) -> io::Result<Whose> {
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
    // As the structure is aligned.
    let mut user = [0_usize; MOST_USER / size_of::<usize>()];
    let room = u32::try_from(size_of_val(&user)).map_err(io::Error::other)?;
    let mut length = 0;
    let to = user.as_mut_ptr().cast::<c_void>();
    // SAFETY: the buffer is as long as it says.
    if unsafe { GetTokenInformation(token.as_raw_handle(), TokenUser, to, room, &raw mut length) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it holds the structure now, and is aligned for it.
    let user = unsafe { &*user.as_ptr().cast::<TOKEN_USER>() };
    text_of(user.User.Sid)
}

fn text_of(sid: PSID) -> io::Result<String> {
    let mut text: *mut u16 = null_mut();
    // SAFETY: the callers' identifier is alive, and the pointer to a live local.
    match unsafe { ConvertSidToStringSidW(sid, &raw mut text) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(taken(text)),
    }
}

/// A text of the system's, which is given back to it.
fn taken(text: *mut u16) -> String {
    // SAFETY: the text is the system's, ends with a zero, and is alive until the next line but one.
    let copy = unsafe { U16CStr::from_ptr_str(text) }.to_string_lossy();
    // SAFETY: the system has made it for us by LocalAlloc, and nobody uses it any more.
    unsafe { LocalFree(text.cast()) };
    copy
}

/// Owner, or owner and access list, of the object behind a handle. Given back to the system when dropped.
struct Described {
    descriptor: PSECURITY_DESCRIPTOR,
    /// Lies in the descriptor; null where nobody owns the object.
    owner: PSID,
}

impl Described {
    fn of(object: BorrowedHandle<'_>, parts: OBJECT_SECURITY_INFORMATION) -> io::Result<Self> {
        let mut described = Self { descriptor: null_mut(), owner: null_mut() };
        // SAFETY: pointers to a live local, or none; a handle that is open for as long as it is borrowed.
        let refused = unsafe {
            GetSecurityInfo(
                object.as_raw_handle(),
                SE_KERNEL_OBJECT,
                parts,
                &raw mut described.owner,
                null_mut(),
                null_mut(),
                null_mut(),
                &raw mut described.descriptor,
            )
        };
        if refused == 0 { Ok(described) } else { Err(super::numbered(refused)) }
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        // SAFETY: made for us by LocalAlloc, or null, and nobody uses it any more.
        unsafe { LocalFree(self.descriptor) };
    }
}

/// Who has made the object behind a handle, such as the server of a pipe.
///
/// # Errors
/// The system's.
pub(super) fn owner(object: BorrowedHandle<'_>) -> io::Result<Whose> {
    let described = Described::of(object, OWNER_SECURITY_INFORMATION)?;
    if described.owner.is_null() {
        return Ok(Whose::Other);
    }
    text_of(described.owner).map(|sid| Whose::of(&sid))
}

/// Owner and access list of the object behind a handle, in the system's own notation.
///
/// # Errors
/// The system's.
pub fn described(object: BorrowedHandle<'_>) -> io::Result<String> {
    let parts = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let described = Described::of(object, parts)?;
    let mut text: *mut u16 = null_mut();
    // SAFETY: the descriptor is alive, and the pointer is to a live local.
    let done = unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            described.descriptor,
            SDDL_REVISION_1,
            parts,
            &raw mut text,
            null_mut(),
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(taken(text)) }
}

/// What gives an object to us and to the system, and to nobody else, in that notation.
///
/// # Errors
/// The system's, where it does not say who we are.
pub fn ours_alone() -> io::Result<String> {
    let own = own()?;
    Ok(format!("O:{own}D:P(A;;GA;;;SY)(A;;GA;;;{own})"))
}
