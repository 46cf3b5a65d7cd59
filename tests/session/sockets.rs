//! What is in the way stays there unless it is dead, and the holder is named.

use crate::support::{Agent, Scratch, run, wait_until};
use crate::{Place, lives, pid_in};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

fn inode(path: &Path) -> (u64, u64) {
    let meta = std::fs::symlink_metadata(path).unwrap();
    (meta.dev(), meta.ino())
}

/// `start` ends with status 1 and names this process; the socket stays what it was.
fn refused_by_us(place: &Place, before: (u64, u64)) {
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, out.as_str()), (1, ""), "{err}");
    assert!(err.contains(&format!("pid {}", std::process::id())) && err.contains("MYAGENT_SOCK"), "{err}");
    assert_eq!(inode(&place.socket), before);
    assert!(UnixStream::connect(&place.socket).is_ok(), "the listener was robbed of its name");
}

#[test]
fn a_listener_that_never_answers_is_left_alone() {
    let place = Place::new();
    let _listener = UnixListener::bind(&place.socket).unwrap();
    refused_by_us(&place, inode(&place.socket));
}

/// Serves each connection on a thread of this test, for as long as the test binary runs.
fn serve(place: &Place, answer: impl Fn(UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(&place.socket).unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
}

#[test]
fn a_listener_that_is_no_agent_is_left_alone() {
    let place = Place::new();
    serve(&place, |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    refused_by_us(&place, inode(&place.socket));
}

#[test]
fn a_listener_that_trickles_is_left_alone() {
    let place = Place::new();
    serve(&place, |mut stream| {
        // A good beginning, and then one byte after the other without an end.
        let mut next: &[u8] = &[0, 3, 255, 255, 12];
        while stream.write_all(next).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(100));
            next = &[0];
        }
    });
    refused_by_us(&place, inode(&place.socket));
}

/// As an agent does that is just ending; but this one never ends.
#[test]
fn a_listener_that_hangs_up_is_left_alone() {
    let place = Place::new();
    serve(&place, drop);
    refused_by_us(&place, inode(&place.socket));
}

/// A stopped agent is not dead: its connections wait in the backlog.
#[test]
fn a_stopped_agent_is_left_alone_and_found_again() {
    let place = Place::new();
    let pid = place.start();
    let before = inode(&place.socket);
    crate::stop(pid);
    let (status, _, err) = run(&mut place.myagent(&["start"]));
    assert!(status == 1 && err.contains(&format!("pid {pid} (myagent)")), "{err}");
    assert_eq!(inode(&place.socket), before);
    crate::signal(pid, Signal::SIGCONT);
    let (status, out, _) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, pid_in(&out)), (0, None));
}

/// Elsewhere a full backlog refuses as a dead socket does; there the lock alone says that somebody lives.
#[cfg(target_os = "linux")]
#[test]
fn a_full_backlog_is_not_taken_for_death() {
    let place = Place::new();
    let listener = UnixListener::bind(&place.socket).unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
    let mut waiting = Vec::new();
    let address = nix::sys::socket::UnixAddr::new(&place.socket).unwrap();
    loop {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, socket};
        use std::os::fd::AsRawFd;
        let client = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        fcntl(&client, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        match connect(client.as_raw_fd(), &address) {
            Ok(()) => waiting.push(client),
            Err(error) => break assert_eq!(error, nix::Error::EAGAIN),
        }
    }
    let before = inode(&place.socket);
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("accepts no connection"), "{err}");
    assert_eq!(inode(&place.socket), before);
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let place = Place::new();
    std::fs::write(&place.socket, "precious").unwrap();
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("it is no socket"), "{err}");
    assert_eq!(std::fs::read(&place.socket).unwrap(), b"precious");
    std::fs::remove_file(&place.socket).unwrap();
    symlink(place.scratch.path("nowhere"), &place.socket).unwrap();
    let before = inode(&place.socket);
    assert_eq!(run(&mut place.myagent(&["start"])).0, 1);
    assert_eq!(inode(&place.socket), before);
}

#[test]
fn another_program_s_agent_is_used_but_not_commanded() {
    let scratch = Scratch::new();
    let agent = Agent::openssh(&scratch);
    std::fs::set_permissions(scratch.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let place = Place { socket: agent.socket.clone(), scratch };
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, err.as_str(), pid_in(&out)), (0, "", None));
    for command in ["stop", "status"] {
        let (status, out, err) = run(&mut place.myagent(&[command]));
        assert_eq!((status, out.as_str()), (1, ""));
        assert!(err.contains("is not myagent (pid ") && err.contains("ssh-agent"), "{err}");
    }
    assert!(lives(agent.pid()));
}

