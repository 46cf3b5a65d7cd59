//! A forwarded agent is kept, and no other. Over a real sshd: tests/clients/forwarding.rs.

use crate::support::{Agent, Scratch, run};
use crate::{Place, pid_in, socket_in};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

/// An agent that listens under the name of another program.
fn agent_named(scratch: &Scratch, name: &str) -> Agent {
    let program = scratch.path(name);
    let copy = run(scratch.command("cp").arg(crate::support::myagent()).arg(&program)).0;
    assert_eq!(copy, 0);
    let socket = scratch.path("run/forwarded.sock");
    let mut command = scratch.command(&program);
    command.args(["start", "--foreground", "--log", "off"]).env("MYAGENT_SOCK", &socket);
    Agent::spawn(command, socket)
}

fn start(place: &Place, forwarded: &PathBuf, more: &[&str]) -> Command {
    let mut command = place.myagent(&["start"]);
    command.args(more).env("SSH_AUTH_SOCK", forwarded);
    command
}

#[test]
fn it_is_kept_and_nothing_is_started() {
    for name in ["sshd", "sshd-session"] {
        let place = Place::new();
        let forwarded = agent_named(&place.scratch, name);
        assert_eq!(run(&mut start(&place, &forwarded.socket, &[])), (0, String::new(), String::new()));
        for shell in ["nu", "json"] {
            let (status, out, _) = run(&mut start(&place, &forwarded.socket, &["--shell", shell]));
            assert_eq!((status, out.as_str()), (0, "{}\n"), "{shell} must have something to parse");
        }
        assert_eq!(place.status()["running"], false, "{name}");
        assert!(!place.socket.exists());
    }
}

#[test]
fn it_is_replaced_on_wish() {
    let place = Place::new();
    let forwarded = agent_named(&place.scratch, "sshd");
    let (status, out, err) = run(&mut start(&place, &forwarded.socket, &["--replace-forwarded"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(pid_in(&out).is_some() && socket_in(&out) == Some(&place.socket), "{out}");
}

#[test]
fn any_other_agent_is_replaced() {
    let place = Place::new();
    let other = agent_named(&place.scratch, "other-agent");
    let (status, out, err) = run(&mut start(&place, &other.socket, &[]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(socket_in(&out), Some(place.socket.as_path()));
}

#[test]
fn a_dead_one_and_a_wrong_path_are_replaced() {
    let place = Place::new();
    let dead = place.scratch.path("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    let long = PathBuf::from(format!("/{}", "x".repeat(200)));
    for path in [dead, long, "/nonexistent".into(), "/dev/null".into(), "relative".into(), "".into()] {
        let (status, out, err) = run(&mut start(&place, &path, &[]));
        assert_eq!((status, err.as_str()), (0, ""), "{path:?}");
        assert_eq!(socket_in(&out), Some(place.socket.as_path()), "{path:?}");
    }
}

/// Who listens is looked at; no request is sent, which would go to another host and might wait there.
#[test]
fn it_is_not_asked_anything() {
    let place = Place::new();
    let forwarded = agent_named(&place.scratch, "sshd");
    crate::stop(forwarded.pid());
    let kept = run(&mut start(&place, &forwarded.socket, &[]));
    crate::signal(forwarded.pid(), Signal::SIGCONT);
    assert_eq!(kept, (0, String::new(), String::new()));
}

/// To be the agent, and to have one for a command, are no questions of which agent to use.
#[test]
fn a_command_gets_its_own_agent_all_the_same() {
    let place = Place::new();
    let forwarded = agent_named(&place.scratch, "sshd");
    let mut command = start(&place, &forwarded.socket, &["--", "printenv", "SSH_AUTH_SOCK"]);
    let (status, out, err) = run(&mut command);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_ne!(out.trim_end(), forwarded.socket.to_str().unwrap());
}
