//! Security descriptors: whose an object is and who may use it, read and set.
//!
//! Guarantees: what is set has no place for anybody but those that its text names, and nothing from a directory above.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, RawHandle};
use std::ptr::null_mut;

use widestring::U16CString;
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, GetSecurityDescriptorOwner,
    LABEL_SECURITY_INFORMATION, OBJECT_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
    SetKernelObjectSecurity, SetTokenInformation, TOKEN_ADJUST_DEFAULT, TOKEN_DEFAULT_DACL, TokenDefaultDacl,
};

use super::security::{Whose, default_owner, own, own_token, taken, text_of};

/// An access list to which nothing is added from elsewhere.
pub(super) const LIST: OBJECT_SECURITY_INFORMATION =
    DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;

/// A descriptor of the system's, which is given back to it when dropped.
pub(super) struct Described {
    descriptor: PSECURITY_DESCRIPTOR,
}

impl Described {
    /// The one that a text in the system's own notation means.
    pub(super) fn from_text(text: &str) -> io::Result<Self> {
        let text = U16CString::from_str(text).map_err(io::Error::other)?;
        let mut described = Self { descriptor: null_mut() };
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

    /// These parts of that of the object behind a handle.
    pub(super) fn of(object: BorrowedHandle<'_>, parts: OBJECT_SECURITY_INFORMATION) -> io::Result<Self> {
        let mut described = Self { descriptor: null_mut() };
        // SAFETY: pointers to a live local, or none; a handle that is open for as long as it is borrowed.
        let refused = unsafe {
            GetSecurityInfo(
                object.as_raw_handle(),
                SE_KERNEL_OBJECT,
                parts,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                &raw mut described.descriptor,
            )
        };
        if refused == 0 { Ok(described) } else { Err(super::numbered(refused)) }
    }

    /// What makes an object with it, which nobody inherits. It must not outlive this.
    pub(super) fn attributes(&self) -> io::Result<SECURITY_ATTRIBUTES> {
        Ok(SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).map_err(io::Error::other)?,
            lpSecurityDescriptor: self.descriptor,
            bInheritHandle: 0,
        })
    }

    /// Who owns it, where anybody does.
    pub(super) fn owner(&self) -> io::Result<Option<String>> {
        let (mut owner, mut unasked): (PSID, _) = (null_mut(), 0);
        // SAFETY: the descriptor is alive, and the pointers are to live locals.
        if unsafe { GetSecurityDescriptorOwner(self.descriptor, &raw mut owner, &raw mut unasked) } == 0 {
            return Err(io::Error::last_os_error());
        }
        if owner.is_null() { Ok(None) } else { text_of(owner).map(Some) }
    }

    /// Its access list; none where it has none, which lets everybody do everything.
    pub(super) fn list(&self) -> io::Result<Option<&ACL>> {
        let (mut list, mut there, mut unasked): (*mut ACL, _, _) = (null_mut(), 0, 0);
        // SAFETY: the descriptor is alive, and the pointers are to live locals.
        let got = unsafe {
            GetSecurityDescriptorDacl(self.descriptor, &raw mut there, &raw mut list, &raw mut unasked)
        };
        if got == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: null, or in the descriptor, for as long as that is there.
        Ok(unsafe { list.as_ref() })
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
    let owner = Described::of(object, OWNER_SECURITY_INFORMATION)?.owner()?;
    Ok(owner.map_or(Whose::Other, |sid| Whose::of(&sid)))
}

/// Whether an object is our user's, or was made by a process such as this one, which said nothing of its owner.
///
/// # Errors
/// The system's.
pub(super) fn is_like_ours(object: BorrowedHandle<'_>) -> io::Result<bool> {
    let owner = Described::of(object, OWNER_SECURITY_INFORMATION)?.owner()?;
    let Some(owner) = owner else { return Ok(false) };
    Ok(Whose::of(&owner) == Whose::Ours || default_owner()? == owner)
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
pub fn close_file(file: BorrowedHandle<'_>) -> io::Result<()> {
    let own = own()?;
    set_list(file, &format!("D:P(A;;FA;;;SY)(A;;FA;;;{own})"))?;
    if let Err(error) = set(file.as_raw_handle(), LABEL_SECURITY_INFORMATION, "S:(ML;;NWNR;;;ME)") {
        tracing::debug!("no label for a file: {error}");
    }
    Ok(())
}

/// Gives a file this access list, and nothing from the directory above.
///
/// # Errors
/// The system's.
pub fn set_list(file: BorrowedHandle<'_>, text: &str) -> io::Result<()> {
    set(file.as_raw_handle(), LIST, text)
}

/// What this process makes from now on has the access list of this descriptor, where it is given no other: its threads.
///
/// # Errors
/// The system's.
pub(super) fn set_default(text: &str) -> io::Result<()> {
    let descriptor = Described::from_text(text)?;
    let list = descriptor.list()?.ok_or(io::ErrorKind::InvalidInput)?;
    let token = own_token(TOKEN_ADJUST_DEFAULT)?;
    let default = TOKEN_DEFAULT_DACL { DefaultDacl: (&raw const *list).cast_mut() };
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
