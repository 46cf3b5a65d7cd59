//! What a client announces costs nothing; what it sends costs no more than it sent; and all that clients can make the
//! agent hold has a bound.

use crate::keys::Key;
use crate::process::{Subject, stand_in_cannot};
use crate::support::wait_until;
use crate::wire::{self, Conn, FAILURE, SUCCESS};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// Growth that no announced length explains, in KiB.
const SLACK: u64 = 16 << 10;

#[test]
fn absurd_lengths_close_their_connection_only() {
    let subject = Subject::new();
    let before = subject.resident();
    let chunk = vec![wire::ADD; 1 << 20];
    for length in [262_145_u32, 1 << 20, 1 << 30, 1 << 31, u32::MAX] {
        let (mut bystander, mut conn) = (subject.conn(), subject.conn());
        conn.send_raw(&length.to_be_bytes());
        // Whatever it goes on sending: up to 64 MiB, until the connection is found closed.
        for _ in 0..64 {
            conn.send_raw(&chunk);
        }
        assert_eq!(conn.recv(), None, "length {length}");
        assert_eq!(bystander.comments(), ["mine"]);
    }
    let after = subject.resident();
    assert!(after < before + SLACK, "grew from {before} to {after} KiB");
    subject.is_well();
}

#[test]
fn announced_lengths_cost_nothing() {
    let subject = Subject::new();
    let before = subject.resident();
    let announce = |kind: u8| {
        let mut conn = subject.conn();
        conn.send_raw(&[&262_144_u32.to_be_bytes()[..], &[kind, 0, 0]].concat());
        conn
    };
    let waiting: Vec<Conn> = [wire::ADD, wire::LOCK, wire::SIGN, wire::ADD_PROVIDER]
        .iter()
        .flat_map(|kind| (0..60).map(|_| announce(*kind)))
        .collect();
    subject.is_well();
    let after = subject.resident();
    assert!(after < before + SLACK, "{} frames: grew from {before} to {after} KiB", waiting.len());
}

/// Many large frames, all but complete: others are served, and the youngest can be completed.
#[test]
fn half_sent_frames() {
    let subject = Subject::new();
    let mut whole = wire::frame(&vec![200; 262_144]);
    let last = whole.pop().unwrap();
    let mut waiting: Vec<Conn> = (0..80).map(|_| subject.conn()).collect();
    for conn in &mut waiting {
        conn.send_raw(&whole);
    }
    subject.is_well();
    let mut youngest = waiting.pop().unwrap();
    youngest.send_raw(&[last]);
    assert_eq!(youngest.recv().as_deref(), Some(&[FAILURE][..]));
    drop(waiting);
    subject.is_well();
}

/// As many as the issue names.
const MANY: usize = 1000;

/// What the agent's bounds add up to, without those that a test does not touch, and with what the allocator keeps. In KiB.
const MOST_HELD: u64 = 192 << 10;

/// The most that the agent had while `stir` kept all of these connections going, until nothing has grown for a while.
fn most_while(subject: &Subject, mut all: Vec<Conn>, mut stir: impl FnMut(&Conn) -> usize) -> u64 {
    all.iter().for_each(|conn| conn.stream().set_nonblocking(true).unwrap());
    let (mut most, mut moved, mut quiet) = (0, 0, 0);
    // Until for some rounds hardly more was taken, and nothing has grown; not for ever, where the agent goes on and on.
    while quiet < 40 && moved < MANY * (300 << 10) {
        let now: usize = all.iter().map(&mut stir).sum();
        // Others are served all the time.
        subject.conn().expect(&wire::remove(b"none"), FAILURE);
        let resident = subject.resident();
        quiet = if now > 1 << 20 || resident > most + (1 << 10) { 0 } else { quiet + 1 };
        (moved, most) = (moved + now, most.max(resident));
        std::thread::sleep(Duration::from_millis(20));
    }
    all.clear();
    most
}

/// On a thousand connections: large messages that are never finished, and others that are, one after the other.
#[test]
fn a_thousand_large_messages() {
    if stand_in_cannot("it holds them all") {
        return;
    }
    let subject = Subject::new();
    let before = subject.resident();
    let noise = wire::frame(&vec![wire::ADD; 262_144]);
    for message in [&noise[..noise.len() - 1], &noise[..]] {
        let all = (0..MANY).filter_map(|_| Conn::open(&subject.agent.socket).ok()).collect();
        let mut sent = std::collections::HashMap::new();
        let most = most_while(&subject, all, |conn| {
            let done: &mut usize = sent.entry(std::os::fd::AsRawFd::as_raw_fd(conn.stream())).or_default();
            let now = conn.stream().write(&message[*done..]).unwrap_or(0);
            *done += now;
            let _ = conn.stream().read(&mut [0; 16]);
            now
        });
        assert!(most < before + MOST_HELD, "grew from {before} to {most} KiB");
    }
    subject.is_well();
}

