//! Who gets a path of several, what stays, and modes from the first moment on.

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
