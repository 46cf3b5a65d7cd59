//! Binding a socket where there is no instance lock, as the agents that are called `ssh-agent` do.
//!
//! Guarantees that of two that want one path at the same time one has it, and that a living socket, one of another
//! user's and what is no socket stay as they are. Leaves nothing but the socket: what keeps two starters apart is a
//! lock on the directory itself, for as long as it takes to look, remove and bind.
#![forbid(unsafe_code)]

use super::socket::{BoundSocket, connect, is_dead, unlink_if};
use super::{descriptors, unix};
use nix::fcntl::AT_FDCWD;
use nix::sys::socket::{Backlog, UnixAddr, bind, listen};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::geteuid;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Connections that wait to be accepted, as OpenSSH's agent has it.
const BACKLOG: i32 = 128;
/// How long another starter may hold the directory. Whoever can open it can lock it, so this ends, and then nothing is
/// removed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// Whether a living socket whose backlog is full refuses as a dead one does; on Linux it keeps one waiting.
const FULL_REFUSES: bool = cfg!(not(target_os = "linux"));
/// A socket of an ssh-agent that does not know our lock refuses connections between its bind and its listen: one that
/// is younger than this is not dead yet; nor one that has refused for a shorter time, where it may only be busy.
const YOUNG: Duration = Duration::from_secs(1);

/// Binds a new socket of mode 0600 and listens.
///
/// # Errors
/// The system's: `AddrInUse` where there is anything at `path`.
pub fn bind_new(path: &Path) -> io::Result<BoundSocket> {
    let address = UnixAddr::new(path)?;
    let descriptor = descriptors::stream_socket(false)?;
    // The file's mode is that of the socket, less the umask. Only Linux is sure to know that; elsewhere the file has its
    // mode from below, before anybody can connect.
    let closed = fchmod(&descriptor, Mode::S_IRUSR | Mode::S_IWUSR);
    if cfg!(target_os = "linux") {
        closed?;
    }
    let path = std::path::absolute(path)?;
    bind(descriptor.as_raw_fd(), &address)?;
    let meta = std::fs::symlink_metadata(&path)?;
    let identity = (meta.dev(), meta.ino());
    let listening = || -> io::Result<()> {
        if meta.mode() & 0o777 != 0o600 {
            set_own_mode(&path)?;
        }
        Ok(listen(&descriptor, Backlog::new(BACKLOG)?)?)
    };
    if let Err(error) = listening() {
        let _ = unlink_if(&path, identity);
        return Err(error);
    }
    let listener = interprocess::os::unix::uds_local_socket::Listener::from(descriptor).into();
    Ok(BoundSocket { listener, path, identity: Some(identity) })
}

/// Gives the socket at `path` its mode where a strange umask has taken it away; no link is followed, which whoever owns
/// the directory may have put in its place meanwhile.
fn set_own_mode(path: &Path) -> io::Result<()> {
    fchmodat(AT_FDCWD, path, Mode::S_IRUSR | Mode::S_IWUSR, FchmodatFlags::NoFollowSymlink)
        .map_err(Into::into)
}

/// As [`bind_new`], but a dead socket of ours is removed first.
///
/// # Errors
/// The system's: `AddrInUse` where something else is at `path`, or where it cannot be known to be dead.
pub fn reclaim(path: &Path) -> io::Result<BoundSocket> {
    let held = lock_directory(path);
    match bind_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && held.is_some() => {
            let dead = dead_socket(path).ok_or(error)?;
            unlink_if(path, dead)?;
            bind_new(path)
        }
        bound => bound,
    }
}

/// Removes the socket at `path` where it is dead and ours.
pub fn remove_dead(path: &Path) {
    if let (Some(_held), Some(dead)) = (lock_directory(path), dead_socket(path)) {
        // It may be removed by another meanwhile.
        let _ = unlink_if(path, dead);
    }
}

/// Has who connects see this process as the one that listens, and not its parent, which may have ended by then.
pub fn listen_here(socket: &BoundSocket) {
    // It listens already: what is refused leaves it as it was.
    let _ = Backlog::new(BACKLOG).and_then(|backlog| listen(socket, backlog));
}

/// Removes the socket at `path`, if it still is that one: to be called by its agent, which listens on it yet, or in the
/// place of one that has not come to that.
///
/// # Errors
/// The system's.
pub fn remove(path: &Path, identity: (u64, u64)) -> io::Result<()> {
    unlink_if(path, identity)
}

/// Device and inode of a socket of ours that nobody listens on.
fn dead_socket(path: &Path) -> Option<(u64, u64)> {
    let begin = Instant::now();
    loop {
        let meta = std::fs::symlink_metadata(path).ok()?;
        if !meta.file_type().is_socket() || meta.uid() != geteuid().as_raw() {
            return None;
        }
        match connect(path, PATIENCE) {
            Err(error) if is_dead(&error) => {}
            _ => return None,
        }
        let age = meta.modified().ok().and_then(|bound| SystemTime::now().duration_since(bound).ok());
        let old = age.is_some_and(|age| age >= YOUNG) && !FULL_REFUSES;
        if old || begin.elapsed() >= YOUNG {
            return Some((meta.dev(), meta.ino()));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The directory of `path`, locked; none where that cannot be.
fn lock_directory(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = libc::O_DIRECTORY | libc::O_NONBLOCK;
    let directory = OpenOptions::new().read(true).custom_flags(flags).open(parent).ok()?;
    let end = Instant::now() + PATIENCE;
    loop {
        match unix::flock(&directory) {
            Ok(()) => return Some(directory),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {
                std::thread::sleep(PAUSE);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests;
