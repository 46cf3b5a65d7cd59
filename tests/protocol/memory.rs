//! What a client announces costs nothing; what it sends costs no more than it sent.

use crate::process::Subject;
use crate::wire::{self, Conn};

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
    assert_eq!(youngest.recv().as_deref(), Some(&[wire::FAILURE][..]));
    drop(waiting);
    subject.is_well();
}
