//! Other processes: which program one runs, whose it is, whether it is there.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::PathBuf;

use windows_sys::Win32::Foundation::{DuplicateHandle, HANDLE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    QueryFullProcessImageNameW, WaitForSingleObject,
};

use super::security::{self, Whose};

/// The longest path of a program, in units of 16 bits.
const MAX_PATH: usize = 32 * 1024;

/// The program that a process runs, as its file is called.
#[must_use]
pub fn program(pid: i32) -> Option<String> {
    let process = Handle::open(u32::try_from(pid).ok()?, PROCESS_QUERY_LIMITED_INFORMATION).ok()?;
    let mut path = vec![0_u16; MAX_PATH];
    let mut length = u32::try_from(path.len()).ok()?;
    // SAFETY: the buffer is as long as it says, and the handle open.
    let named = unsafe {
        QueryFullProcessImageNameW(process.0.as_raw_handle(), 0, path.as_mut_ptr(), &raw mut length)
    };
    if named == 0 {
        return None;
    }
    let path = PathBuf::from(OsString::from_wide(path.get(..usize::try_from(length).ok()?)?));
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// What executes the process that calls this one, without the ending of programs.
#[must_use]
pub fn callers() -> Vec<String> {
    let caller = parent(std::process::id()).and_then(|pid| program(i32::try_from(pid).ok()?));
    caller.map(|name| name.to_lowercase().trim_end_matches(".exe").to_owned()).into_iter().collect()
}

fn parent(pid: u32) -> Option<u32> {
    // SAFETY: no pointer.
    let list = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if list == INVALID_HANDLE_VALUE {
        return None;
    }
    // SAFETY: the system has just given it to us.
    let list = unsafe { OwnedHandle::from_raw_handle(list) };
    let mut entry =
        PROCESSENTRY32W { dwSize: u32::try_from(size_of::<PROCESSENTRY32W>()).ok()?, ..Default::default() };
    // SAFETY: the structure says how long it is.
    let mut more = unsafe { Process32FirstW(list.as_raw_handle(), &raw mut entry) };
    while more != 0 {
        if entry.th32ProcessID == pid {
            return Some(entry.th32ParentProcessID);
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(list.as_raw_handle(), &raw mut entry) };
    }
    None
}

/// The user of the process with this number.
///
/// # Errors
/// The system's, as where we may not ask.
pub(super) fn user(pid: u32) -> io::Result<Whose> {
    let process = Handle::open(pid, PROCESS_QUERY_LIMITED_INFORMATION)?;
    security::user_of_process(process.0.as_handle())
}

/// Whether there is a process of that number.
#[must_use]
pub fn exists(pid: u32) -> bool {
    Handle::to_wait_for(pid).is_ok_and(|process| process.runs())
}

/// A process, whatever becomes of its number.
#[derive(Debug)]
pub(super) struct Handle(OwnedHandle);

impl Handle {
    /// The one with this number now.
    ///
    /// # Errors
    /// The system's, as where there is none.
    pub(super) fn to_wait_for(pid: u32) -> io::Result<Self> {
        Self::open(pid, PROCESS_SYNCHRONIZE)
    }

    /// A process that was just started. Who has started it may do anything with it, and whoever gets at that handle: it is
    /// closed.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn to_wait_for_started(process: OwnedHandle) -> io::Result<Self> {
        let mut lesser: HANDLE = std::ptr::null_mut();
        // SAFETY: gives a constant that stands for this process.
        let this = unsafe { GetCurrentProcess() };
        // SAFETY: the handle is open, and the pointer to a live local.
        let done = unsafe {
            DuplicateHandle(this, process.as_raw_handle(), this, &raw mut lesser, PROCESS_SYNCHRONIZE, 0, 0)
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just given it to us.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(lesser) }))
    }

    fn open(pid: u32, access: u32) -> io::Result<Self> {
        // SAFETY: no pointer.
        let process: HANDLE = unsafe { OpenProcess(access, 0, pid) };
        if process.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just given it to us.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(process) }))
    }

    /// Whether it has not ended.
    pub(super) fn runs(&self) -> bool {
        // SAFETY: no pointer, and the handle is open.
        let waited = unsafe { WaitForSingleObject(self.0.as_raw_handle(), 0) };
        waited == WAIT_TIMEOUT
    }
}

/// Has Ctrl-C and Ctrl-Break end the programs that this one runs, and not this one.
pub fn leave_keys_to_others() {
    unsafe extern "system" fn taken(key: u32) -> i32 {
        i32::from(matches!(key, CTRL_C_EVENT | CTRL_BREAK_EVENT))
    }
    // SAFETY: the function is there for as long as the process, and touches nothing.
    let _ = unsafe { SetConsoleCtrlHandler(Some(taken), 1) };
}
