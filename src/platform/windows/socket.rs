//! Connections between clients and the agent: connecting with a time limit, who is at the other end, and what they come
//! by.
//!
//! A pipe that somebody else serves is never taken part in.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::os::windows::io::AsHandle;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use interprocess::os::windows::named_pipe::pipe_mode::Bytes;
use interprocess::os::windows::named_pipe::tokio::DuplexPipeStream;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub use super::pipe::BoundSocket;
use super::pipe::WAITING_CONTROL;
pub use super::security::Whose;
pub use super::stream::Stream;
use super::{descriptor, process, security};
use crate::error::Error;
use crate::platform::lock::InstanceLock;
pub use crate::platform::timed::Timed;

/// The process at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    whose: Whose,
    /// Its process, where the system says so.
    pub pid: Option<i32>,
}

impl Peer {
    /// Of our user, who has shown it in another way than by a pipe.
    #[must_use]
    pub fn ours(pid: Option<i32>) -> Self {
        Self { whose: Whose::Ours, pid }
    }

    /// Whether it runs as our user.
    #[must_use]
    pub fn is_ours(self) -> bool {
        self.whose == Whose::Ours
    }

    /// Whether it may come in: the user's own, or the system's.
    #[must_use]
    pub fn may_come_in(self) -> bool {
        self.whose != Whose::Other
    }

    /// Whether it may be the agent at the other end.
    #[must_use]
    pub fn may_answer(self) -> bool {
        self.is_ours()
    }

    /// Its user, as messages name them.
    #[must_use]
    pub fn user(self) -> String {
        match self.whose {
            Whose::Ours => "you",
            Whose::System => "the system",
            Whose::Other => "another account",
        }
        .to_owned()
    }

    /// The name of its program. Any process can have any name.
    #[must_use]
    pub fn name(self) -> Option<String> {
        process::program(self.pid?)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid else { return write!(f, "an unknown process of {}", self.user()) };
        match self.name() {
            Some(name) => write!(f, "pid {pid} ({})", name.trim().escape_debug()),
            None => write!(f, "pid {pid}"),
        }
    }
}

/// Connects, waiting at most `limit`; reads and writes on the stream have no limit yet.
///
/// # Errors
/// The system's.
pub fn connect(path: &Path, limit: Duration) -> io::Result<Stream> {
    Stream::connect(path, limit)
}

/// Who serves the pipe at the other end of `stream`.
///
/// # Errors
/// The system's.
pub fn peer(stream: &Stream) -> io::Result<Peer> {
    let pid = i32::try_from(super::pipe::server_pid(stream.as_handle())?).ok();
    Ok(Peer { whose: descriptor::owner(stream.as_handle())?, pid })
}

/// Whether an error of [`connect`] means that nothing listens there.
#[must_use]
pub fn is_dead(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Makes a pipe and listens at it.
///
/// # Errors
/// [`Error::Silent`] where somebody serves it already.
pub fn listen(path: &Path, _held: &InstanceLock) -> Result<BoundSocket, Error> {
    super::pipe::bind(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let holder =
                super::pipe::holder(path).unwrap_or_else(|| "a program of another account".to_owned());
            Error::Silent { socket: path.to_owned(), holder }
        }
        _ => Error::io(format!("listen on {}", path.display()), error),
    })
}

/// So much is on its way to a client at once, in bytes: what the system keeps for a pipe.
const PIECE: usize = super::pipe::BUFFER as usize;

/// What a client has come in by.
#[derive(Debug)]
pub enum Accepted {
    /// A named pipe.
    Pipe(DuplexPipeStream<Bytes>),
    /// A socket of Cygwin's, which is one of the network in truth.
    Tcp(TcpStream),
    /// The window that old clients of PuTTY speak to.
    Window(DuplexStream),
}

impl Drop for Accepted {
    /// What a client has not read yet it may read afterwards. interprocess would have a thread wait until it has, and for
    /// ever where it never does.
    fn drop(&mut self) {
        if let Self::Pipe(stream) = self {
            stream.assume_flushed();
        }
    }
}

/// A client that has come in, and who it is.
pub type Arrival = io::Result<(Accepted, io::Result<Peer>)>;

impl Accepted {
    /// The client of a pipe, as the system knows it.
    pub(super) fn arrival(stream: DuplexPipeStream<Bytes>) -> Arrival {
        let pipe = stream.as_handle();
        let pid = super::pipe::client_pid(pipe).ok();
        let whose = security::client(pipe, pid);
        let peer = Peer { whose, pid: pid.and_then(|pid| i32::try_from(pid).ok()) };
        Ok((Self::Pipe(stream), Ok(peer)))
    }
}

/// Clients that come in, by whatever way.
#[derive(Debug)]
pub struct Incoming(Mutex<Receiver<Arrival>>);

impl Incoming {
    /// Of the ways that are given the other end.
    #[must_use]
    pub fn new() -> (Self, Sender<Arrival>) {
        // Whoever is not taken from here waits at their own end.
        let (sender, receiver) = channel(1);
        (Self(Mutex::new(receiver)), sender)
    }

    /// The next client, and who it is.
    ///
    /// # Errors
    /// The system's.
    pub async fn next(&self) -> Arrival {
        match self.0.lock().await.recv().await {
            Some(arrival) => arrival,
            None => std::future::pending().await,
        }
    }
}

impl BoundSocket {
    /// Clients that come in here, of which few come at once. Needs a runtime; once.
    ///
    /// # Errors
    /// The system's.
    pub fn to_tokio(&self) -> io::Result<Incoming> {
        let (incoming, sender) = Incoming::new();
        self.listen_with(WAITING_CONTROL, &sender)?;
        Ok(incoming)
    }
}

/// What a kind of connection does, for each of them.
macro_rules! each {
    ($connection:expr, $stream:ident => $do:expr) => {
        match $connection.get_mut() {
            Accepted::Pipe($stream) => $do,
            Accepted::Tcp($stream) => $do,
            Accepted::Window($stream) => $do,
        }
    };
}

impl AsyncRead for Accepted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = each!(self, stream => Pin::new(stream).poll_read(cx, buf));
        match read {
            // The end of a pipe: its client has closed it.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // A pipe takes all that it is given at once, and says that it is done: a piece at a time, whoever does not read is
        // seen to take nothing.
        let piece = &buf[..buf.len().min(PIECE)];
        each!(self, stream => Pin::new(stream).poll_write(cx, piece))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
