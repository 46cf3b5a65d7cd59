//! Several agents that want one path, and what is there already.

use crate::support::{run, wait_until};
use crate::{Caller, Started};
use nix::sys::signal::Signal;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Stdio;

/// An agent that was killed leaves its socket, and the next one at that path replaces it.
#[test]
fn a_dead_socket_is_replaced() {
    let caller = Caller::new();
    for form in [&["-s", "-a", "tmp/s"][..], &["-sUa", "tmp/s"]] {
        let dead = caller.start(form);
        dead.signal(Signal::SIGKILL);
        assert_eq!(dead.ends(), -1);
        assert!(caller.scratch.path("tmp/s").exists());
        let next = caller.start(form);
        next.signal(Signal::SIGTERM);
        assert_eq!(next.ends(), 2);
        caller.nothing_is_left();
    }
}

#[test]
fn nothing_else_is_replaced() {
    let caller = Caller::new();
    let path = caller.scratch.path("tmp/s");
    let refused = || {
        let before = path.symlink_metadata().unwrap();
        for form in ["-s", "-D"] {
            let (status, out, err) = run(caller.agent(&[form, "-a"]).arg(&path));
            let expected =
                format!("unix_listener: cannot bind to path {}: Address already in use\n", path.display());
            assert_eq!((status, out, err), (1, String::new(), expected));
        }
        let after = path.symlink_metadata().unwrap();
        assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()));
    };
    let living = UnixListener::bind(&path).unwrap();
    refused();
    // One whose queue is full answers nobody, and lives.
    let waiting: Vec<_> =
        std::iter::repeat_with(|| full(&path)).take_while(Option::is_some).take(5000).collect();
    refused();
    drop((waiting, living));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "text").unwrap();
    refused();
    std::fs::remove_file(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    refused();
    std::fs::remove_file(&path).unwrap();
    let of_another_kind = UnixDatagram::bind(&path).unwrap();
    refused();
    drop(of_another_kind);
    std::fs::remove_file(&path).unwrap();
}

/// A connection that waits to be accepted, until there can be no more.
fn full(path: &std::path::Path) -> Option<std::os::fd::OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
    use std::os::fd::AsRawFd;
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let client = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
    connect(client.as_raw_fd(), &UnixAddr::new(path).unwrap()).ok().map(|()| client)
}

#[test]
#[ignore = "needs root: it gives a socket to another user"]
fn another_user_s_dead_socket_is_not_replaced() {
    let caller = Caller::new();
    let path = caller.scratch.path("tmp/s");
    drop(UnixListener::bind(&path).unwrap());
    std::os::unix::fs::lchown(&path, Some(65534), Some(65534)).unwrap();
    let (status, _, err) = run(caller.agent(&["-s", "-a"]).arg(&path));
    assert!(status == 1 && err.ends_with("Address already in use\n"), "{status} {err}");
    assert!(path.exists());
}

/// Of many at once on a dead socket one has it; the others say so, and it answers all the while.
#[test]
fn of_many_at_once_one_has_it() {
    let caller = Caller::new();
    let path = caller.scratch.path("tmp/s");
    for round in 0..10 {
        drop(UnixListener::bind(&path).unwrap());
        if round % 2 == 0 {
            // Both ways to be found dead: at once, and after the second in which it might be about to listen.
            let old = run(caller.scratch.command("touch").args(["-hd", "1 hour ago"]).arg(&path));
            assert_eq!(old.0, 0);
        }
        let calls: Vec<_> = (0..12)
            .map(|_| {
                let mut call = caller.agent(&["-s", "-a", "tmp/s"]);
                call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let said: Vec<_> = calls.into_iter().map(|call| call.wait_with_output().unwrap()).collect();
        let mut won = said.iter().filter(|output| output.status.success());
        let winner = won.next().expect("one has it");
        assert_eq!(won.count(), 0, "one only");
        for output in said.iter().filter(|output| !output.status.success()) {
            let err = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(1) && err.ends_with("Address already in use\n"), "{err}");
        }
        let agent = Started::read(&String::from_utf8_lossy(&winner.stdout));
        assert_eq!(agent.ssh_add(&caller.scratch, &["-l"]).0, 1, "it answers");
        wait_until("the others are gone", || caller.processes() == [agent.pid]);
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.ends(), 2);
        caller.nothing_is_left();
    }
}