/// Requests that are whole, and wait for what takes long: each is sent to its end before the next.
#[test]
fn large_requests_that_wait() {
    if stand_in_cannot("its requests wait in their sockets") {
        return;
    }
    let subject = Subject::new();
    let before = subject.resident();
    // Of such a key one signature is made at a time: the others wait, whole.
    let huge = Key::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/rsa9216.key"));
    subject.conn().expect(&wire::add(&huge.private, b"huge"), SUCCESS);
    let around = wire::sign(&huge.blob, b"", 4).len();
    let sign = wire::frame(&wire::sign(&huge.blob, &vec![7; 262_144 - around], 4));
    let mut all = Vec::new();
    for _ in 0..MANY {
        let mut conn = subject.conn();
        conn.send_raw(&sign);
        all.push(conn);
    }
    let most = subject.resident();
    assert!(most < before + MOST_HELD, "grew from {before} to {most} KiB");
    subject.conn().expect(&wire::remove(&huge.blob), SUCCESS);
    subject.is_well();
}

/// Signatures that one at a time is made of: whoever has hung up needs none, and those that are there do not wait for it.
#[test]
fn nothing_is_signed_for_who_has_hung_up() {
    if stand_in_cannot("it signs what it has read") {
        return;
    }
    let subject = Subject::new();
    let huge = Key::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/rsa9216.key"));
    subject.conn().expect(&wire::add(&huge.private, b"huge"), SUCCESS);
    let mut asking: Vec<Conn> = (0..200).map(|_| subject.conn()).collect();
    asking.iter_mut().for_each(|conn| conn.send(&wire::sign(&huge.blob, b"data", 4)));
    let mut first = asking.swap_remove(0);
    wire::signature(&first.recv().expect("an answer"));
    drop(asking);
    wait_until("they are passed over", || {
        subject.refusals().iter().any(|refusal| refusal.contains("has hung up"))
    });
    first.expect(&wire::remove(&huge.blob), SUCCESS);
    wait_until("their places are free", || subject.connections() <= 1);
    subject.is_well();
}

/// A thousand connections that ask for the longest list again and again, and read nothing of it.
#[test]
fn a_thousand_answers_that_nobody_reads() {
    if stand_in_cannot("it holds them all") {
        return;
    }
    let subject = Subject::new();
    for number in 0..20 {
        let key = Key::generate(&subject.scratch, &format!("key{number}"), &["ed25519"]);
        subject.conn().expect(&wire::add(&key.private, &vec![b'x'; 250_000]), SUCCESS);
    }
    let before = subject.resident();
    let requests = wire::frame(&wire::list()).repeat(10);
    let all = (0..MANY).filter_map(|_| Conn::open(&subject.agent.socket).ok()).collect();
    let most = most_while(&subject, all, |conn| conn.stream().write(&requests).unwrap_or(0));
    assert!(most < before + MOST_HELD, "grew from {before} to {most} KiB");
    // Who reads gets it all.
    let list = subject.conn().ask(&wire::list()).expect("an answer");
    assert_eq!(wire::identities(&list).len(), 21);
}

/// Keys are taken until there is no room; those that are there stay, and so does the way to make room.
#[test]
fn keys_have_a_bound_that_is_told() {
    if stand_in_cannot("it has none") {
        return;
    }
    let subject = Subject::new();
    let before = subject.resident();
    let (mut conn, mut held) = (subject.conn(), Vec::new());
    let refused = loop {
        let key = Key::generate(&subject.scratch, &format!("key{}", held.len()), &["ed25519"]);
        if conn.ask(&wire::add(&key.private, &vec![b'x'; 260_000])).unwrap() == [FAILURE] {
            break key;
        }
        held.push(key);
        assert!(held.len() < 200, "there is no bound");
    };
    let most = subject.resident();
    assert!(most < before + MOST_HELD, "grew from {before} to {most} KiB");
    assert!(subject.refusals().iter().any(|refusal| refusal.contains("all the memory there is for them")));
    conn.expect(&wire::remove(&held[0].blob), SUCCESS);
    conn.expect(&wire::add(&refused.private, &vec![b'x'; 260_000]), SUCCESS);
    assert_eq!(wire::identities(&conn.ask(&wire::list()).unwrap()).len(), held.len() + 1);
    conn.expect(&[wire::REMOVE_ALL], SUCCESS);
    conn.expect(&wire::add(&subject.key.private, b"mine"), SUCCESS);
    subject.is_well();
}
