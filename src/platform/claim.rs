//! Binding a socket where there is no instance lock, as the agents that are called `ssh-agent` do.
//!
//! Guarantees that of two that want one path at the same time one has it, and that a living socket, one of another
//! user's and what is no socket stay as they are. Leaves nothing but the socket: what keeps two starters apart is a
//! lock on the directory itself, for as long as it takes to look, remove and bind.
#![forbid(unsafe_code)]

use super::socket::{BoundSocket, connect, is_dead, unlink_if};
use super::unix;
use nix::fcntl::AT_FDCWD;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
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
/// A socket of an ssh-agent that does not know our lock refuses connections between its bind and its listen: one that
/// is younger than this is not dead yet.
const YOUNG: Duration = Duration::from_secs(1);

/// Binds a new socket of mode 0600 and listens.
///
/// # Errors
/// The system's: `AddrInUse` where there is anything at `path`.
pub fn bind_new(path: &Path) -> io::Result<BoundSocket> {
    let address = UnixAddr::new(path)?;
    let descriptor = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    // The file's mode is that of the socket, less the umask.
    fchmod(&descriptor, Mode::S_IRUSR | Mode::S_IWUSR)?;
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
        if age.is_some_and(|age| age >= YOUNG) || begin.elapsed() >= YOUNG {
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
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_mode_is_given_to_the_socket_and_to_nothing_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let [socket, file, link] = ["s", "file", "link"].map(|name| directory.path().join(name));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let _listener = UnixListener::bind(&socket).unwrap();
        std::fs::set_permissions(&socket, Permissions::from_mode(0o400)).unwrap();
        set_own_mode(&socket).unwrap();
        assert_eq!(mode(&socket), 0o600);
        std::fs::write(&file, "another one").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(set_own_mode(&link).is_err());
        assert_eq!(mode(&file), 0o644);
    }

    #[test]
    fn only_what_is_dead_and_ours_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let first = bind_new(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let in_use = |path: &Path| reclaim(path).unwrap_err().kind() == io::ErrorKind::AddrInUse;
        assert!(in_use(&path), "it lives");
        drop(first);
        let second = reclaim(&path).unwrap();
        assert!(second.path.exists());
        for (name, make) in [
            ("file", (|path: &Path| std::fs::write(path, "kept").unwrap()) as fn(&Path)),
            ("link", |path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
            ("directory", |path| std::fs::create_dir(path).unwrap()),
        ] {
            let path = directory.path().join(name);
            make(&path);
            assert!(in_use(&path) && path.symlink_metadata().is_ok(), "{name}");
        }
    }

    /// A watcher that looks without a pause sees no other mode, in hundreds of births.
    #[test]
    fn a_socket_is_its_owner_s_from_the_first_moment() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let births = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let (mut last, mut modes) = (false, std::collections::BTreeSet::new());
                while births.load(Ordering::Relaxed) < 500 {
                    let meta = std::fs::symlink_metadata(&path).ok();
                    births.fetch_add(usize::from(meta.is_some() && !last), Ordering::Relaxed);
                    last = meta.is_some();
                    modes.extend(meta.map(|meta| meta.mode() & 0o7777));
                }
                modes
            });
            while !watcher.is_finished() {
                drop(bind_new(&path).unwrap());
                std::fs::remove_file(&path).unwrap();
            }
            assert_eq!(watcher.join().unwrap().into_iter().collect::<Vec<_>>(), [0o600]);
        });
    }

    /// Often enough that two meet between a look and a removal.
    #[test]
    fn of_many_one_has_it() {
        use nix::sys::stat::{UtimensatFlags, utimensat};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let old = nix::sys::time::TimeSpec::new(1, 0);
        for _ in 0..500 {
            drop(UnixListener::bind(&path).unwrap());
            utimensat(AT_FDCWD, &path, &old, &old, UtimensatFlags::NoFollowSymlink).unwrap();
            let start = std::sync::Barrier::new(4);
            let claim = || {
                start.wait();
                reclaim(&path)
            };
            let bound: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
                threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
            });
            assert_eq!(bound.len(), 1, "one has it");
            let named = std::fs::symlink_metadata(&path).unwrap();
            assert_eq!(bound[0].identity, Some((named.dev(), named.ino())), "and it is there");
            std::fs::remove_file(&path).unwrap();
        }
    }

    /// Another process that was about to listen is waited for.
    #[test]
    fn a_young_socket_is_not_dead() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let born = SystemTime::now();
        assert!(dead_socket(&path).is_some());
        assert!(born.elapsed().unwrap() >= Duration::from_millis(900), "it was taken for dead at once");
    }

    /// Nothing is removed while another holds the directory, and the one who waits for it gives up.
    #[test]
    fn a_locked_directory_keeps_its_dead() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let held = lock_directory(&path).unwrap();
        assert_eq!(reclaim(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        remove_dead(&path);
        assert!(path.exists());
        drop(held);
        assert!(reclaim(&path).is_ok());
    }
}
