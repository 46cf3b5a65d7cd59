//! Signals to `start --foreground` on a terminal: a pseudo-terminal that controls the agent's session.

use crate::process::{Subject, stand_in_cannot};
use crate::support::{Agent, Scratch, myagent, pseudo_terminal, wait_until};
use crate::wire;
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::fs::File;
use std::io::Write;
use std::process::Stdio;

const WHY: &str = "its signals do not depend on a terminal";

/// An agent with a terminal, and the terminal's other end.
fn on_a_terminal() -> (Subject, File) {
    let (master, slave) = pseudo_terminal();
    let subject = Subject::start(|scratch| foreground(scratch, slave));
    (subject, master)
}

fn foreground(scratch: &Scratch, terminal: File) -> Agent {
    let socket = scratch.path("run/agent.sock");
    // The session's leader, so that the terminal's hang-up and interrupt reach it.
    let mut command = scratch.command("setsid");
    command.arg("--ctty").arg(myagent()).args(["start", "--foreground", "--log", "debug"]);
    command.env("MYAGENT_SOCK", &socket);
    // The log goes there as well, as it does for a person: nobody reads it, and at last it cannot be written.
    let end = || Stdio::from(terminal.try_clone().unwrap());
    command.stdin(end()).stderr(end());
    // Not `Agent::spawn`: that takes stdout away.
    let child = command.stdout(end()).spawn().unwrap();
    drop((command, terminal));
    let mut agent = Agent { child, socket };
    wait_until("the agent listens", || {
        assert!(agent.child.try_wait().unwrap().is_none(), "the agent ended at once");
        std::os::unix::net::UnixStream::connect(&agent.socket).is_ok()
    });
    agent
}

fn ends_clean(act: impl FnOnce(&Subject, File) -> Option<File>) {
    if stand_in_cannot(WHY) {
        return;
    }
    let (mut subject, master) = on_a_terminal();
    let master = act(&subject, master);
    assert_eq!(subject.ends(), 0);
    assert!(!subject.agent.socket.exists(), "the socket is left");
    drop(master);
}

fn signalled(signal: Signal) {
    ends_clean(|subject, master| {
        subject.signal(signal);
        Some(master)
    });
}

#[test]
fn term_is_clean() {
    signalled(SIGTERM);
}

#[test]
fn int_is_clean() {
    signalled(SIGINT);
}

#[test]
fn hup_is_clean() {
    signalled(SIGHUP);
}

#[test]
fn control_c_is_clean() {
    ends_clean(|_, mut master| {
        master.write_all(b"\x03").unwrap();
        Some(master)
    });
}

#[test]
fn closing_the_terminal_is_clean() {
    ends_clean(|_, master| {
        drop(master);
        None
    });
}

#[test]
fn usr1_forgets_all_keys() {
    if stand_in_cannot(WHY) {
        return;
    }
    let (subject, _master) = on_a_terminal();
    subject.signal(SIGUSR1);
    let mut conn = subject.conn();
    wait_until("the keys are forgotten", || conn.comments().is_empty());
    conn.expect(&wire::add(&subject.key.private, b"mine"), wire::SUCCESS);
    subject.is_well();
}
