//! Signals to `start --foreground` as a service: no terminal anywhere.

use crate::process::{Subject, stand_in_cannot};
use crate::sides::Side;
use crate::support::{Agent, Scratch, myagent, wait_until};
use crate::wire::{self, Conn, FAILURE, SUCCESS, lock, unlock};
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::process::Command;
use std::time::Duration;

/// An agent in a session of its own: the terminal of who runs the tests is not its.
fn service(scratch: &Scratch) -> Agent {
    let (command, socket) = service_command(scratch);
    Agent::spawn(command, socket)
}

fn service_command(scratch: &Scratch) -> (Command, std::path::PathBuf) {
    let socket = scratch.path("run/agent.sock");
    let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
    let mut command = scratch.command("setsid");
    match Side::ours() {
        Side::Ours => command.arg(myagent()).args(["start", "--foreground", "--log", "debug"]),
        Side::Openssh => command.args(["ssh-agent", "-D", "-a"]).arg(&socket),
    };
    command.env("MYAGENT_SOCK", &socket).stderr(log);
    (command, socket)
}

/// The signal ends the agent with this status, and no socket is left.
fn ends_with(signal: Signal, status: i32) {
    let mut subject = Subject::start(service);
    subject.signal(signal);
    assert_eq!(subject.ends(), status, "{signal}");
    assert!(!subject.agent.socket.exists(), "{signal} leaves the socket");
}

fn clean() -> i32 {
    if Side::ours() == Side::Ours { 0 } else { 2 }
}

#[test]
fn term_is_clean() {
    ends_with(SIGTERM, clean());
}

#[test]
fn int_is_clean() {
    ends_with(SIGINT, clean());
}

#[test]
fn hup_is_ignored() {
    if stand_in_cannot("it ends by HUP") {
        return;
    }
    let subject = Subject::start(service);
    let mut conn = subject.conn();
    for _ in 0..5 {
        subject.signal(SIGHUP);
        // Twice: the first answer may come before the signal.
        assert_eq!((conn.comments(), conn.comments()), (vec!["mine".into()], vec!["mine".into()]));
    }
    wait_until("it is logged", || {
        std::fs::read_to_string(subject.scratch.path("agent.log")).unwrap().contains("HUP")
    });
    subject.is_well();
}

#[test]
fn usr1_forgets_all_keys() {
    if stand_in_cannot("9.2 dies of USR1") {
        return;
    }
    let subject = Subject::start(service);
    let mut conn = subject.conn();
    subject.signal(SIGUSR1);
    wait_until("the keys are forgotten", || conn.comments().is_empty());
    conn.expect(&wire::sign(&subject.key.blob, b"data", 0), FAILURE);
    conn.expect(&wire::add(&subject.key.private, b"mine"), SUCCESS);
    subject.is_well();
}

#[test]
fn usr1_forgets_all_keys_while_locked() {
    if stand_in_cannot("9.2 dies of USR1") {
        return;
    }
    let subject = Subject::start(service);
    let mut conn = subject.conn();
    conn.expect(&lock(b"secret"), SUCCESS);
    subject.signal(SIGUSR1);
    let log = subject.scratch.path("agent.log");
    wait_until("the signal is handled", || std::fs::read_to_string(&log).unwrap().contains("USR1"));
    conn.expect(&wire::add(&subject.key.private, b"new"), FAILURE);
    conn.expect(&unlock(b"secret"), SUCCESS);
    wait_until("nothing is left", || conn.comments().is_empty());
}

/// Clients in every state when the signal comes.
#[test]
fn term_waits_for_nobody() {
    let mut subject = Subject::start(service);
    let (idle, mut half, mut greedy) = (subject.conn(), subject.conn(), subject.conn());
    half.send_raw(&wire::frame(&wire::list())[..3]);
    greedy.stream().set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    subject.conn().expect(&wire::add(&subject.key.private, &[b'x'; 200_000]), SUCCESS);
    // Enough to fill its socket with answers that it never reads, not enough for this to block.
    greedy.send_raw(&wire::frame(&wire::list()).repeat(20));
    subject.conn().expect(&lock(b"secret"), SUCCESS);
    let mut guessers: Vec<Conn> = (0..10).map(|_| subject.conn()).collect();
    if Side::ours() == Side::Ours {
        guessers.iter_mut().for_each(|conn| conn.send(&unlock(b"wrong")));
    }
    subject.signal(SIGTERM);
    assert_eq!(subject.ends(), clean());
    assert!(!subject.agent.socket.exists());
    drop((idle, half, greedy, guessers));
}

/// Whenever a TERM comes, at once or later: no socket stays, and the next agent starts.
#[test]
fn term_at_any_time() {
    if stand_in_cannot("it leaves its socket when ended at once") {
        return;
    }
    for delay in 0..30 {
        let scratch = Scratch::new();
        let (mut command, socket) = service_command(&scratch);
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        // Not a wait for anything: the moment itself is what varies.
        std::thread::sleep(Duration::from_millis(delay));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), SIGTERM).unwrap();
        wait_until("it has ended", || child.try_wait().unwrap().is_some());
        assert!(!socket.exists(), "TERM after {delay} ms leaves the socket");
        if delay % 10 == 0 {
            drop(service(&scratch));
        }
    }
}
