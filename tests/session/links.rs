//! Links where an agent's files would be: nothing is bound, written, emptied, closed or removed at their other end.

use crate::Place;
use crate::support::{private_dir, run};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// What a link may lead to, beside the socket's directory.
const TARGETS: [&str; 5] = ["nothing", "file", "directory", "dead socket", "living socket"];

/// The targets, made, and one socket that lives.
fn targets(place: &Place) -> (PathBuf, UnixListener) {
    let there = place.scratch.path("there");
    private_dir(&there);
    std::fs::write(there.join("file"), "precious").unwrap();
    private_dir(&there.join("directory"));
    drop(UnixListener::bind(there.join("dead socket")).unwrap());
    let living = UnixListener::bind(there.join("living socket")).unwrap();
    for name in ["file", "dead socket", "living socket"] {
        std::fs::set_permissions(there.join(name), PermissionsExt::from_mode(0o644)).unwrap();
    }
    (there, living)
}

/// Everything that a change of these would change.
fn state(directory: &Path) -> BTreeMap<PathBuf, (u64, u32, u64, i64, i64)> {
    let entry = |path: PathBuf| {
        let meta = path.symlink_metadata().unwrap();
        let facts = (meta.ino(), meta.mode(), meta.len(), meta.mtime_nsec(), meta.ctime_nsec());
        (path, facts)
    };
    std::fs::read_dir(directory).unwrap().map(|e| entry(e.unwrap().path())).collect()
}

/// What `start` says with this file of an agent's a link to each target in turn. The link and its target stay.
fn with_links(name: &str, check: impl Fn(&str, i32, &str)) {
    for target in TARGETS {
        let mut place = Place::new();
        place.socket = place.scratch.path("run/agent.sock");
        let (there, _living) = targets(&place);
        let link = place.scratch.path("run").join(name);
        symlink(there.join(target), &link).unwrap();
        let before = (state(&there), link.symlink_metadata().unwrap().ino());
        let (status, _, err) = run(&mut place.myagent(&["start", "--log", "debug"]));
        check(target, status, &err);
        if status == 0 {
            assert_eq!(run(&mut place.myagent(&["stop"])).0, 0);
        }
        let after = (state(&there), link.symlink_metadata().unwrap().ino());
        assert_eq!(before, after, "{name} is a link to {target}");
    }
}

#[test]
fn a_link_in_the_socket_s_place_is_refused() {
    with_links("agent.sock", |target, status, err| {
        assert_eq!(status, 1, "{target}");
        assert!(err.contains("agent.sock") && err.contains("hint: "), "{target}: {err}");
    });
}

#[test]
fn a_link_in_the_control_socket_s_place_is_refused() {
    with_links("control.sock", |target, status, err| {
        assert_eq!(status, 1, "{target}");
        assert!(err.contains("control.sock: it is no socket, and stays where it is"), "{target}: {err}");
    });
}

#[test]
fn a_link_in_the_lock_s_place_is_refused() {
    with_links("agent.sock.lock", |target, status, err| {
        assert_eq!(status, 1, "{target}");
        assert!(err.contains("agent.sock.lock"), "{target}: {err}");
    });
}

/// The log is the one thing that an agent does without.
#[test]
fn a_link_in_the_log_s_place_is_not_followed() {
    with_links("agent.log", |target, status, err| assert_eq!((status, err), (0, ""), "{target}"));
}

/// The mark that something was told is made beside the others, and never at the other end of a link.
#[test]
fn a_link_in_the_mark_s_place_is_not_followed() {
    with_links("told", |target, status, err| assert_eq!((status, err), (0, ""), "{target}"));
}

/// What a socket's name is a hard link to is no socket, so it stays.
#[test]
fn a_file_by_another_name_stays() {
    let place = Place::new();
    let file = place.scratch.path("file");
    std::fs::write(&file, "precious").unwrap();
    std::fs::hard_link(&file, &place.socket).unwrap();
    let (status, _, err) = run(&mut place.myagent(&["start"]));
    assert!(status == 1 && err.contains("it is no socket, and stays where it is"), "{err}");
    assert_eq!(std::fs::metadata(&file).unwrap().nlink(), 2);
}
