//! Ways to a socket that somebody turns: before the start they are refused, and between a look and what is done by it
//! they change nothing elsewhere.

use crate::Place;
use crate::support::{Scratch, private_dir, run, wait_until};
use myagent::error::Error;
use myagent::platform::lock::{Attempt, InstanceLock};
use myagent::platform::{directory, listen};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// How often the one outcome must follow upon the other for the two to have raced; on a busy machine whole thousands of
/// rounds pass between two turns.
const TURNS: usize = 500;

/// A way `way` to a directory `real`, which somebody turns to `other` and back for as long as `work` runs.
struct Turning {
    scratch: Scratch,
    way: PathBuf,
}

impl Turning {
    fn new() -> Self {
        let scratch = Scratch::new();
        for name in ["real", "other"] {
            private_dir(&scratch.path("run").join(name));
        }
        let way = scratch.path("run/real");
        symlink(scratch.path("run/other"), scratch.path("run/turned")).unwrap();
        Self { scratch, way }
    }

    /// Does `round` again and again, until it has raced with the turning.
    fn until_raced(&self, mut round: impl FnMut() -> bool) {
        let (mut turns, mut last) = (0, false);
        self.during(|| {
            wait_until("it has raced", || {
                for _ in 0..100 {
                    let outcome = round();
                    turns += usize::from(outcome != last);
                    last = outcome;
                }
                turns >= TURNS
            });
        });
    }

    fn during(&self, work: impl FnOnce()) {
        let (done, turned) = (AtomicBool::new(false), self.scratch.path("run/turned"));
        let exchange = || {
            renameat2(AT_FDCWD, &self.way, AT_FDCWD, &turned, RenameFlags::RENAME_EXCHANGE).unwrap();
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    exchange();
                    exchange();
                }
            });
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            done.store(true, Ordering::Relaxed);
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }

    /// The directory that was the real one, by whichever name it has.
    fn open_real(&self) -> std::fs::File {
        std::fs::File::open(&self.way).unwrap()
    }
}

