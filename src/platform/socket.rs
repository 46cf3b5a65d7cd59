//! Local sockets: connecting with a time limit, who is at the other end, and binding over a dead one.
//!
//! A socket that accepts connections is never removed, nor anything that is no socket, nor anything at all
//! without the instance lock in hand.
#![forbid(unsafe_code)]

use super::lock::InstanceLock;
pub use super::timed::Timed;
use super::{descriptors, directory, process};
use crate::error::Error;
use interprocess::local_socket::traits::StreamCommon;
use interprocess::local_socket::traits::tokio::Listener as _;
#[cfg(target_os = "linux")]
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
#[cfg(target_os = "linux")]
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::socket::{self as raw, SockType, UnixAddr, getsockopt, setsockopt, sockopt};
use nix::sys::stat::{Mode, fstatat};
use nix::sys::time::TimeVal;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use interprocess::local_socket::tokio::Stream as Accepted;
pub use interprocess::local_socket::{Listener, Stream};

/// Mode of the sockets: the owner alone.
#[cfg(target_os = "linux")]
const SOCKET_MODE: libc::mode_t = 0o600;
/// How a directory is opened to do something in it: without a right to list it, where the system can.
#[cfg(target_os = "linux")]
const HANDLE: OFlag = OFlag::O_PATH;
#[cfg(not(target_os = "linux"))]
const HANDLE: OFlag = OFlag::O_RDONLY;
/// A socket is judged dead by its refusal, at once; this only bounds the wait for one that is alive.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user when it connected or listened.
    pub uid: u32,
    /// Its process, where the system says so. Under socket activation this is the service manager's.
    pub pid: Option<i32>,
}

impl Peer {
    /// Of our user.
    #[cfg(test)]
    pub(crate) fn ours(pid: Option<i32>) -> Self {
        Self { uid: geteuid().as_raw(), pid }
    }

    /// Whether it runs as our effective user.
    #[must_use]
    pub fn is_ours(self) -> bool {
        self.uid == geteuid().as_raw()
    }

    /// Whether it may come in: our own user, or root as with OpenSSH's agent.
    #[must_use]
    pub fn may_come_in(self) -> bool {
        self.is_ours() || self.uid == 0
    }

    /// Whether it may be the agent at the other end: our own user. On macOS root as well: there the peer of a client is who
    /// called listen(2), which for a socket of launchd's is launchd. Root could read the agent's memory anyway.
    #[must_use]
    pub fn may_answer(self) -> bool {
        self.is_ours() || cfg!(target_os = "macos") && self.uid == 0
    }

    /// Its user, as messages name them.
    #[must_use]
    pub fn user(self) -> String {
        format!("uid {}", self.uid)
    }

    /// The name of its process, as far as the kernel keeps it (15 bytes). Any process can give itself any name.
    #[must_use]
    pub fn name(self) -> Option<String> {
        process::name(self.pid.filter(|&pid| pid > 0)?)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid.filter(|&pid| pid > 0) else { return write!(f, "uid {}", self.uid) };
        match self.name() {
            Some(name) => write!(f, "pid {pid} ({})", name.trim().escape_debug()),
            None => write!(f, "pid {pid}"),
        }
    }
}

/// Connects, waiting at most `limit`; reads and writes on the stream have no limit yet.
///
/// interprocess' own time limit takes a full backlog for a connection on Linux, so the wait is left to the
/// kernel: `WouldBlock` means that something listens and does not accept.
pub fn connect(path: &Path, limit: Duration) -> io::Result<Stream> {
    let socket = descriptors::stream_socket(false)?;
    let seconds = libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX);
    // Less than a million, which every width holds.
    let limit = TimeVal::new(seconds, limit.subsec_micros() as libc::suseconds_t);
    setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    raw::connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    let stream = Stream::from(interprocess::os::unix::uds_local_socket::Stream::from(socket));
    stream.set_send_timeout(None)?;
    Ok(stream)
}

/// Who is at the other end of `stream`.
pub fn peer(stream: &impl Connection) -> io::Result<Peer> {
    let credentials = stream.peer_creds()?;
    let uid = credentials.euid().ok_or(io::ErrorKind::Unsupported)?;
    Ok(Peer { uid, pid: credentials.pid().or_else(|| pid(stream)) })
}

/// What interprocess does not ask macOS for.
#[cfg(target_os = "macos")]
fn pid(stream: &impl Connection) -> Option<i32> {
    getsockopt(&stream.descriptor(), sockopt::LocalPeerPid).ok().filter(|&pid| pid > 0)
}

#[cfg(not(target_os = "macos"))]
fn pid(_: &impl Connection) -> Option<i32> {
    None
}

/// A connection, in each of the forms that it has here.
pub trait Connection: StreamCommon {
    /// Its descriptor.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

impl Connection for interprocess::os::unix::uds_local_socket::Stream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

impl Connection for Stream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        let Self::UdSocket(stream) = self;
        stream.as_fd()
    }
}

impl Connection for interprocess::local_socket::tokio::Stream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        let Self::UdSocket(stream) = self;
        stream.as_fd()
    }
}

/// Whether an error of [`connect`] means that nothing listens there.
#[must_use]
pub fn is_dead(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
}

/// A listening socket and the file that it made.
#[derive(Debug)]
pub struct BoundSocket {
    /// The listener, blocking; it does not remove its file when dropped.
    pub listener: Listener,
    /// The socket's path.
    pub path: PathBuf,
    /// Device and inode of that file; none where a service manager made it, who removes it too.
    pub identity: Option<(u64, u64)>,
}

