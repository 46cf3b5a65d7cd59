//! Clients that are slow, silent, greedy or gone hurt nobody but themselves.

use crate::keys::Key;
use crate::process::{Subject, stand_in_cannot};
use crate::sides::Side;
use crate::support::{myagent, run, wait_until};
use crate::wire::{self, Body, Conn, FAILURE, SUCCESS, frame};
use std::io::{ErrorKind, Write};

/// One message of each type, right or wrong.
pub(crate) fn messages(subject: &Subject) -> Vec<Vec<u8>> {
    let key = &subject.key;
    let mut all = vec![
        wire::list(),
        wire::sign(&key.blob, b"data", 0),
        wire::add(&key.private, b"mine"),
        wire::add_constrained(&key.private, b"mine", &[&wire::lifetime(3600)]),
        wire::extension(b"none@example.com", b"body"),
        Body::of(wire::ADD_PROVIDER).string(b"/none").string(b"pin").0,
        Body::of(wire::ADD_PROVIDER_CONSTRAINED).string(b"/none").string(b"pin").raw(wire::CONFIRM).0,
        Body::of(wire::REMOVE_PROVIDER).string(b"/none").string(b"pin").0,
        wire::session_bind(&key.blob, b"session", b"no signature", true),
        wire::extension(b"query", b""),
        wire::remove(&key.blob),
        vec![wire::REMOVE_ALL_RSA1],
        vec![wire::REMOVE_ALL],
        wire::lock(b"secret"),
        wire::unlock(b"secret"),
    ];
    all.push(Body::of(200).raw(&[7; 300]).0);
    all
}

#[test]
fn one_byte_at_a_time() {
    let subject = Subject::new();
    let (mut slow, mut other) = (subject.conn(), subject.conn());
    for body in
        [wire::list(), wire::sign(&subject.key.blob, b"data", 0), wire::add(&subject.key.private, b"mine")]
    {
        for byte in frame(&body) {
            slow.send_raw(&[byte]);
            assert_eq!(other.comments(), ["mine"]);
        }
        assert_ne!(slow.recv().expect("an answer"), [FAILURE], "type {}", body[0]);
    }
}

#[test]
fn silent_connections_stop_nobody() {
    let subject = Subject::new();
    let silent: Vec<Conn> = (0..100).map(|_| subject.conn()).collect();
    subject.is_well();
    drop(silent);
    subject.is_well();
}

/// Every message cut at every byte, frame and all; nothing of it is done and no connection stays open.
#[test]
fn hang_up_in_the_middle() {
    let subject = Subject::new();
    let before = subject.connections();
    for body in messages(&subject) {
        let whole = frame(&body);
        let step = if whole.len() > 100 { 7 } else { 1 };
        for length in (1..whole.len()).step_by(step) {
            subject.conn().send_raw(&whole[..length]);
        }
    }
    subject.is_well();
    wait_until("every connection is closed", || subject.connections() <= before);
}

/// The request is whole, the client gone before the answer.
#[test]
fn hang_up_before_the_answer() {
    let subject = Subject::new();
    let before = subject.connections();
    for _ in 0..20 {
        for body in [wire::list(), wire::sign(&subject.key.blob, b"data", 0), vec![200], wire::lock(b"")] {
            subject.conn().send_raw(&frame(&body).repeat(10));
        }
    }
    subject.is_well();
    wait_until("every connection is closed", || subject.connections() <= before);
}

#[test]
fn three_hundred_at_once() {
    let subject = Subject::new();
    let before = subject.connections();
    let mut all: Vec<Conn> = (0..300).map(|_| subject.conn()).collect();
    for conn in &mut all {
        conn.send(&wire::sign(&subject.key.blob, b"data", 0));
    }
    // The last ones first: nobody waits for an answer to be read.
    for conn in all.iter_mut().rev() {
        wire::signature(&conn.recv().expect("each is answered"));
    }
    for conn in &mut all {
        assert_eq!(conn.comments(), ["mine"], "and stays open");
    }
    drop(all);
    wait_until("every connection is closed", || subject.connections() <= before);
}

/// Requests without end, answers never read: the agent stops reading, and serves the others.
#[test]
fn a_client_that_never_reads() {
    const MUCH: usize = 16 << 20;
    if stand_in_cannot("its one loop goes on reading, and answers nobody for minutes") {
        return;
    }
    let subject = Subject::new();
    let comment = vec![b'x'; 1000];
    subject.conn().expect(&wire::add(&subject.key.private, &comment), SUCCESS);
    let greedy = subject.conn();
    greedy.stream().set_nonblocking(true).unwrap();
    let requests = frame(&wire::list()).repeat(1000);
    let mut sent = 0;
    let mut refused = 0;
    while sent < MUCH && refused < 100 {
        match greedy.stream().write(&requests) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused += 1;
                // Others are served while it is stuck.
                assert_eq!(subject.conn().comments().len(), 1);
            }
            Err(error) => panic!("the greedy client: {error}"),
        }
    }
    assert!(sent < MUCH, "the agent took {sent} bytes of requests without an answer being read");
    subject.conn().expect(&wire::add(&subject.key.private, b"mine"), SUCCESS);
    subject.is_well();
}

/// Bytes without sense, the same in each run.
#[test]
fn noise() {
    let subject = Subject::new();
    let before = subject.connections();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Not 9, 19 and 22, which change what is looked at afterwards; and 23 kills OpenSSH's agent.
    let kinds = match Side::ours() {
        Side::Ours => [13, 17, 18, 20, 21, 23, 25, 26, 27, 1, 0, 255],
        Side::Openssh => [13, 17, 18, 20, 21, 2, 25, 26, 27, 1, 0, 255],
    };
    for _ in 0..500 {
        // A length that may be right, then a type and anything.
        let length = u8::try_from(random() % 64).unwrap();
        let kind = kinds[usize::from(length) % kinds.len()];
        let mut bytes = vec![0, 0, 0, length, kind];
        bytes.extend((0..random() % 10).flat_map(|_| random().to_le_bytes()).map(|byte| byte % 12));
        // One frame, whole or not.
        bytes.truncate(4 + usize::from(length));
        subject.conn().send_raw(&bytes);
    }
    subject.is_well();
    wait_until("every connection is closed", || subject.connections() <= before);
}

/// Each of these comments is six times as long in JSON.
#[test]
fn long_comments_do_not_keep_the_status_away() {
    if stand_in_cannot("it has no status") {
        return;
    }
    let subject = Subject::new();
    for number in 0..20 {
        let key = Key::generate(&subject.scratch, &format!("key{number}"), &["ed25519"]);
        subject.conn().expect(&wire::add(&key.private, &[1; 200_000]), SUCCESS);
    }
    let mut command = subject.scratch.command(myagent());
    let (status, out, err) = run(command.arg("status").env("MYAGENT_SOCK", &subject.agent.socket));
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("keys: 21"), "{out}");
}
