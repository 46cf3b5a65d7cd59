//! The log of `start --foreground` is a pipe or a terminal of somebody else's: what becomes of its other end is no
//! matter of life and death to the agent.

use crate::process::{Subject, stand_in_cannot};
use crate::support::{Agent, Scratch, myagent};
use crate::wire::FAILURE;
use nix::sys::signal::Signal::SIGTERM;
use std::io::Read;
use std::process::{ChildStderr, Stdio};

const WHY: &str = "it logs nothing";

/// More than a pipe takes, each request some hundred bytes of log.
const REQUESTS: usize = 3000;

/// A type that no agent answers.
const UNKNOWN: &[u8] = &[250];

/// An agent and the end of the pipe that its log goes into.
fn piped() -> (Subject, ChildStderr) {
    piped_at("info")
}

fn piped_at(level: &str) -> (Subject, ChildStderr) {
    let mut log = None;
    let subject = Subject::start(|scratch| {
        let mut agent = spawn(scratch, level);
        log = agent.child.stderr.take();
        agent
    });
    (subject, log.unwrap())
}

fn spawn(scratch: &Scratch, level: &str) -> Agent {
    let socket = scratch.path("run/agent.sock");
    let mut command = scratch.command(myagent());
    command
        .args(["start", "--foreground", "--log", level])
        .env("MYAGENT_SOCK", &socket)
        .stderr(Stdio::piped());
    Agent::spawn(command, socket)
}

fn ends_clean(mut subject: Subject) {
    subject.signal(SIGTERM);
    assert_eq!(subject.ends(), 0);
    assert!(!subject.agent.socket.exists(), "the socket is left");
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    if stand_in_cannot(WHY) {
        return;
    }
    let (subject, _log) = piped();
    let mut conn = subject.conn();
    for _ in 0..REQUESTS {
        conn.expect(UNKNOWN, FAILURE);
    }
    subject.is_well();
    ends_clean(subject);
}

#[test]
fn a_log_that_is_gone_ends_nothing() {
    if stand_in_cannot(WHY) {
        return;
    }
    let (subject, log) = piped();
    drop(log);
    for _ in 0..10 {
        subject.conn().expect(UNKNOWN, FAILURE);
    }
    subject.is_well();
    ends_clean(subject);
}

/// The last line, too, is there when the agent has ended.
#[test]
fn the_end_is_logged() {
    if stand_in_cannot(WHY) {
        return;
    }
    let (subject, mut log) = piped();
    ends_clean(subject);
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains("SIGTERM"), "{text}");
}

/// As `--help` has it: "warn: what was refused, and why", and none of the rest.
#[test]
fn refusals_are_warnings() {
    if stand_in_cannot(WHY) {
        return;
    }
    let (subject, mut log) = piped_at("warn");
    subject.conn().expect(UNKNOWN, FAILURE);
    ends_clean(subject);
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains("message type 250") && !text.contains("connected"), "{text}");
}

/// Names in a message, and in a certificate, that would begin a line of their own in the log.
#[test]
fn a_peer_cannot_write_lines_of_its_own() {
    use crate::wire::{ADD, Body};
    if stand_in_cannot(WHY) {
        return;
    }
    let (subject, mut log) = piped();
    let name = b"x\nunlocked by nobody\x1b[2J";
    subject.conn().expect(&Body::of(ADD).string(name).0, FAILURE);
    let certificate = Body::default().string(name).0;
    let kind = b"ssh-ed25519-cert-v01@openssh.com";
    let body = Body::of(ADD).string(kind).string(&certificate).string(&[1; 32]);
    let body = body.string(&[[2; 32], [1; 32]].concat()).string(b"comment");
    subject.conn().expect(&body.0, FAILURE);
    ends_clean(subject);
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains("unlocked by nobody"), "the refusal is not logged: {text}");
    assert!(!text.lines().any(|line| line.starts_with("unlocked")) && !text.contains('\x1b'), "{text}");
}
