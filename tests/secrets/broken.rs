//! Keys that do not become the agent's: half sent, hung up on, refused; and such as are too large for a slot of secret
//! memory, or come when none is free.

use super::life::{load, message, rig};
use super::rig::{Memory, Rig, sign};
use super::samples::{Sample, samples};
use super::support::wait_until;
use super::wire::{self, Body, Conn, FAILURE, Fields, SUCCESS, frame};

/// Messages of this size go to the heap: a slot has 16 KiB.
const LARGE: usize = 20 * 1024;

/// The agent's longest message, and a few of them more than all half received ones may have together (16 MiB).
const LARGEST: usize = 256 * 1024;
const CROWD: usize = 68;

/// More than there are slots.
const ALL_SLOTS: usize = 70;

/// Comments that never come whole. A message of up to 4 KiB needs no room, and is not pressed out.
const SHORT: &[u8] = b"short";
const LONG: &[u8] = &[b'l'; 8 * 1024];

/// Every sample but for its last bytes, each on a connection of its own.
fn half_sent(rig: &Rig, comment: &[u8]) -> Vec<Conn> {
    let send = |sample| {
        let mut conn = rig.conn();
        let whole = frame(&message(sample, comment, &[]));
        conn.send_raw(&whole[..whole.len() - 5]);
        conn
    };
    let conns = samples().iter().map(send).collect();
    if let Memory::Memfd = rig.memory {
        // Nobody sees them arrive either, and so nobody knows when: the others' turn comes later than theirs.
        (0..3).for_each(|_| drop(rig.conn().comments()));
        rig.nothing_is_found("half sent");
    } else {
        // Root sees them where they wait, and that the scanner does says that they have arrived.
        wait_until("what was half sent is seen", || {
            let seen = rig.seen();
            samples().iter().all(|sample| seen.iter().any(|name| name == sample.name))
        });
        // But in no core image.
        rig.nothing_in_core("half sent: core image");
    }
    conns
}

/// As if the connection were too slow: others press it out.
fn pressed_out(rig: &Rig) {
    let slow = half_sent(rig, LONG);
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let mut conn = rig.conn();
            let whole = frame(&wire::sign(b"", &vec![0; LARGEST - 64], 0));
            conn.send_raw(&whole[..whole.len() - 1]);
            conn
        })
        .collect();
    for mut conn in slow {
        assert_eq!(conn.recv(), None, "a half sent message was kept");
    }
    rig.nothing_is_found("half sent and pressed out");
    drop(crowd);
    rig.all_hung_up();
}

/// The message with one bit changed: in the public half, or in the certificate's signature.
fn with_another_public_half(sample: &Sample) -> Vec<u8> {
    let mut fields = Fields(&sample.key.private);
    let kind = sample.key.kind();
    let before = if kind.starts_with("ecdsa-") && !kind.ends_with("@openssh.com") { 2 } else { 1 };
    for _ in 0..=before {
        fields.string();
    }
    let at = sample.key.private.len() - fields.0.len() - 1;
    let mut private = sample.key.private.clone();
    private[at] ^= 1;
    wire::add(&private, b"refused")
}

fn refused(rig: &Rig) {
    for sample in samples() {
        let whole = message(sample, b"refused", &[]);
        let with = |constraint: &[u8]| message(sample, b"refused", &[constraint.to_vec()]);
        let unknown = wire::constraint_extension(b"none@nowhere", b"");
        let mut conn = rig.conn();
        for message in [
            with_another_public_half(sample),
            with(&[99]),
            with(&unknown),
            // Cut in the middle of the private half, and of the comment.
            whole[..1 + sample.key.private.len() - 5].to_vec(),
            whole[..1 + sample.key.private.len() + 5].to_vec(),
        ] {
            conn.expect(&message, FAILURE);
        }
        let misnamed = Body::of(wire::ADD).string(b"ssh-none").raw(&sample.key.private).string(b"").0;
        conn.expect(&misnamed, FAILURE);
        // As other messages that may carry a secret, and as one that may not, of an unknown number.
        for number in [wire::ADD_PROVIDER, wire::LOCK, wire::UNLOCK, 99] {
            conn.expect(&Body::of(number).raw(&sample.key.private).u8(0).0, FAILURE);
        }
    }
    rig.nothing_is_found("refused");
}

fn be_broken(rig: &Rig) {
    drop(half_sent(rig, SHORT));
    rig.all_hung_up();
    rig.nothing_is_found("hung up in the middle");
    pressed_out(rig);
    refused(rig);
    let comment = vec![b'x'; LARGE];
    load(rig, &comment, &[]);
    rig.nothing_is_found("large messages");
    let held: Vec<_> = (0..ALL_SLOTS)
        .map(|_| {
            let mut conn = rig.conn();
            conn.send_raw(&frame(&message(&samples()[0], b"x", &[]))[..10]);
            conn
        })
        .collect();
    load(rig, b"short", &[]);
    for sample in samples().iter().filter(|sample| sample.name != "bound") {
        sign(&mut rig.conn(), &sample.key.blob, b"data", 2);
    }
    rig.nothing_is_found("no slot free");
    rig.nothing_in_core("no slot free: core image");
    drop(held);
    rig.all_hung_up();
    rig.conn().expect(&[wire::REMOVE_ALL], SUCCESS);
    rig.nothing_is_found("all removed");
}

#[test]
#[ignore = "needs root, gcore: it reads the agent's memory"]
fn nothing_of_broken_messages_is_found_with_memory_of_memfd_secret() {
    be_broken(&rig(Memory::Memfd, "messages that are broken"));
}

#[test]
#[ignore = "needs root, gcore: it reads the agent's memory"]
fn nothing_of_broken_messages_is_found_with_locked_memory() {
    be_broken(&rig(Memory::Locked, "messages that are broken"));
}
