//! Functions of the system's that not every Windows has: looked for when they are wanted.
#![allow(unsafe_code)]

use std::ffi::CStr;

use widestring::U16CStr;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::core::PCSTR;

/// A function whose signature the caller knows.
pub(crate) type Function = unsafe extern "system" fn() -> isize;

/// The function of this name, in a library that every process has from its beginning to its end.
pub(crate) fn function(library: &U16CStr, name: &CStr) -> Option<Function> {
    // SAFETY: the name ends with a zero.
    let library = unsafe { GetModuleHandleW(library.as_ptr()) };
    // SAFETY: a module of this process, or none, and a name that ends with a zero.
    unsafe { GetProcAddress(library, name.as_ptr() as PCSTR) }
}
