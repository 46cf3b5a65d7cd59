//! Messages that cannot be read, among them those that end OpenSSH's agent.

use crate::process::{Subject, stand_in_cannot};
use crate::wire::{self, Body, FAILURE, LOCK, UNLOCK};

/// A password that is not there, longer than the message, or not all of it. Debian's ssh-agent ends with the first.
#[test]
fn a_malformed_lock_locks_nothing_and_ends_nobody() {
    if stand_in_cannot("it ends with fatal()") {
        return;
    }
    let subject = Subject::new();
    let mut conn = subject.conn();
    for kind in [LOCK, UNLOCK] {
        for body in [
            Body::of(kind),
            Body::of(kind).raw(&[0, 0]),
            Body::of(kind).u32(0),
            Body::of(kind).u32(5).raw(b"four"),
            Body::of(kind).u32(u32::MAX),
            Body::of(kind).u32(u32::MAX).raw(&[0; 1000]),
            Body::of(kind).string(b"secret").u8(0),
            Body::of(kind).string(b"secret").string(b"again"),
        ] {
            conn.expect(&body.0, FAILURE);
            assert_eq!(conn.comments(), ["mine"], "it is not locked: {:02x?}", body.0);
        }
    }
    subject.is_well();
}

/// Whole frames around messages of every type that end too early, at each of their bytes.
#[test]
fn each_type_may_be_cut() {
    if stand_in_cannot("it ends with fatal() where a lock is cut") {
        return;
    }
    let subject = Subject::new();
    // Nothing is missing where it ends before its first constraint.
    let bare = wire::add(&subject.key.private, b"mine").len();
    for body in crate::abuse::messages(&subject) {
        let mut conn = subject.conn();
        for length in (1..body.len()).filter(|length| (body[0], *length) != (wire::ADD_CONSTRAINED, bare)) {
            conn.send(&body[..length]);
            let answer = conn.recv().expect("an answer");
            assert!(matches!(answer[..], [FAILURE | 28]), "type {} cut at {length}: {answer:02x?}", body[0]);
        }
        assert_eq!(conn.comments(), ["mine"], "type {}", body[0]);
    }
    subject.is_well();
    assert_eq!(wire::identities(&subject.conn().ask(&wire::list()).unwrap()).len(), 1);
}
