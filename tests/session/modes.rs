//! What an agent makes is its owner's alone from the first moment that it has a name, whatever the caller's umask.

use crate::support::{Scratch, myagent, run, wait_until};
use crate::{Place, lives, pid_in};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How often an agent comes and goes while it is looked at.
const ROUNDS: usize = 25;

/// Umasks that leave everything, nothing, and what is usual.
const UMASKS: [&str; 3] = ["0", "0777", "022"];

/// Names and the modes that were seen of them.
type Seen = BTreeMap<String, BTreeSet<u32>>;

/// Looks at everything below `directories`, without a pause, until `done`; once more then, for a busy machine may not
/// have come to it before. Counts its looks.
fn watch(directories: &[PathBuf], done: &AtomicBool, looks: &AtomicUsize) -> Seen {
    let mut seen = Seen::new();
    loop {
        let last = done.load(Ordering::Relaxed);
        for directory in directories {
            look(directory, &mut seen);
        }
        looks.fetch_add(1, Ordering::Relaxed);
        if last {
            return seen;
        }
    }
}

fn look(directory: &Path, seen: &mut Seen) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        // It may be gone by now.
        let Ok(meta) = entry.path().symlink_metadata() else { continue };
        let kind = meta.file_type();
        let name = entry.file_name().to_str().unwrap().to_owned();
        let name = if kind.is_dir() { format!("{name}/") } else { name };
        let name = if kind.is_socket() { format!("{name}=") } else { name };
        seen.entry(name).or_default().insert(meta.mode() & 0o7777);
        if kind.is_dir() {
            look(&entry.path(), seen);
        }
    }
}

/// What was seen while `rounds` ran, which is given the number of looks; nothing ever had more than the mode of its kind.
fn seen_during(directories: &[PathBuf], rounds: impl FnOnce(&AtomicUsize)) -> BTreeSet<String> {
    let (done, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(directories, &done, &looks));
        // Also where the rounds fail, for the watcher to end.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rounds(&looks)));
        done.store(true, Ordering::Relaxed);
        let seen = watcher.join().unwrap();
        result.map(|()| seen)
    });
    let seen = seen.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    for (name, modes) in &seen {
        // Under a strange umask it has less for a moment, which opens it to nobody.
        let right = if name.ends_with('/') { 0o700 } else { 0o600 };
        assert!(modes.iter().all(|mode| mode & !right == 0), "modes of {name}: {modes:?}");
    }
    seen.into_keys().collect()
}

/// A shell that sets the umask and becomes the program.
fn with_umask(scratch: &Scratch, umask: &str, args: &[&str]) -> Command {
    let mut command = scratch.command("sh");
    command.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(myagent()).args(args);
    command
}

/// The control: one moment is enough.
#[test]
fn the_watcher_sees_a_mode_that_is_wrong() {
    let scratch = Scratch::new();
    let made = scratch.path("run/file");
    let failed = std::panic::catch_unwind(|| {
        seen_during(&[scratch.runtime()], |looks| {
            std::fs::write(&made, "").unwrap();
            std::fs::set_permissions(&made, PermissionsExt::from_mode(0o644)).unwrap();
            // One look may be half done.
            let before = looks.load(Ordering::Relaxed);
            wait_until("it has looked", || looks.load(Ordering::Relaxed) > before + 1);
            std::fs::remove_file(&made).unwrap();
        });
    });
    assert!(failed.is_err());
}

#[test]
fn an_agent_s_files_are_private_from_the_first_moment() {
    for umask in UMASKS {
        let mut place = Place::new();
        place.socket = place.scratch.path("run/new/s/agent.sock");
        crate::support::private_dir(&place.scratch.path("run/new"));
        let seen = seen_during(&[place.scratch.runtime(), place.scratch.home()], |_| {
            for _ in 0..ROUNDS {
                let start = &["start", "--log", "debug"];
                let mut call = with_umask(&place.scratch, umask, start);
                let (status, out, err) = run(call.env("MYAGENT_SOCK", &place.socket));
                assert_eq!((status, err.as_str()), (0, ""), "umask {umask}");
                let pid = pid_in(&out).expect("it is new");
                let (status, _, err) = run(&mut place.myagent(&["stop"]));
                assert_eq!(status, 0, "{err}");
                wait_until("it has ended", || !lives(pid));
            }
        });
        for name in ["s/", "agent.sock=", "control.sock=", "agent.sock.lock", "agent.log"] {
            assert!(seen.contains(name), "umask {umask}: {name} was not seen: {seen:?}");
        }
    }
}