fn inode_in(directory: &std::fs::File, name: &str) -> Option<(u64, u64)> {
    let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
    nix::sys::stat::fstatat(directory, name, flags).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// Whatever the way leads to at the moment of binding: who has a socket has it in the directory that was looked at.
#[test]
fn a_socket_is_where_it_was_looked_at_or_nowhere() {
    let turning = Turning::new();
    let lock = turning.scratch.path("run/lock");
    let Attempt::Acquired(held) = InstanceLock::try_acquire(&lock).unwrap() else { panic!("it is held") };
    let (real, path) = (turning.open_real(), turning.way.join("agent.sock"));
    turning.until_raced(|| {
        let bound = match listen(&path, &held) {
            Ok(socket) => {
                assert_eq!(inode_in(&real, "agent.sock"), socket.identity, "it is bound elsewhere");
                true
            }
            Err(Error::Unfit { .. } | Error::Io { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        let _ = nix::unistd::unlinkat(&real, "agent.sock", nix::unistd::UnlinkatFlags::NoRemoveDir);
        bound
    });
}

/// A socket's end removes that socket, and nothing of its name in another directory.
#[test]
fn what_has_the_same_name_elsewhere_is_never_removed() {
    let turning = Turning::new();
    let lock = turning.scratch.path("run/lock");
    let Attempt::Acquired(held) = InstanceLock::try_acquire(&lock).unwrap() else { panic!("it is held") };
    let path = turning.way.join("agent.sock");
    let precious = turning.scratch.path("run/other/agent.sock");
    std::fs::write(&precious, "precious").unwrap();
    let (real, socket) = (turning.open_real(), listen(&path, &held).unwrap());
    let kept = turning.scratch.path("run/kept");
    std::fs::hard_link(&path, &kept).unwrap();
    turning.until_raced(|| {
        let _ = socket.unlink();
        assert!(precious.exists(), "another file was removed");
        let removed = inode_in(&real, "agent.sock").is_none();
        if removed {
            nix::unistd::linkat(AT_FDCWD, &kept, &real, "agent.sock", nix::fcntl::AtFlags::empty()).unwrap();
        }
        removed
    });
}

/// A directory that is made is never one at the other end of a link, nor is its mode changed.
#[test]
fn what_is_made_follows_no_link() {
    let scratch = Scratch::new();
    let target = scratch.path("target");
    std::fs::create_dir(&target).unwrap();
    set_mode(&target, 0o750);
    for (name, to) in [("to a directory", target.as_path()), ("to nothing", Path::new("nowhere"))] {
        let link = scratch.path(name);
        symlink(to, &link).unwrap();
        assert_eq!(directory::make_new(&link).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert!(link.is_symlink() && !scratch.path("nowhere").exists());
    }
    assert_eq!(std::fs::metadata(&target).unwrap().mode() & 0o7777, 0o750);
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// What `start`, `status` and `stop` say of a socket in `directory`.
fn refused_at(place: &Place, directory: &str, why: &str) {
    for command in ["start", "status", "stop"] {
        let mut call = place.myagent(&[command]);
        let socket = place.scratch.path(directory).join("agent.sock");
        let (status, out, err) = run(call.env("MYAGENT_SOCK", socket));
        assert_eq!((status, out.as_str()), (1, ""), "{command} in {directory}");
        assert!(err.contains("could be replaced by another user") && err.contains(why), "{err}");
        assert!(err.contains("hint: set MYAGENT_SOCK to a path in a directory of your own with mode 0700, which nobody else can rename"), "{err}");
    }
    assert!(std::fs::read_dir(place.scratch.path(directory)).map_or(true, |mut d| d.next().is_none()));
}

/// Whoever can rename the directory could put their own agent there, and be given the next key.
#[test]
fn a_place_that_others_can_replace_is_refused() {
    let place = Place::new();
    private_dir(&place.scratch.path("open/in/s"));
    set_mode(&place.scratch.path(""), 0o755);
    for (mode, why) in [(0o777, "mode 0777"), (0o702, "mode 0702")] {
        set_mode(&place.scratch.path("open"), mode);
        refused_at(&place, "open/in/s", why);
    }
    // By a link that lies there as well, and back.
    symlink(place.scratch.path("run"), place.scratch.path("open/link")).unwrap();
    private_dir(&place.scratch.path("run/s"));
    refused_at(&place, "open/link/s", "mode 0702");
    std::fs::remove_file(place.scratch.path("open/link")).unwrap();
    // And out of a directory that is closed to all others.
    symlink(place.scratch.path("open/in"), place.scratch.path("run/out")).unwrap();
    refused_at(&place, "run/out/s", "mode 0702");
    // A sticky one as /tmp is, and one that is behind a closed door, are as good as any.
    for (outer, inner) in [(0o755, 0o1777), (0o700, 0o777)] {
        set_mode(&place.scratch.path(""), outer);
        set_mode(&place.scratch.path("open"), inner);
        let socket = place.scratch.path("open/in/s/agent.sock");
        for command in ["start", "stop"] {
            let (status, _, err) = run(place.myagent(&[command]).env("MYAGENT_SOCK", &socket));
            assert_eq!((status, err.as_str()), (0, ""), "{command}: {outer:o} {inner:o}");
        }
    }
}

/// Where a umask is 002 each user has a group of their own, and all directories are open to it.
#[test]
#[ignore = "needs root: it gives directories to another group"]
fn a_group_is_another_user_unless_it_is_the_owner_s_alone() {
    let place = Place::new();
    private_dir(&place.scratch.path("open/s"));
    set_mode(&place.scratch.path(""), 0o755);
    let open = place.scratch.path("open");
    std::os::unix::fs::chown(&open, None, Some(65534)).unwrap();
    for (mode, why) in [(0o770, "mode 0770"), (0o775, "mode 0775")] {
        set_mode(&open, mode);
        refused_at(&place, "open/s", why);
    }
    std::os::unix::fs::chown(&open, None, Some(0)).unwrap();
    set_mode(&open, 0o775);
    for command in ["start", "stop"] {
        let socket = place.scratch.path("open/s/agent.sock");
        let (status, _, err) = run(place.myagent(&[command]).env("MYAGENT_SOCK", &socket));
        assert_eq!((status, err.as_str()), (0, ""), "{command}");
    }
}

#[test]
#[ignore = "needs root: it gives directories to another user"]
fn a_place_below_another_user_s_directory_is_refused() {
    let place = Place::new();
    private_dir(&place.scratch.path("foreign/in/s"));
    set_mode(&place.scratch.path(""), 0o755);
    std::os::unix::fs::chown(place.scratch.path("foreign"), Some(65534), None).unwrap();
    refused_at(&place, "foreign/in/s", "belongs to uid 65534");
    // A link of theirs in a directory where nobody can rename what is another's.
    set_mode(&place.scratch.path("tmp"), 0o1777);
    let link = place.scratch.path("tmp/link");
    symlink(place.scratch.path("run"), &link).unwrap();
    private_dir(&place.scratch.path("run/s"));
    std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
    refused_at(&place, "tmp/link/s", "tmp/link belongs to uid 65534");
}

/// The directory goes while the agent runs: it serves who is connected, ends cleanly, and another can start.
#[test]
fn a_directory_that_goes_takes_nothing_with_it() {
    for how in ["removed", "moved", "replaced"] {
        let mut place = Place::named("agent.sock");
        place.socket = place.scratch.path("run/s/agent.sock");
        let first = place.start();
        let mut client = crate::sockets_client(&place.socket);
        let moved = place.scratch.path("run/moved");
        match how {
            "removed" => std::fs::remove_dir_all(place.socket.parent().unwrap()).unwrap(),
            _ => std::fs::rename(place.socket.parent().unwrap(), &moved).unwrap(),
        }
        if how == "replaced" {
            private_dir(place.socket.parent().unwrap());
            drop(UnixListener::bind(&place.socket).unwrap());
        }
        let second = place.start();
        assert!(second != first && crate::lives(first), "{how}");
        let before = inode(&place.socket);
        assert!(crate::answers(&mut client), "{how}: who was connected is served");
        crate::signal(first, nix::sys::signal::Signal::SIGTERM);
        wait_until("the first has ended", || !crate::lives(first));
        assert_eq!(inode(&place.socket), before, "{how}: the first took the second's socket");
        assert_eq!(place.status()["pid"], second, "{how}");
        assert_eq!(run(&mut place.myagent(&["stop"])).0, 0, "{how}");
    }
}

fn inode(path: &Path) -> (u64, u64) {
    let meta = std::fs::symlink_metadata(path).unwrap();
    (meta.dev(), meta.ino())
}