impl BoundSocket {
    /// Clients that come in here, over a descriptor of its own. Needs a runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn to_tokio(&self) -> io::Result<Incoming> {
        let descriptor = self.as_fd().try_clone_to_owned()?;
        let listener = interprocess::os::unix::uds_local_socket::tokio::Listener::try_from(descriptor)?;
        Ok(Incoming(listener.into()))
    }

    /// Removes the file, if it still is the one that we made. To be called while the lock is held.
    pub fn unlink(&self) -> io::Result<()> {
        self.identity.map_or(Ok(()), |identity| unlink_if(&self.path, identity))
    }

    /// A listening socket that came with the program's start: from a service manager, which removes its file itself
    /// (then without an identity), or from a predecessor.
    ///
    /// # Errors
    /// `InvalidInput` where it is no listening socket with the path of a file.
    pub fn inherited(socket: OwnedFd, identity: Option<(u64, u64)>) -> io::Result<Self> {
        // macOS has no such question; what launchd hands down listens.
        let listens = (cfg!(target_os = "macos") || getsockopt(&socket, sockopt::AcceptConn)?)
            && getsockopt(&socket, sockopt::SockType)? == SockType::Stream;
        let address = raw::getsockname::<UnixAddr>(socket.as_raw_fd())?;
        let path = address.path().map(before_nul).filter(|path| listens && path.is_absolute());
        let path = path.map(Path::to_owned);
        let path = path.ok_or(io::ErrorKind::InvalidInput)?;
        let listener = interprocess::os::unix::uds_local_socket::Listener::from(socket).into();
        Ok(Self { listener, path, identity })
    }
}

impl AsFd for BoundSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let Listener::UdSocket(listener) = &self.listener;
        listener.as_fd()
    }
}

/// Clients that come in.
#[derive(Debug)]
pub struct Incoming(interprocess::local_socket::tokio::Listener);

impl Incoming {
    /// The next client, and who it is.
    ///
    /// # Errors
    /// The system's.
    pub async fn next(&self) -> io::Result<(Accepted, io::Result<Peer>)> {
        let stream = self.0.accept().await?;
        let peer = peer(&stream);
        Ok((stream, peer))
    }
}

/// Binds `path` with mode 0600 and listens, removing a dead socket first. Its directory must be ours and private.
///
/// # Errors
/// [`Error::Silent`] where something listens, [`Error::Unfit`] where the path is no socket of ours; both stay as they
/// are. [`Error::Unfit`] where the path leads to another directory meanwhile.
pub fn listen(path: &Path, _held: &InstanceLock) -> Result<BoundSocket, Error> {
    let failed = |e: io::Error| Error::io(format!("listen on {}", path.display()), e);
    let (parent, file) = parts(path).map_err(failed)?;
    let directory = directory::open_private(parent)?;
    remove_dead(path)?;
    let listener = bind(path).map_err(failed)?;
    // Nobody else can have put it into a directory that is private.
    let identity = identity_in(&directory, file).map_err(failed)?.ok_or_else(|| Error::Unfit {
        path: path.to_owned(),
        reason: "its directory was replaced meanwhile".to_owned(),
    })?;
    Ok(BoundSocket { listener, path: path.to_owned(), identity: Some(identity) })
}

#[cfg(target_os = "linux")]
fn bind(path: &Path) -> io::Result<Listener> {
    let name = path.to_fs_name::<GenericFilePath>()?;
    ListenerOptions::new().name(name).mode(SOCKET_MODE).reclaim_name(false).create_sync()
}

/// interprocess gives a socket its mode before it has a name, or not at all, and macOS knows no such thing.
#[cfg(not(target_os = "linux"))]
fn bind(path: &Path) -> io::Result<Listener> {
    super::claim::bind_new(path).map(|bound| bound.listener)
}

fn remove_dead(path: &Path) -> Result<(), Error> {
    let unfit = |reason: String| Error::Unfit { path: path.to_owned(), reason };
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(format!("look at {}", path.display()), error)),
    };
    if !meta.file_type().is_socket() {
        return Err(unfit("it is no socket, and stays where it is".to_owned()));
    }
    if meta.uid() != geteuid().as_raw() {
        return Err(unfit(format!("it belongs to uid {}, and stays where it is", meta.uid())));
    }
    let holder = match connect(path, PATIENCE) {
        Err(error) if is_dead(&error) => {
            return unlink_if(path, (meta.dev(), meta.ino()))
                .map_err(|e| Error::io(format!("remove the dead socket {}", path.display()), e));
        }
        Err(error) => error.to_string(),
        Ok(stream) => peer(&stream).map_or_else(|e| e.to_string(), |peer| peer.to_string()),
    };
    Err(Error::Silent { socket: path.to_owned(), holder })
}

/// Removes a socket's file, if it still is that one: in the directory where it was looked at, even where the path leads
/// to another one by then.
pub(super) fn unlink_if(path: &Path, identity: (u64, u64)) -> io::Result<()> {
    let (parent, name) = parts(path)?;
    let directory = match open(parent, HANDLE | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(directory) => directory,
        Err(nix::Error::ENOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if identity_in(&directory, name)? != Some(identity) {
        return Ok(());
    }
    unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir).map_err(Into::into)
}

/// The path of an address: launchd binds with the whole of it, and what follows the path are zeros.
fn before_nul(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    Path::new(OsStr::from_bytes(bytes.split(|&byte| byte == 0).next().unwrap_or_default()))
}

/// The directory of a path, and the name in it.
fn parts(path: &Path) -> io::Result<(&Path, &OsStr)> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent, path.file_name().ok_or(io::ErrorKind::InvalidInput)?))
}

/// Device and inode of what has this name in the directory, itself and not what it links to; none where nothing has.
#[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)] // other systems have other widths
fn identity_in(directory: impl AsFd, name: &OsStr) -> io::Result<Option<(u64, u64)>> {
    match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some((stat.st_dev as u64, stat.st_ino as u64))),
        Err(nix::Error::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
