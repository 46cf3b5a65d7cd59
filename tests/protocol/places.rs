//! One process that takes every place there is keeps no other one out.

use crate::process::{Subject, stand_in_cannot};
use crate::support::{Agent, PATIENCE, Scratch, myagent, run, wait_until};
use crate::wire::{self, Conn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So many descriptors leave 32 clients a place.
const LIMIT: &str = "160";
const PLACES: usize = 32;

fn limited(scratch: &Scratch) -> Agent {
    let socket = scratch.path("run/agent.sock");
    let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
    let mut command = scratch.command("sh");
    command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", LIMIT]).arg(myagent());
    command.args(["start", "--foreground", "--log", "debug"]).env("MYAGENT_SOCK", &socket).stderr(log);
    Agent::spawn(command, socket)
}

/// What another process sees.
fn listed_by_another(subject: &Subject) -> String {
    let mut list = subject.scratch.command("timeout");
    list.arg(PATIENCE.as_secs().to_string()).args(["ssh-add", "-L"]);
    let (status, out, error) = run(list.env("SSH_AUTH_SOCK", &subject.agent.socket));
    assert_eq!(status, 0, "nobody listed: {error}");
    out
}

/// Whatever it does with them: nothing, a byte, requests whose answers it does not read.
#[test]
fn places_go_to_who_uses_them() {
    if stand_in_cannot("it closes nobody's connection") {
        return;
    }
    let subject = Subject::start(limited);
    let many = wire::frame(&wire::list()).repeat(20_000);
    for said in [&b""[..], &[0], &[0, 0, 1, 0, wire::ADD, 7], &many] {
        let mut taken: Vec<Conn> = (0..PLACES).map(|_| subject.conn()).collect();
        for conn in &mut taken {
            conn.stream().set_nonblocking(true).unwrap();
            let _ = std::io::Write::write(&mut conn.stream(), said);
        }
        wait_until("all places are taken", || subject.connections() >= PLACES);
        for _ in 0..5 {
            assert!(listed_by_another(&subject).contains("mine"));
        }
        let told = |refusal: &String| refusal.contains("another client needed the place");
        wait_until("status says so", || subject.refusals().iter().any(told));
        drop(taken);
        subject.is_well();
    }
}

/// The others of the process keep theirs: one place each time, and not one that is asked for something.
#[test]
fn one_gives_way_for_one() {
    if stand_in_cannot("it closes nobody's connection") {
        return;
    }
    let subject = Subject::start(limited);
    let mut taken: Vec<Conn> = (0..PLACES).map(|_| subject.conn()).collect();
    taken.iter_mut().for_each(|conn| assert_eq!(conn.comments(), ["mine"]));
    // The first has asked last.
    assert_eq!(taken[0].comments(), ["mine"]);
    for _ in 0..3 {
        assert!(listed_by_another(&subject).contains("mine"));
    }
    let closed = taken.iter_mut().map(|conn| conn.ask(&wire::list()).is_none()).collect::<Vec<_>>();
    assert!(!closed[0] && closed[1], "{closed:?}");
    // The next two found the place of the one before free, unless it was not closed yet.
    assert!((1..=3).contains(&closed.iter().filter(|closed| **closed).count()), "{closed:?}");
}

/// Nor by connections of its own that come after those, more than there are places, while it uses every one that it has
/// again and again; whatever of these has asked is answered.
#[test]
fn nobody_waits_for_a_process_that_wants_more_than_all() {
    if stand_in_cannot("it closes nobody's connection") {
        return;
    }
    let subject = Subject::start(limited);
    let mut taken: Vec<Conn> = (0..PLACES).map(|_| subject.conn()).collect();
    wait_until("all places are taken", || subject.connections() >= PLACES);
    let mut more: Vec<Conn> = (0..2 * PLACES).map(|_| subject.conn()).collect();
    more.iter_mut().for_each(|conn| conn.send(&wire::list()));
    let listed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !listed.load(Ordering::Relaxed) {
                taken.retain_mut(|conn| conn.ask(&wire::list()).is_some());
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let list = catch_unwind(AssertUnwindSafe(|| listed_by_another(&subject)));
        listed.store(true, Ordering::Relaxed);
        assert!(list.expect("another process waits for this one's connections").contains("mine"));
    });
    for conn in &mut more {
        assert_eq!(wire::identities(&conn.recv().expect("it has asked")).len(), 1);
    }
    drop((taken, more));
    subject.is_well();
}
