//! Windows, where this Linux is a guest of it (WSL): whether it is, and how its programs are reached from here.
//!
//! Looks, and connects to see whether somebody listens; elsewhere than in WSL nothing is found.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;

use super::socket;

/// Set in every process that WSL starts, and kept by shells.
const VARIABLES: [&str; 2] = [INTEROP, "WSL_DISTRO_NAME"];
/// There where the kernel runs programs of Windows, also for a process that has lost its environment.
const REGISTERED: [&str; 2] =
    ["/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late"];
/// Names the socket through which a program of Windows is started.
const INTEROP: &str = "WSL_INTEROP";
/// Where all of them are, and how their names end.
const SOCKETS: &str = "/run/WSL";
const SUFFIX: &str = "_interop";
/// Who makes them: WSL's own part of this system. In some versions everybody may put files beside them, and take them away.
const ROOT: u32 = 0;
/// How long one may take to take a connection: those that listen do so at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this system runs programs of Windows.
#[must_use]
pub fn is_here() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value: OsString| !value.is_empty());
    VARIABLES.into_iter().any(is_set) || REGISTERED.into_iter().any(|path| Path::new(path).exists())
}

/// The variable with which a program of Windows is started now, where there is anything to say about it.
///
/// Each terminal has a socket of its own, which goes with it, and may leave its file behind: a process in the background
/// outlives the one that it was born with, and starts nothing by that any more.
///
/// # Errors
/// `PermissionDenied` where only another user's socket would be left to go by: what is sent to Windows would go to that user.
pub fn way() -> io::Result<Option<(&'static str, PathBuf)>> {
    let own = std::env::var_os(INTEROP).map(PathBuf::from);
    let socket = living(own.as_deref(), Path::new(SOCKETS), [ROOT, geteuid().as_raw()])?;
    Ok(socket.map(|socket| (INTEROP, socket)))
}

/// `own`, else the newest socket of `directory`, that one of the `makers` has made and somebody listens at; none where there
/// is not even one of somebody else.
fn living(own: Option<&Path>, directory: &Path, makers: [u32; 2]) -> io::Result<Option<PathBuf>> {
    let own = own.and_then(|own| seen(own.to_owned()));
    // Looked at only where its own is of no use.
    let others = std::iter::once_with(|| others(directory)).flatten();
    let mut foreign = None;
    for (_, maker, path) in own.into_iter().chain(others) {
        if !makers.contains(&maker) {
            foreign.get_or_insert((maker, path));
        } else if is_heard(&path) {
            return Ok(Some(path));
        }
    }
    let Some((maker, path)) = foreign else { return Ok(None) };
    let reason = format!("{} is of another user (uid {maker})", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// When a socket was made, by whom, and where it is.
type Seen = (Option<SystemTime>, u32, PathBuf);

fn seen(path: PathBuf) -> Option<Seen> {
    let meta = path.symlink_metadata().ok()?;
    meta.file_type().is_socket().then(|| (meta.modified().ok(), meta.uid(), path))
}

/// Those of `directory`, the newest first.
fn others(directory: &Path) -> Vec<Seen> {
    let paths = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut others: Vec<_> =
        paths.filter(|path| path.to_string_lossy().ends_with(SUFFIX)).filter_map(seen).collect();
    others.sort_by(|one, other| other.cmp(one));
    others
}

/// Whether somebody listens there. What is no stream, as in earlier versions of WSL, refuses one in its own way.
fn is_heard(path: &Path) -> bool {
    match socket::connect(path, PATIENCE) {
        Ok(_) => true,
        Err(error) => {
            error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::EPROTOTYPE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::living;
    use nix::unistd::geteuid;
    use std::io::ErrorKind::PermissionDenied;
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};

    fn us() -> u32 {
        geteuid().as_raw()
    }

    fn of_us(own: &Path, directory: &Path) -> Option<PathBuf> {
        living(Some(own), directory, [us(), us()]).unwrap()
    }

    #[test]
    fn the_newest_that_is_heard_stands_in_for_one_that_is_gone_or_dead() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let found = |name: &str| of_us(&path(name), directory.path());
        assert_eq!(found("1_interop"), None, "there is none");
        let bind = |name: &str| UnixListener::bind(path(name)).unwrap();
        let [_first, second, _other] = ["1_interop", "2_interop", "3_other"].map(bind);
        std::fs::write(path("4_interop"), "no socket").unwrap();
        std::os::unix::fs::symlink(path("1_interop"), path("5_interop")).unwrap();
        assert_eq!(found("9_interop"), Some(path("2_interop")));
        assert_eq!(found("1_interop"), Some(path("1_interop")), "its own is there still");
        drop(second);
        assert_eq!(found("2_interop"), Some(path("1_interop")), "its file was left behind");
        assert_eq!(living(None, directory.path(), [us(), us()]).unwrap(), Some(path("1_interop")));
    }

    #[test]
    fn what_is_no_stream_is_heard_too() {
        use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
        use std::os::fd::AsRawFd;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1_interop");
        let packets = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(packets.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&packets, Backlog::new(1).unwrap()).unwrap();
        assert_eq!(of_us(&path, directory.path()), Some(path));
    }

    #[test]
    fn another_user_s_leads_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1_interop");
        let _listener = UnixListener::bind(&path).unwrap();
        let other = [us() + 1, us() + 2];
        for own in [Some(path.as_path()), Some(Path::new("/nonexistent")), None] {
            assert_eq!(living(own, directory.path(), other).unwrap_err().kind(), PermissionDenied, "{own:?}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(living(None, empty.path(), other).unwrap(), None, "nothing is known");
    }
}
