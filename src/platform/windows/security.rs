//! Who is who: security identifiers of this process, of a client, and of the owner of a pipe.
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

use widestring::{U16CStr, U16CString};
use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, GetTokenInformation,
    LABEL_SECURITY_INFORMATION, OBJECT_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, RevertToSelf, SetKernelObjectSecurity,
    SetTokenInformation, TOKEN_ADJUST_DEFAULT, TOKEN_DEFAULT_DACL, TOKEN_QUERY, TOKEN_USER, TokenDefaultDacl,
    TokenUser,
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
    let sid = user_of(token(this, TOKEN_QUERY)?)?;
    Ok(OWN.get_or_init(|| sid))
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

fn token(process: RawHandle, access: u32) -> io::Result<OwnedHandle> {
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
    fn from_text(text: &str) -> io::Result<Self> {
        let text = U16CString::from_str(text).map_err(io::Error::other)?;
        let mut described = Self { descriptor: null_mut(), owner: null_mut() };
        // SAFETY: the text ends with a zero, and the pointer is to a live local.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut described.descriptor,
                null_mut(),
            )
        };
        if made == 0 { Err(io::Error::last_os_error()) } else { Ok(described) }
    }

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

/// Gives an object these parts of a security descriptor, which is in the system's own notation.
///
/// # Errors
/// The system's.
pub(super) fn set(object: RawHandle, parts: OBJECT_SECURITY_INFORMATION, text: &str) -> io::Result<()> {
    let descriptor = Described::from_text(text)?;
    // SAFETY: the descriptor was just made; the handle is the callers'.
    match unsafe { SetKernelObjectSecurity(object, parts, descriptor.descriptor) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Gives a file to us and to the system alone, and where the system knows of such, to nothing of low integrity.
///
/// # Errors
/// The system's, where it cannot be ours alone.
pub(super) fn close_file(file: BorrowedHandle<'_>) -> io::Result<()> {
    let (own, file) = (own()?, file.as_raw_handle());
    let parts = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    set(file, parts, &format!("D:P(A;;FA;;;SY)(A;;FA;;;{own})"))?;
    if let Err(error) = set(file, LABEL_SECURITY_INFORMATION, "S:(ML;;NWNR;;;ME)") {
        tracing::debug!("no label for a file: {error}");
    }
    Ok(())
}

/// What this process makes from now on has the access list of this descriptor, where it is given no other: its threads.
///
/// # Errors
/// The system's.
pub(super) fn set_default(text: &str) -> io::Result<()> {
    let descriptor = Described::from_text(text)?;
    let (mut list, mut there, mut unasked): (*mut ACL, _, _) = (null_mut(), 0, 0);
    // SAFETY: the descriptor was just made, and the pointers are to live locals.
    let got = unsafe {
        GetSecurityDescriptorDacl(descriptor.descriptor, &raw mut there, &raw mut list, &raw mut unasked)
    };
    if got == 0 || list.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: gives a constant that stands for this process.
    let this = unsafe { GetCurrentProcess() };
    let token = token(this, TOKEN_ADJUST_DEFAULT)?;
    let default = TOKEN_DEFAULT_DACL { DefaultDacl: list };
    let length = u32::try_from(size_of_val(&default)).map_err(io::Error::other)?;
    let from = (&raw const default).cast();
    // SAFETY: the structure is as long as it says, and the list in it is alive.
    match unsafe { SetTokenInformation(token.as_raw_handle(), TokenDefaultDacl, from, length) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// What gives an object to us and to the system, and to nobody else, in that notation.
///
/// # Errors
/// The system's, where it does not say who we are.
pub fn ours_alone() -> io::Result<String> {
    let own = own()?;
    Ok(format!("O:{own}D:P(A;;GA;;;SY)(A;;GA;;;{own})"))
}
