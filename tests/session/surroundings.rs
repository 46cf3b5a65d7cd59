//! What a caller's environment may be like: closed descriptors, few of them, and variables that say nonsense.

use crate::support::{Scratch, myagent, run, wait_until};
use crate::{Place, answers, lives, pid_in, sockets_client};
use nix::sys::signal::Signal::SIGTERM;
use std::path::Path;
use std::process::{Command, Stdio};

/// Which of the first three descriptors are closed.
const CLOSED: [&str; 8] = ["", "0", "1", "2", "0 1", "0 2", "1 2", "0 1 2"];

/// A shell that closes descriptors and becomes the program.
fn without(scratch: &Scratch, closed: &str, args: &[&str]) -> Command {
    let close: String = closed
        .split(' ')
        .filter(|n| !n.is_empty())
        .map(|n| format!(" {n}{}&-", if n == "0" { '<' } else { '>' }))
        .collect();
    let mut command = scratch.command("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\"{close}")]).arg(myagent()).args(args);
    command
}

/// The first three descriptors of an agent are no socket of its own: what a library or a panic writes there must reach
/// no client. Only root may look; anybody sees that the agent's answers are its answers.
fn is_sound(pid: u32, socket: &Path, closed: &str) {
    let mut client = sockets_client(socket);
    for _ in 0..3 {
        assert!(answers(&mut client), "without {closed}");
    }
    if nix::unistd::geteuid().is_root() {
        for number in ["0", "1", "2"] {
            let open = std::fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap_or_default();
            let own = !closed.contains(number) && !open.to_str().unwrap().starts_with("socket:");
            assert!(
                own || open == Path::new("/dev/null"),
                "without {closed}: {number} is {}",
                open.display()
            );
        }
    }
}

#[test]
fn closed_descriptors_are_never_a_socket_s() {
    for closed in CLOSED {
        let place = Place::new();
        let (status, out, _) =
            run(without(&place.scratch, closed, &["start"]).env("MYAGENT_SOCK", &place.socket));
        assert_eq!(status, 0, "without {closed}");
        assert_eq!(out.is_empty(), closed.contains('1'), "without {closed}: {out}");
        let (status, text, _) = run(&mut place.myagent(&["status", "--json"]));
        assert_eq!(status, 0, "without {closed}");
        let pid = serde_json::from_str::<serde_json::Value>(&text).unwrap()["pid"].as_u64().unwrap();
        is_sound(pid.try_into().unwrap(), &place.socket, closed);
        for command in ["status", "start", "stop"] {
            let mut call = without(&place.scratch, closed, &[command]);
            assert_eq!(run(call.env("MYAGENT_SOCK", &place.socket)).0, 0, "{command} without {closed}");
        }
    }
}

#[test]
fn nor_are_they_in_the_foreground() {
    for closed in CLOSED {
        for args in [&["start", "--foreground"][..], &["ssh-agent", "-D", "-a", "run/agent.sock"]] {
            let scratch = Scratch::new();
            let socket = scratch.path("run/agent.sock");
            let mut call = without(&scratch, closed, args);
            call.env("MYAGENT_SOCK", &socket).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = call.spawn().unwrap();
            wait_until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
            is_sound(child.id(), &socket, closed);
            crate::signal(child.id(), SIGTERM);
            let status = crate::support::status_of(&mut child);
            assert_eq!(status, if args[0] == "start" { 0 } else { 2 }, "{args:?} without {closed}");
        }
    }
}

#[test]
fn nor_are_ssh_agent_s() {
    for closed in CLOSED {
        let scratch = Scratch::new();
        let (status, out, _) = run(&mut without(&scratch, closed, &["ssh-agent", "-s", "-a", "run/s"]));
        assert_eq!((status, out.is_empty()), (0, closed.contains('1')), "without {closed}");
        let mut client = sockets_client(&scratch.path("run/s"));
        assert!(answers(&mut client), "without {closed}");
        let peer = nix::sys::socket::getsockopt(&client, nix::sys::socket::sockopt::PeerCredentials).unwrap();
        let pid = u32::try_from(peer.pid()).unwrap();
        is_sound(pid, &scratch.path("run/s"), closed);
        crate::signal(pid, SIGTERM);
        wait_until("it has ended", || !lives(pid));
    }
}

/// With so few that it could serve nobody it says so and leaves nothing; with any more it serves.
#[test]
fn few_descriptors_are_an_error_or_enough() {
    for form in ["start", "ssh-agent -s -a run/myagent/agent.sock"] {
        let (mut failed, mut worked) = (0, 0);
        for most in (3..30).chain([40, 64]) {
            let place = Place::new();
            let mut call = place.scratch.command("sh");
            call.args(["-c", &format!("ulimit -n {most}; exec \"$0\" {form}")]).arg(myagent());
            let (status, out, err) = run(call.env("MYAGENT_SOCK", &place.socket));
            if status == 0 {
                worked += 1;
                assert!(answers(&mut sockets_client(&place.socket)), "{most} for {form}");
                let pid = pid_in(&out).unwrap_or_else(|| panic!("{most}: {out}{err}"));
                crate::signal(pid, SIGTERM);
                wait_until("it has ended", || !lives(pid));
            } else {
                failed += 1;
                assert!(out.is_empty() && !err.is_empty(), "{most}: {status} {out}{err}");
                assert!(!err.contains("internal error") && !err.contains("panicked"), "{most}: {err}");
            }
            for name in ["agent.sock", "control.sock"] {
                let path = place.socket.with_file_name(name);
                wait_until("no socket is left", || path.symlink_metadata().is_err());
            }
        }
        assert!(failed > 0 && worked > 0, "{form}: {failed} failed, {worked} worked");
    }
}

