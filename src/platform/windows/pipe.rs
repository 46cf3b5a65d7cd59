//! Named pipes that clients connect to.
//!
//! Guarantees: a pipe is made only where nobody serves one of that name; it is ours and the system's alone, and not for
//! other machines; so many instances wait for clients at any time that a burst of them finds one.
//! Must never: take part in a pipe that somebody else has made.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use interprocess::TryClone;
use interprocess::os::windows::named_pipe::tokio::PipeListener;
use interprocess::os::windows::named_pipe::{PipeListenerOptions, pipe_mode};
use interprocess::os::windows::security_descriptor::{AsSecurityDescriptorExt, SecurityDescriptor};
use tokio::net::windows::named_pipe::ServerOptions;
use tokio::sync::mpsc::Sender;
use widestring::U16CString;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Pipes::{
    GetNamedPipeClientProcessId, GetNamedPipeServerProcessId, PeekNamedPipe,
};

use super::descriptor;
use super::socket::{Accepted, Arrival};
use super::stream::Stream;

/// Instances that wait for clients. Many clients do not wait in their turn: they give up where they find none, so there is
/// one for each of two hundred that come in the same moment. An instance without a client costs some hundred bytes.
const WAITING: usize = 208;
/// The same for our own commands, which do wait.
pub(super) const WAITING_CONTROL: usize = 8;
/// Bytes that the system keeps of each direction before a writer waits.
pub(super) const BUFFER: u32 = 4096;
/// How long is waited for whoever serves a pipe that is not ours.
const PATIENCE: Duration = Duration::from_secs(2);
/// After the system has refused an instance, before the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

type Listener = PipeListener<pipe_mode::Bytes, pipe_mode::Bytes>;

/// A pipe of this process, which nobody else serves.
#[derive(Debug)]
pub struct BoundSocket {
    /// Its path, as `\\.\pipe\NAME`.
    pub path: PathBuf,
    options: PipeListenerOptions<'static>,
    /// The first instance, until there is a runtime to listen in.
    first: Mutex<Option<OwnedHandle>>,
}

/// Makes a pipe, in whatever process there is none of that name.
///
/// # Errors
/// The system's: `PermissionDenied` where somebody serves it already.
pub fn bind(path: &Path) -> io::Result<BoundSocket> {
    // Whoever answers has it. The system says so too, but for a pipe whose every instance is taken for a moment.
    if Stream::connect(path, Duration::ZERO).is_ok() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let name = U16CString::from_os_str(path).map_err(io::Error::other)?;
    let descriptor = U16CString::from_str(descriptor::ours_alone()?).map_err(io::Error::other)?;
    let options = PipeListenerOptions::new()
        .path(name)
        .mode(interprocess::os::windows::named_pipe::PipeMode::Bytes)
        .input_buffer_size_hint(BUFFER)
        .output_buffer_size_hint(BUFFER)
        .security_descriptor(Some(SecurityDescriptor::deserialize(&descriptor)?));
    // The first instance of its name, or an error: interprocess asks for that, and keeps other machines out.
    let first = options.create_duplex::<pipe_mode::Bytes>()?;
    let options = options.to_owned()?;
    Ok(BoundSocket { path: path.to_owned(), options, first: Mutex::new(Some(first.into())) })
}

/// Who serves a pipe; none where we may not even connect to it, as to one of another account.
#[must_use]
pub fn holder(path: &Path) -> Option<String> {
    let peer = Stream::connect(path, PATIENCE).and_then(|stream| super::socket::peer(&stream));
    peer.map(|peer| peer.to_string()).ok()
}

impl BoundSocket {
    /// Has clients come in, each with who it is. Needs a runtime; once.
    ///
    /// # Errors
    /// The system's.
    pub fn listen(&self, arrivals: &Sender<Arrival>) -> io::Result<()> {
        self.listen_with(WAITING, arrivals)
    }

    pub(super) fn listen_with(&self, waiting: usize, arrivals: &Sender<Arrival>) -> io::Result<()> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let first = first.ok_or(io::ErrorKind::NotConnected)?;
        let mut listeners = vec![Listener::from_handle_and_options(first, self.options.try_clone()?)?];
        for _ in 1..waiting {
            listeners.push(self.another()?);
        }
        for listener in listeners {
            tokio::spawn(accept(listener, arrivals.clone()));
        }
        Ok(())
    }

    /// Another instance: interprocess keeps but one waiting.
    fn another(&self) -> io::Result<Listener> {
        let mut attributes = SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).map_err(io::Error::other)?,
            lpSecurityDescriptor: std::ptr::null_mut(),
            bInheritHandle: 0,
        };
        let descriptor = self.options.security_descriptor.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        descriptor.write_to_security_attributes(&mut attributes);
        let mut instance = ServerOptions::new();
        instance.first_pipe_instance(false).reject_remote_clients(true);
        instance.in_buffer_size(BUFFER).out_buffer_size(BUFFER);
        // SAFETY: the attributes are alive, and name a descriptor that is as long as `self`.
        let instance = unsafe {
            instance.create_with_security_attributes_raw(&self.path, (&raw mut attributes).cast())
        }?;
        Ok(Listener::from_tokio_and_options(instance, self.options.try_clone()?))
    }
}

async fn accept(listener: Listener, arrivals: Sender<Arrival>) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                if arrivals.send(Accepted::arrival(stream)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // The others go on meanwhile.
                tracing::warn!("an instance of a pipe takes no client now: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The process that serves the pipe of which this is a client's end.
///
/// # Errors
/// The system's.
pub(super) fn server_pid(pipe: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: a handle that is open for as long as it is borrowed, and a pointer to a live local.
    match unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &raw mut pid) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(pid),
    }
}

/// The process at the other end of a server's instance.
///
/// # Errors
/// The system's.
pub(super) fn client_pid(pipe: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: as above.
    match unsafe { GetNamedPipeClientProcessId(pipe.as_raw_handle(), &raw mut pid) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(pid),
    }
}

/// Whether the other end of a pipe is there.
pub(super) fn is_whole(pipe: BorrowedHandle<'_>) -> bool {
    let none = std::ptr::null_mut();
    // SAFETY: a handle that is open for as long as it is borrowed, and no buffer.
    unsafe { PeekNamedPipe(pipe.as_raw_handle(), none, 0, none.cast(), none.cast(), none.cast()) != 0 }
}