/// From nothing, in the home directory: what is made on the way there is private, too.
#[test]
fn so_are_those_in_a_home_directory() {
    for umask in UMASKS {
        let scratch = Scratch::new();
        let place = Place { socket: scratch.home().join(".ssh/agent").join(home_socket()), scratch };
        let seen = seen_during(&[place.scratch.home()], |_| {
            let mut call = with_umask(&place.scratch, umask, &["start", "--daemon"]);
            // Named, so that an agent of whoever runs this is not found; it is the usual place all the same.
            let (status, _, err) = run(call.env("MYAGENT_SOCK", &place.socket).env_remove("XDG_RUNTIME_DIR"));
            assert!(status == 1 && err.contains("make the directory"), "a named place is not made: {err}");
            let mut call = with_umask(&place.scratch, umask, &["ssh-agent", "-s"]);
            let (status, out, err) = run(&mut call);
            assert_eq!((status, err.as_str()), (0, ""), "umask {umask}");
            crate::signal(pid_in(&out).unwrap(), nix::sys::signal::Signal::SIGTERM);
            let mut call = with_umask(&place.scratch, umask, &["start", "--daemon"]);
            let (status, out, err) = run(call.env("MYAGENT_SOCK", &place.socket));
            assert!(status == 0 && pid_in(&out).is_some(), "umask {umask}: {err}");
            assert_eq!(run(&mut place.myagent(&["stop"])).0, 0);
        });
        assert!([".ssh/", "agent/"].iter().all(|name| seen.contains(*name)), "{seen:?}");
        assert!(seen.contains(&home_socket().replace(".sock", ".lock")), "{seen:?}");
    }
}

fn home_socket() -> String {
    format!("myagent.{}.sock", myagent::platform::paths::machine())
}

/// By the name ssh-agent, where it makes a directory and where it is told one.
#[test]
fn so_are_ssh_agent_s() {
    for umask in UMASKS {
        let scratch = Scratch::new();
        for form in [&["-T"][..], &["-a", "tmp/s"]] {
            let seen = seen_during(&[scratch.path("tmp")], |_| {
                for _ in 0..ROUNDS / 2 {
                    let args = [&["ssh-agent", "-s"], form].concat();
                    let (status, out, err) = run(&mut with_umask(&scratch, umask, &args));
                    assert_eq!((status, err.as_str()), (0, ""), "umask {umask}");
                    let pid = pid_in(&out).unwrap();
                    crate::signal(pid, nix::sys::signal::Signal::SIGTERM);
                    wait_until("it has ended", || !lives(pid));
                }
            });
            assert!(seen.iter().any(|name| name.ends_with('=')), "umask {umask}: no socket was seen");
        }
    }
}

/// A second start and every command find what the first has made, also as a plain user under a umask that takes all.
#[test]
fn a_strange_umask_locks_nobody_out() {
    for socket in ["run/new/agent.sock", "run/myagent/agent.sock"] {
        let mut place = Place::new();
        place.socket = place.scratch.path(socket);
        let _ = std::fs::remove_dir(place.scratch.path("run/myagent"));
        for command in ["start", "start", "status", "stop", "start", "stop"] {
            let mut call = with_umask(&place.scratch, "0777", &[command]);
            let (status, _, err) = run(call.env("MYAGENT_SOCK", &place.socket));
            assert_eq!((status, err.as_str()), (0, ""), "{command} at {socket}");
        }
        let own_lock = place.scratch.path("run/new/agent.sock.lock");
        let lock = if own_lock.exists() { own_lock } else { place.shared_lock() };
        for (path, mode) in [(place.socket.parent().unwrap(), 0o700), (&lock, 0o600)] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{path:?}");
        }
    }
}
