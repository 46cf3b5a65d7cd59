//! Signatures that wait for their turn are decided when it comes, not when they were asked for.

use crate::keys::Key;
use crate::process::{Subject, stand_in_cannot};
use crate::wire::{self, Conn, FAILURE, SUCCESS, lock};
use std::path::Path;

/// Requests that are waiting when the agent is locked: many seconds of work, however busy the machine is.
const WAITING: usize = 400;

#[test]
fn a_lock_stops_the_signatures_that_wait() {
    if stand_in_cannot("its requests wait in their sockets") {
        return;
    }
    let subject = Subject::new();
    // Made once by `ssh-keygen -b 9216`, which takes minutes on a slow machine; it is of use nowhere else.
    let huge = Key::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/rsa9216.key"));
    subject.conn().expect(&wire::add(&huge.private, b"huge"), SUCCESS);
    let mut all: Vec<Conn> = (0..WAITING).map(|_| subject.conn()).collect();
    all.iter_mut().for_each(|conn| conn.send(&wire::sign(&huge.blob, b"data", 4)));
    // Where one has its answer the others wait.
    wire::signature(&all[0].recv().expect("an answer"));
    subject.conn().expect(&lock(b"secret"), SUCCESS);
    let refused = all[1..].iter_mut().filter_map(Conn::recv).filter(|answer| answer == &[FAILURE]).count();
    assert!(refused > 0, "{WAITING} requests were all signed, locked or not");
}
