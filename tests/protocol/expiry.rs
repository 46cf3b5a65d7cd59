//! Keys go when their time is over.

use crate::keys::Key;
use crate::process::{Subject, stand_in_cannot};
use crate::support::wait_until;
use crate::wire::{self, FAILURE, SUCCESS, add_constrained, lifetime};
use std::time::{Duration, Instant};

#[test]
fn lifetimes_end() {
    let subject = Subject::new();
    let keys: Vec<Key> =
        ["one", "two"].map(|name| Key::generate(&subject.scratch, name, &["ed25519"])).into();
    let begun = Instant::now();
    let mut conn = subject.conn();
    conn.expect(&add_constrained(&keys[1].private, b"two", &[&lifetime(2)]), SUCCESS);
    conn.expect(&add_constrained(&keys[0].private, b"one", &[&lifetime(1)]), SUCCESS);
    assert_eq!(conn.comments()[0], "mine");
    wait_until("the shorter one is gone", || !conn.comments().contains(&"one".to_owned()));
    wait_until("the longer one is gone", || !conn.comments().contains(&"two".to_owned()));
    // OpenSSH counts whole seconds; ours may not be early at all.
    assert!(begun.elapsed() >= Duration::from_secs(1), "gone before its time");
    conn.expect(&wire::sign(&keys[1].blob, b"data", 0), FAILURE);
    assert_eq!(conn.comments(), ["mine"]);
}

/// By a timer: nobody asks for anything meanwhile.
#[test]
fn a_key_goes_without_a_request() {
    if stand_in_cannot("its log is not ours") {
        return;
    }
    let subject = Subject::new();
    let key = Key::generate(&subject.scratch, "short", &["ed25519"]);
    subject.conn().expect(&add_constrained(&key.private, b"short", &[&lifetime(1)]), SUCCESS);
    wait_until("its end is logged", || {
        std::fs::read_to_string(subject.scratch.path("agent.log")).unwrap().contains("key expired")
    });
    subject.is_well();
}

#[test]
fn lifetime_zero_is_over_at_once() {
    let subject = Subject::new();
    let key = Key::generate(&subject.scratch, "none", &["ed25519"]);
    let mut conn = subject.conn();
    conn.expect(&add_constrained(&key.private, b"none", &[&lifetime(0)]), SUCCESS);
    conn.expect(&wire::sign(&key.blob, b"data", 0), FAILURE);
    assert_eq!(conn.comments(), ["mine"]);
}

#[test]
fn the_longest_lifetime_is_no_overflow() {
    let subject = Subject::new();
    let mut conn = subject.conn();
    conn.expect(&add_constrained(&subject.key.private, b"mine", &[&lifetime(u32::MAX)]), SUCCESS);
    subject.is_well();
}
