//! Memory that a client of PuTTY before 0.75 shares with the agent.
//!
//! Guarantees: only memory that belongs to our own user, or to whom our own would, is looked at, within its bounds, and
//! none that is not there.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::{NonNull, null_mut};

use windows_sys::Win32::Storage::FileSystem::READ_CONTROL;
use windows_sys::Win32::System::Diagnostics::Debug::{ReadProcessMemory, WriteProcessMemory};
use windows_sys::Win32::System::Memory::{
    FILE_MAP_READ, FILE_MAP_WRITE, MEM_COMMIT, MEMORY_BASIC_INFORMATION, MEMORY_MAPPED_VIEW_ADDRESS,
    MapViewOfFile, OpenFileMappingA, PAGE_READWRITE, UnmapViewOfFile, VirtualQuery,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;
use zeroize::Zeroizing;

use crate::frame::MAX_LEN;
use crate::platform::windows::descriptor;

/// Bytes of the length before a message.
pub(super) const LEN_BYTES: usize = 4;

/// Memory of a client's.
pub(super) struct Shared {
    base: NonNull<u8>,
    length: usize,
}

impl Shared {
    /// The one of this name.
    ///
    /// # Errors
    /// `PermissionDenied` where it is not our user's, `InvalidData` where it is set aside alone; the system's.
    pub(super) fn open(name: &CStr) -> io::Result<Self> {
        let access = FILE_MAP_READ | FILE_MAP_WRITE;
        // Without the last of these rights nobody is told whose it is.
        // SAFETY: the name ends with a zero.
        let mapping = unsafe { OpenFileMappingA(access | READ_CONTROL, 0, name.as_ptr().cast()) };
        if mapping.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just given it to us.
        let mapping = unsafe { OwnedHandle::from_raw_handle(mapping) };
        // As Pageant does: what an administrator's programs make without a word about it is the administrators'.
        if !descriptor::is_like_ours(mapping.as_handle())? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // SAFETY: the whole of it, at an address of the system's choice.
        let view = unsafe { MapViewOfFile(mapping.as_raw_handle(), access, 0, 0, 0) };
        let base = NonNull::new(view.Value.cast::<u8>()).ok_or_else(io::Error::last_os_error)?;
        let mut shared = Self { base, length: 0 };
        let mut info = MaybeUninit::<MEMORY_BASIC_INFORMATION>::zeroed();
        let room = size_of::<MEMORY_BASIC_INFORMATION>();
        // SAFETY: the structure is as long as it says.
        if unsafe { VirtualQuery(base.as_ptr().cast(), info.as_mut_ptr(), room) } == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it has been filled, and zeros are valid for it as well.
        let info = unsafe { info.assume_init() };
        // Memory that was only set aside is none.
        if info.State != MEM_COMMIT || info.Protect != PAGE_READWRITE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        shared.length = info.RegionSize;
        Ok(shared)
    }

    /// A copy of the whole message: its sender may change it at any time.
    ///
    /// # Errors
    /// `InvalidData` where it is longer than a message or than the memory; the system's.
    pub(super) fn message(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let head = self.bytes(LEN_BYTES)?;
        let length = head.first_chunk::<LEN_BYTES>().map(|bytes| u32::from_be_bytes(*bytes));
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length =
            length.filter(|length| (1..=MAX_LEN).contains(length)).ok_or(io::ErrorKind::InvalidData)?;
        let mut message = self.bytes(LEN_BYTES + length)?;
        message[..LEN_BYTES].copy_from_slice(&head);
        Ok(message)
    }

    fn bytes(&self, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        if length > self.length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut copy = Zeroizing::new(vec![0; length]);
        // SAFETY: gives a constant that stands for this process.
        let this = unsafe { GetCurrentProcess() };
        let from = self.base.as_ptr().cast();
        // SAFETY: the copy has as many bytes. What cannot be read is an error of this call's, and no fault of ours.
        match unsafe { ReadProcessMemory(this, from, copy.as_mut_ptr().cast(), length, null_mut()) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(copy),
        }
    }

    /// Puts the answer where the request was.
    ///
    /// # Errors
    /// `FileTooLarge` where it is longer than the memory; the system's.
    pub(super) fn put(&self, answer: &[u8]) -> io::Result<()> {
        if answer.len() > self.length {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // SAFETY: gives a constant that stands for this process.
        let this = unsafe { GetCurrentProcess() };
        let to = self.base.as_ptr().cast();
        // SAFETY: there are as many bytes. What cannot be written is an error of this call's, and no fault of ours.
        match unsafe { WriteProcessMemory(this, to, answer.as_ptr().cast(), answer.len(), null_mut()) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let view = MEMORY_MAPPED_VIEW_ADDRESS { Value: self.base.as_ptr().cast() };
        // SAFETY: mapped by `open`, and nobody looks at it any more.
        unsafe { UnmapViewOfFile(view) };
    }
}