#[test]
fn a_control_socket_that_talks_nonsense_is_an_error() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket.with_file_name("control.sock")).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"{\"surprise\":1}\n");
        }
    });
    for command in [&["status"][..], &["status", "--json"], &["stop"]] {
        let (status, out, err) = run(&mut place.myagent(command));
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        assert!(err.contains("control socket"), "{err}");
    }
}

/// The lock is with a process that never becomes an agent.
#[test]
fn a_lock_that_stays_with_another_names_it() {
    let place = Place::new();
    std::fs::create_dir_all(place.shared_lock().parent().unwrap()).unwrap();
    crate::support::private_dir(place.shared_lock().parent().unwrap());
    set_mode(place.shared_lock().parent().unwrap(), 0o700);
    let file = std::fs::File::create(place.shared_lock()).unwrap();
    std::fs::write(place.shared_lock(), "pid 4711, /elsewhere\x1b[2J").unwrap();
    let held = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("pid 4711, /elsewhere?[2J") && err.contains("hint: "), "{err}");
    assert!(!place.socket.exists());
    // Let go while another one waits: it takes over.
    let mut waiting = place.myagent(&["start"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    wait_until("it waits", || lives(waiting.id()));
    drop(held);
    let mut out = String::new();
    waiting.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(waiting.wait().unwrap().success() && pid_in(&out).is_some(), "{out}");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// The last line of defence, for whatever comes between the probe and the bind.
#[test]
fn binding_removes_the_dead_and_nothing_else() {
    use myagent::platform::listen;
    use myagent::platform::lock::{Attempt, InstanceLock};
    let place = Place::named("own.sock");
    let lock = place.scratch.path("run/own.sock.lock");
    let Attempt::Acquired(held) = InstanceLock::try_acquire(&lock).unwrap() else { panic!("it is held") };
    assert!(
        matches!(InstanceLock::try_acquire(&lock).unwrap(), Attempt::Held(_))
            && !InstanceLock::is_free(&lock)
    );
    let living = UnixListener::bind(&place.socket).unwrap();
    let before = inode(&place.socket);
    assert!(matches!(listen(&place.socket, &held), Err(myagent::error::Error::Silent { .. })));
    assert_eq!(inode(&place.socket), before);
    drop(living);
    let bound = listen(&place.socket, &held).unwrap();
    assert_eq!(bound.identity, Some(inode(&place.socket)));
    assert!(UnixStream::connect(&place.socket).is_ok());
    // What has taken the name meanwhile is not ours to remove.
    std::fs::rename(&place.socket, place.scratch.path("run/moved")).unwrap();
    std::fs::write(&place.socket, "another's").unwrap();
    bound.unlink().unwrap();
    assert!(place.socket.exists());
    std::fs::rename(place.scratch.path("run/moved"), &place.socket).unwrap();
    bound.unlink().unwrap();
    bound.unlink().unwrap();
    assert!(!place.socket.exists());
    drop(held);
    assert!(InstanceLock::is_free(&lock) && lock.exists());
}

/// A lock on a file that has lost its name would not keep anyone out.
#[test]
fn a_lock_is_taken_anew_where_its_file_was_replaced() {
    use myagent::platform::lock::{Attempt, InstanceLock};
    let place = Place::named("own.sock");
    let lock = place.scratch.path("run/own.sock.lock");
    let Attempt::Acquired(first) = InstanceLock::try_acquire(&lock).unwrap() else { panic!("it is held") };
    std::fs::remove_file(&lock).unwrap();
    let Attempt::Acquired(second) = InstanceLock::try_acquire(&lock).unwrap() else { panic!("it is held") };
    drop((first, second));
    for (what, make) in
        [("a link", symlink_to_file as fn(&Path)), ("a directory", |p| std::fs::create_dir(p).unwrap())]
    {
        std::fs::remove_file(&lock).unwrap();
        make(&lock);
        assert!(InstanceLock::try_acquire(&lock).is_err(), "{what}");
        let _ = std::fs::remove_dir(&lock);
    }
}

fn symlink_to_file(path: &Path) {
    let target = path.with_extension("target");
    std::fs::write(&target, "").unwrap();
    symlink(target, path).unwrap();
}
