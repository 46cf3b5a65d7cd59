//! Sets of processes: one that ends with the handle to it, and whether a process is in any.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, IsProcessInJob, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
};

/// The set. What is in it is ended when this is dropped, and when this process ends.
#[derive(Debug)]
pub(super) struct Job(OwnedHandle);

impl Job {
    /// An empty one.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: no attributes and no name.
        let job = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just given it to us.
        let job = unsafe { OwnedHandle::from_raw_handle(job) };
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        let length = u32::try_from(size_of_val(&limits)).map_err(io::Error::other)?;
        let from = (&raw const limits).cast();
        let kind = JobObjectExtendedLimitInformation;
        // SAFETY: the structure of that kind, as long as it says.
        match unsafe { SetInformationJobObject(job.as_raw_handle(), kind, from, length) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(Self(job)),
        }
    }

    /// Takes a process in, with all that it will start.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn take(&self, process: RawHandle) -> io::Result<()> {
        // SAFETY: no pointer; the system refuses what is no handle of a process.
        match unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), process) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// Whether a process is in any such set. No where the system does not say.
pub(super) fn has(process: BorrowedHandle<'_>) -> bool {
    let mut is_in = 0;
    // SAFETY: a handle that is open for as long as it is borrowed, no set in particular, and a pointer to a live local.
    let told = unsafe { IsProcessInJob(process.as_raw_handle(), std::ptr::null_mut(), &raw mut is_in) };
    told != 0 && is_in != 0
}
