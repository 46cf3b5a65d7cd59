//! A client's end of a pipe, for commands: it waits no longer than it is told to.
//!
//! Guarantees: whoever serves the pipe learns who we are, and cannot act as us; what is read or written is done with when
//! a call returns, whatever its end.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::null;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_IO_PENDING, ERROR_OPERATION_ABORTED, ERROR_PIPE_BUSY, HANDLE, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_OVERLAPPED, ReadFile, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};

use super::has_number;
use super::socket::Timed;

/// Between two attempts to get an instance, where all of them have clients.
const PAUSE: Duration = Duration::from_millis(5);

/// The connection.
#[derive(Debug)]
pub struct Stream {
    pipe: File,
    /// Set when what was begun last is done.
    done: OwnedHandle,
    receiving: Cell<Option<Duration>>,
    sending: Cell<Option<Duration>>,
}

impl Stream {
    /// Connects, waiting at most `limit` for an instance.
    ///
    /// # Errors
    /// The system's: `NotFound` where nobody listens; `WouldBlock` where nobody accepts.
    pub(super) fn connect(path: &Path, limit: Duration) -> io::Result<Self> {
        let end = Instant::now() + limit;
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(FILE_FLAG_OVERLAPPED);
        options.security_qos_flags(SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION);
        let pipe = loop {
            match options.open(path) {
                Ok(pipe) => break pipe,
                Err(error) if !has_number(&error, ERROR_PIPE_BUSY) => {
                    return Err(error);
                }
                Err(_) if Instant::now() >= end => return Err(io::ErrorKind::WouldBlock.into()),
                Err(_) => std::thread::sleep(PAUSE),
            }
        };
        // SAFETY: no attributes and no name.
        let done: HANDLE = unsafe { CreateEventW(null(), 1, 0, null()) };
        if done.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just given it to us.
        let done = unsafe { OwnedHandle::from_raw_handle(done) };
        Ok(Self { pipe, done, receiving: Cell::new(None), sending: Cell::new(None) })
    }

    /// Has the system do something, waits for its end, and gives how many bytes it did it with.
    fn within(
        &self,
        limit: Option<Duration>,
        begin: impl FnOnce(HANDLE, *mut OVERLAPPED) -> i32,
    ) -> io::Result<usize> {
        let pipe = self.pipe.as_raw_handle();
        let mut work = OVERLAPPED { hEvent: self.done.as_raw_handle(), ..OVERLAPPED::default() };
        let work = &raw mut work;
        if begin(pipe, work) == 0 {
            let error = io::Error::last_os_error();
            if !has_number(&error, ERROR_IO_PENDING) {
                return Err(error);
            }
        }
        let limit = limit.map_or(INFINITE, |limit| u32::try_from(limit.as_millis()).unwrap_or(INFINITE));
        // SAFETY: no pointer, and the handle is open.
        if unsafe { WaitForSingleObject(self.done.as_raw_handle(), limit) } != WAIT_OBJECT_0 {
            // SAFETY: what was begun with this very structure; it may have ended by now.
            unsafe { CancelIoEx(pipe, work) };
        }
        let mut bytes = 0;
        // SAFETY: the structure is alive until this returns, and then the system is done with it and with the buffer.
        let done = unsafe { GetOverlappedResult(pipe, work, &raw mut bytes, 1) };
        if done != 0 {
            return usize::try_from(bytes).map_err(io::Error::other);
        }
        let error = io::Error::last_os_error();
        if has_number(&error, ERROR_OPERATION_ABORTED) {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Err(error)
        }
    }
}

impl Timed for Stream {
    fn set_recv_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.receiving.set(limit);
        Ok(())
    }

    fn set_send_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.sending.set(limit);
        Ok(())
    }
}

impl AsHandle for Stream {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.pipe.as_handle()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (to, room) = (buffer.as_mut_ptr(), u32::try_from(buffer.len()).unwrap_or(u32::MAX));
        let read = self.within(self.receiving.get(), |pipe, work| {
            // SAFETY: the buffer has as much room, and is not used until `within` has seen the end of this.
            unsafe { ReadFile(pipe, to, room, std::ptr::null_mut(), work) }
        });
        match read {
            // The server has hung up: for a reader that is the end.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            read => read,
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (from, length) = (bytes.as_ptr(), u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.within(self.sending.get(), |pipe, work| {
            // SAFETY: there are as many bytes, and `within` sees the end of this.
            unsafe { WriteFile(pipe, from, length, std::ptr::null_mut(), work) }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
