//! One agent, found again by whoever asks.

use crate::support::{private_dir, run, wait_until};
use crate::{Place, lives, pid_in, socket_in};
use nix::sys::signal::Signal;

#[test]
fn the_first_call_starts_and_the_others_find() {
    let place = Place::new();
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    let pid = pid_in(&out).unwrap();
    let socket = place.socket.display();
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        format!(
            "SSH_AUTH_SOCK={socket}; export SSH_AUTH_SOCK;\nSSH_AGENT_PID={pid}; export SSH_AGENT_PID;\n"
        )
    );
    for _ in 0..3 {
        let (status, out, err) = run(&mut place.myagent(&["start"]));
        assert_eq!((status, err.as_str()), (0, ""));
        assert_eq!(out, format!("SSH_AUTH_SOCK={socket}; export SSH_AUTH_SOCK;\n"));
    }
    assert_eq!(place.status()["pid"], pid);
    assert!(lives(pid));
}

/// Without `MYAGENT_SOCK`, from another directory, with another value of what else there is.
#[test]
fn it_is_found_without_the_variable() {
    let place = Place::new();
    let pid = place.start();
    for extra in ["", "/nonexistent"] {
        let mut command = place.myagent(&["start"]);
        command.env_remove("MYAGENT_SOCK").env("SSH_AUTH_SOCK", extra).current_dir("/");
        let (status, out, err) = run(&mut command);
        assert_eq!((status, err.as_str()), (0, ""));
        assert_eq!((socket_in(&out), pid_in(&out)), (Some(place.socket.as_path()), None));
    }
    assert_eq!(place.status()["pid"], pid);
}

#[test]
fn openssh_talks_to_it() {
    let place = Place::new();
    place.start();
    let (status, out, _) =
        run(place.scratch.command("ssh-add").arg("-l").env("SSH_AUTH_SOCK", &place.socket));
    assert_eq!((status, out.as_str()), (1, "The agent has no identities.\n"));
}

#[test]
fn stop_returns_when_the_agent_is_gone_and_a_new_one_can_start_at_once() {
    let place = Place::new();
    let mut before = 0;
    for _ in 0..5 {
        let pid = place.start();
        assert_ne!(pid, before);
        before = pid;
        assert_eq!(run(&mut place.myagent(&["stop"])), (0, String::new(), String::new()));
        assert!(!place.socket.exists() && !place.socket.with_file_name("control.sock").exists());
        assert_eq!(place.status(), serde_json::json!({"running": false}));
        wait_until("the process is gone", || !lives(pid));
    }
    assert_eq!(run(&mut place.myagent(&["stop"])).0, 1);
}

#[test]
fn status_says_what_runs() {
    let place = Place::new();
    let pid = place.start();
    let json = place.status();
    assert_eq!((&json["running"], &json["schema"], &json["pid"]), (&true.into(), &1.into(), &pid.into()));
    assert_eq!(json["socket"], place.socket.to_str().unwrap());
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&json["locked"], &json["keys"]), (&false.into(), &serde_json::json!([])));
    assert!(json["started"].as_u64().unwrap() > 1_500_000_000);
    let (status, table, err) = run(&mut place.myagent(&["status"]));
    assert_eq!((status, err.as_str()), (0, ""));
    for part in ["running", place.socket.to_str().unwrap(), &pid.to_string(), "keys: 0", "not dumpable"] {
        assert!(table.contains(part), "{part:?} is not in {table}");
    }
}

#[test]
fn two_places_have_two_agents() {
    let one = Place::new();
    let first = one.start();
    let two = Place { scratch: crate::support::Scratch::new(), socket: one.scratch.path("run/second.sock") };
    let second = two.start();
    assert_ne!(first, second);
    assert_eq!(run(&mut two.myagent(&["stop"])).0, 0);
    assert!(lives(first) && one.status()["pid"] == first);
}

#[test]
fn the_socket_of_a_killed_agent_is_reclaimed() {
    let place = Place::new();
    let pid = place.start();
    crate::signal(pid, Signal::SIGKILL);
    wait_until("it is dead", || !lives(pid));
    assert!(place.socket.exists(), "a killed agent cannot clean up");
    assert_eq!(run(&mut place.myagent(&["status"])).0, 1);
    assert_eq!(run(&mut place.myagent(&["stop"])).0, 1);
    let next = place.start();
    assert_ne!(next, pid);
    assert_eq!(place.status()["pid"], next);
}

/// After a boot in which nothing could clean up: sockets that nobody listens on, and a lock file that names a process
/// which is there by chance, but holds nothing.
#[test]
fn what_an_earlier_boot_left_is_reclaimed() {
    let place = Place::new();
    private_dir(&place.scratch.path("home/.ssh"));
    private_dir(place.shared_lock().parent().unwrap());
    for left in ["agent.sock", "control.sock"] {
        drop(std::os::unix::net::UnixListener::bind(place.socket.with_file_name(left)).unwrap());
    }
    std::fs::write(place.socket.with_file_name("agent.log"), "old").unwrap();
    std::fs::write(place.shared_lock(), format!("pid {}, /old\n", std::process::id())).unwrap();
    let pid = place.start();
    assert_eq!(place.status()["pid"], pid);
    let note = std::fs::read_to_string(place.shared_lock()).unwrap();
    assert_eq!(note, format!("pid {pid}, {}\n", place.socket.display()));
}

/// SIGTERM straight after `start`, as a session that ends at once sends it.
#[test]
fn a_terminated_agent_leaves_no_socket() {
    let place = Place::new();
    for _ in 0..10 {
        let pid = place.start();
        crate::signal(pid, Signal::SIGTERM);
        wait_until("it has ended", || !lives(pid));
        assert!(!place.socket.exists() && !place.socket.with_file_name("control.sock").exists());
    }
}

/// The same agent by any shell that shares the runtime directory, though HOME is another.
#[test]
fn another_home_finds_it_too() {
    let place = Place::new();
    place.start();
    private_dir(&place.scratch.path("other"));
    let (status, out, _) =
        run(place.myagent(&["start"]).env_remove("MYAGENT_SOCK").env("HOME", place.scratch.path("other")));
    assert_eq!((status, pid_in(&out)), (0, None));
}
