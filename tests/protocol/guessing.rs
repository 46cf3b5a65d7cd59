//! Passwords cannot be guessed faster over many connections than over one, and nobody waits for a guesser.

use crate::process::{Subject, stand_in_cannot};
use crate::support::wait_until;
use crate::wire::{self, Conn, FAILURE, SUCCESS, lock, unlock};
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

fn locked() -> Subject {
    let subject = Subject::new();
    subject.conn().expect(&lock(b"secret"), SUCCESS);
    subject
}

/// Each guesses once, wrongly, on a connection of its own.
fn guessers(subject: &Subject, count: usize) -> Vec<Conn> {
    let mut all: Vec<Conn> = (0..count).map(|_| subject.conn()).collect();
    for conn in &mut all {
        conn.send(&unlock(b"wrong"));
    }
    all
}

/// Takes those out that have their answer, which must be FAILURE.
fn take_answered(waiting: &mut Vec<Conn>) {
    waiting.retain(|conn| {
        conn.stream().set_nonblocking(true).unwrap();
        let mut answer = [0; 5];
        match (&mut conn.stream()).read(&mut answer) {
            Ok(count) => assert_eq!(answer[..count], [0, 0, 0, 1, FAILURE]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) => panic!("a guesser: {error}"),
        }
        false
    });
}

/// A lower bound only: a slow machine cannot break it.
#[test]
fn many_connections_guess_no_faster() {
    let subject = locked();
    let begun = Instant::now();
    let mut waiting = guessers(&subject, 8);
    wait_until("all guesses are decided", || {
        take_answered(&mut waiting);
        waiting.is_empty()
    });
    let least: u32 = (0..8).sum();
    let (took, least) = (begun.elapsed(), Duration::from_millis(100) * least);
    assert!(took >= least, "8 guesses in {took:?}, should take {least:?}");
    subject.conn().expect(&unlock(b"secret"), SUCCESS);
    subject.is_well();
}

#[test]
fn others_are_served_while_guesses_wait() {
    if stand_in_cannot("its one loop sleeps after a wrong password") {
        return;
    }
    let subject = locked();
    let mut waiting = guessers(&subject, 10);
    for _ in 0..10 {
        assert!(subject.conn().comments().is_empty());
        subject.conn().expect(&wire::sign(&subject.key.blob, b"data", 0), FAILURE);
    }
    take_answered(&mut waiting);
    assert!(!waiting.is_empty(), "the guesses were decided faster than the lists answered");
    wait_until("all guesses are decided", || {
        take_answered(&mut waiting);
        waiting.is_empty()
    });
}

/// At most 16 wait. Without that limit so many answers would take hours.
#[test]
fn guesses_beyond_the_queue_are_refused_at_once() {
    if stand_in_cannot("it has no queue") {
        return;
    }
    let subject = locked();
    let mut waiting = guessers(&subject, 200);
    // One more may be decided already.
    wait_until("all but the queue are refused", || {
        take_answered(&mut waiting);
        waiting.len() <= 17
    });
    assert!(subject.conn().comments().is_empty(), "others are served");
    // Guessers that leave do not keep the owner out.
    drop(waiting);
    wait_until("the owner gets in", || subject.conn().ask(&unlock(b"secret")).as_deref() == Some(&[SUCCESS]));
    subject.is_well();
}

/// Nor do they keep each other waiting: a password whose client has gone is compared with nothing.
#[test]
fn guessers_that_leave_are_passed_over() {
    if stand_in_cannot("it has no queue") {
        return;
    }
    let subject = locked();
    let mut conn = subject.conn();
    for _ in 0..5 {
        conn.expect(&unlock(b"wrong"), FAILURE);
    }
    drop(guessers(&subject, 10));
    wait_until("they are passed over", || {
        subject.refusals().iter().filter(|refusal| refusal.contains("has hung up")).count() >= 5
    });
    conn.expect(&unlock(b"secret"), SUCCESS);
    subject.is_well();
}

/// Many locks at once hash no password but the first's: the owner's unlock would wait behind them. Measured by
/// the agent's own processor time, so that a busy machine does not matter.
#[test]
fn many_locks_cost_no_more_than_one() {
    if stand_in_cannot("its hash is a cheap one") {
        return;
    }
    let subject = Subject::new();
    let begun = subject.ticks();
    for _ in 0..4 {
        subject.conn().expect(&lock(b"secret"), SUCCESS);
        subject.conn().expect(&unlock(b"secret"), SUCCESS);
    }
    let eight = subject.ticks() - begun;
    let begun = subject.ticks();
    let mut all: Vec<Conn> = (0..100).map(|_| subject.conn()).collect();
    all.iter_mut().for_each(|conn| conn.send(&lock(b"secret")));
    let locked = all.iter_mut().filter_map(Conn::recv).filter(|answer| answer == &[SUCCESS]).count();
    assert_eq!(locked, 1);
    let took = subject.ticks() - begun;
    assert!(took <= eight * 4, "a hundred locks took {took} ticks, eight hashes {eight}");
}

/// A connection's requests wait for its own guess: answers keep their order.
#[test]
fn order_on_the_guessing_connection() {
    let subject = locked();
    let mut conn = subject.conn();
    for body in [unlock(b"wrong"), wire::list(), unlock(b"secret"), wire::list(), unlock(b"secret")] {
        conn.send(&body);
    }
    assert_eq!(conn.recv().unwrap(), [FAILURE]);
    assert!(wire::identities(&conn.recv().unwrap()).is_empty());
    assert_eq!(conn.recv().unwrap(), [SUCCESS]);
    assert_eq!(wire::identities(&conn.recv().unwrap()).len(), 1);
    assert_eq!(conn.recv().unwrap(), [FAILURE]);
}

/// The count begins anew after the right password.
#[test]
fn success_forgets_the_failures() {
    let subject = locked();
    let mut conn = subject.conn();
    for round in 0..3 {
        for _ in 0..3 {
            conn.expect(&unlock(b"wrong"), FAILURE);
        }
        conn.expect(&unlock(b"secret"), SUCCESS);
        assert_eq!(conn.comments(), ["mine"], "round {round}");
        conn.expect(&lock(b"secret"), SUCCESS);
    }
}