/// An agent whose clients hold all its descriptors ends as cleanly as any.
#[test]
fn an_end_without_a_free_descriptor_leaves_no_socket() {
    let place = Place::new();
    let mut call = place.scratch.command("sh");
    call.args(["-c", "ulimit -n 24; exec \"$0\" start --log warn"]).arg(myagent());
    let (status, out, err) = run(call.env("MYAGENT_SOCK", &place.socket));
    assert_eq!((status, err.as_str()), (0, ""));
    let clients: Vec<_> = (0..8).map(|_| sockets_client(&place.socket)).collect();
    let log = place.socket.with_file_name("agent.log");
    wait_until("it has none left", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("no connection can be accepted now"))
    });
    let pid = pid_in(&out).unwrap();
    crate::signal(pid, SIGTERM);
    wait_until("it has ended", || !lives(pid));
    for name in ["agent.sock", "control.sock"] {
        assert!(place.socket.with_file_name(name).symlink_metadata().is_err(), "{name} is left");
    }
    drop(clients);
}

/// Values of `MYAGENT_SOCK` that are no path of a socket: each is an error that says so, and never another place.
#[test]
fn a_named_place_that_is_none_is_an_error_of_every_command() {
    let scratch = Scratch::new();
    let long = scratch.path("run").join("x".repeat(103 - scratch.path("run").as_os_str().len()));
    assert_eq!(long.as_os_str().len(), 104);
    let run_dir = scratch.runtime().to_str().unwrap().to_owned();
    for (value, why) in [
        ("agent.sock".to_owned(), "must be an absolute path"),
        ("./run/agent.sock".to_owned(), "must be an absolute path"),
        ("~/agent.sock".to_owned(), "must be an absolute path"),
        ("/".to_owned(), "must be the path of a socket"),
        (format!("{run_dir}/.."), "must be the path of a socket"),
        (format!("{run_dir}/"), "not of a directory"),
        (format!("{run_dir}/a\nb"), "cannot be printed"),
        (format!("{run_dir}/a\rb"), "cannot be printed"),
        (format!("{run_dir}/a\x1b[2Jb"), "cannot be printed"),
        (format!("{run_dir}/a\u{85}b"), "cannot be printed"),
        (long.to_str().unwrap().to_owned(), "too long for a socket (104 bytes"),
        (format!("/{}", "y".repeat(5000)), "too long for a socket"),
        (format!("{run_dir}/agent.sock/s"), "symbolic link or no directory"),
    ] {
        std::fs::write(scratch.path("run/agent.sock"), "").unwrap();
        for command in ["start", "stop", "status", "restart"] {
            let (status, out, err) = run(scratch.command(myagent()).arg(command).env("MYAGENT_SOCK", &value));
            assert_eq!((status, out.as_str()), (1, ""), "{command} {value:?}: {err}");
            assert!(err.contains(why), "{command} {value:?}: {err}");
            assert!(!err.contains(['\r', '\x1b']) && err.lines().count() <= 2, "{command}: {err:?}");
        }
    }
    let left: Vec<_> =
        std::fs::read_dir(scratch.runtime()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["agent.sock"]);
}

/// The longest path that fits is one that works, with all that lies beside it.
#[test]
fn the_longest_path_works() {
    let mut place = Place::new();
    let room = 103 - place.scratch.path("run").as_os_str().len() - 1;
    for (length, works) in [(room - 4, true), (room - 3, false), (room, false)] {
        place.socket = place.scratch.path("run").join("x".repeat(length));
        let (status, _, err) = run(&mut place.myagent(&["start"]));
        assert_eq!(status == 0, works, "{length}: {err}");
        assert_eq!(err.contains("too long"), !works, "{err}");
        let _ = run(&mut place.myagent(&["stop"]));
    }
}

/// Without any of the variables that name a place, or with ones that cannot be used.
#[test]
fn variables_that_name_nothing_of_ours() {
    let scratch = Scratch::new();
    let socket = scratch.path("run/own.sock");
    for home in [None, Some(""), Some("relative"), Some("/nonexistent"), Some("/etc/passwd")] {
        for runtime in [None, Some(""), Some("relative"), Some("/nonexistent"), Some("/tmp")] {
            for command in ["start", "status", "stop"] {
                let mut call = scratch.command(myagent());
                call.arg(command)
                    .env("MYAGENT_SOCK", &socket)
                    .env_remove("HOME")
                    .env_remove("XDG_RUNTIME_DIR");
                home.map(|home| call.env("HOME", home));
                runtime.map(|runtime| call.env("XDG_RUNTIME_DIR", runtime));
                let (status, _, err) = run(&mut call);
                assert_eq!(
                    (status, err.as_str()),
                    (0, ""),
                    "{command}: HOME {home:?}, XDG_RUNTIME_DIR {runtime:?}"
                );
            }
        }
    }
    let left: Vec<_> =
        std::fs::read_dir(scratch.runtime()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(
        left.iter().all(|name| ["own.sock.lock", "own.sock.log"].contains(&name.to_str().unwrap())),
        "{left:?}"
    );
}
