//! What ends a question without an answer; the program that shows it goes, and a yes that comes later is for nothing.

use crate::desk::{Desk, HANG, WAIT};
use crate::support::{status_of, wait_until};
use crate::wire::{self, CONFIRM, Conn, FAILURE, SUCCESS};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A question is ended by what `act` does.
fn ended_by(why: &str, act: impl FnOnce(&Desk, &mut Conn)) {
    let desk = Desk::new();
    desk.behave(HANG);
    let (mut conn, _) = desk.open_question();
    wait_until("its own program runs", || desk.asked().len() == 2);
    act(&desk, &mut desk.conn());
    assert!(!desk.is_signed(conn.recv()));
    desk.is_quiet();
    desk.logs(why);
    assert!(desk.status().asking.last_failure.unwrap().contains(why));
}

const GONE: &str = "the agent was locked, or the key is gone, while the question was open";

#[test]
fn a_lock_ends_it() {
    ended_by(GONE, |_, other| other.expect(&wire::lock(b"word"), SUCCESS));
}

/// Also where the agent is open again before anybody has looked.
#[test]
fn a_lock_and_its_unlock_end_it() {
    ended_by(GONE, |_, other| {
        other.expect(&wire::lock(b"word"), SUCCESS);
        other.expect(&wire::unlock(b"word"), SUCCESS);
    });
}

#[test]
fn the_key_s_removal_ends_it() {
    ended_by(GONE, |desk, other| other.expect(&wire::remove(&desk.key.blob), SUCCESS));
}

#[test]
fn the_removal_of_all_keys_ends_it() {
    ended_by(GONE, |_, other| other.expect(&[wire::REMOVE_ALL], SUCCESS));
}

#[test]
fn usr1_ends_it() {
    ended_by(GONE, |desk, _| {
        kill(Pid::from_raw(desk.agent.pid().try_into().unwrap()), Signal::SIGUSR1).unwrap();
    });
}

/// The same key again may have other constraints: it is another one.
#[test]
fn the_key_added_again_ends_it() {
    ended_by(GONE, |desk, other| {
        other.expect(&wire::add_constrained(&desk.key.private, b"again", &[CONFIRM]), SUCCESS);
    });
}

#[test]
fn the_key_s_expiry_ends_it() {
    let desk = Desk::new();
    desk.behave(HANG);
    let limited = wire::add_constrained(&desk.key.private, b"short", &[CONFIRM, &wire::lifetime(2)]);
    desk.conn().expect(&limited, SUCCESS);
    let mut conn = desk.conn();
    conn.expect(&desk.request(), FAILURE);
    assert!(!desk.asked().is_empty(), "it was asked for before");
    desk.is_quiet();
}

/// Another key's end is no reason.
#[test]
fn other_keys_come_and_go() {
    let desk = Desk::new();
    desk.behave(WAIT);
    let other = crate::keys::Key::generate(&desk.scratch, "other", &["ed25519"]);
    let (mut conn, pid) = desk.open_question();
    let mut busy = desk.conn();
    busy.expect(&wire::add(&other.private, b"other"), SUCCESS);
    busy.expect(&wire::remove(&other.blob), SUCCESS);
    busy.expect(&wire::unlock(b"not locked"), FAILURE);
    desk.answer(pid, "exit 0");
    assert!(desk.is_signed(conn.recv()));
}

fn hung_up(act: impl FnOnce(Conn) -> Option<Conn>) {
    let desk = Desk::new();
    desk.behave(HANG);
    let (conn, _) = desk.open_question();
    wait_until("its own program runs", || desk.asked().len() == 2);
    let kept = act(conn);
    wait_until("the question is closed", || desk.questions().is_empty());
    desk.is_quiet();
    desk.logs("the client hung up while the question was open");
    drop(kept);
}

#[test]
fn the_client_s_hangup_ends_it() {
    hung_up(|conn| {
        drop(conn);
        None
    });
}

#[test]
fn a_hangup_behind_further_requests_ends_it() {
    hung_up(|mut conn| {
        (0..100).for_each(|_| conn.send(&wire::list()));
        None
    });
}

#[test]
fn a_half_closed_connection_ends_it() {
    hung_up(|conn| {
        conn.half_close();
        Some(conn)
    });
}

/// The agent itself ends: what shows the question goes at once, and nobody waits.
#[test]
fn term_and_stop_end_it() {
    for by_signal in [true, false] {
        let mut desk = Desk::new();
        desk.behave(HANG);
        let (mut conn, _) = desk.open_question();
        wait_until("its own program runs", || desk.asked().len() == 2);
        if by_signal {
            kill(Pid::from_raw(desk.agent.pid().try_into().unwrap()), Signal::SIGTERM).unwrap();
        } else {
            assert_eq!(desk.run(&["stop"]).0, 0);
        }
        assert_eq!(status_of(&mut desk.agent.child), 0);
        assert_eq!(conn.recv().filter(|answer| *answer != [FAILURE]), None);
        desk.all_gone();
    }
}

/// A yes to a question that is over does nothing, whatever happens to the key afterwards.
#[test]
fn a_late_yes_is_for_nothing() {
    let desk = Desk::new();
    // It cannot be ended, and answers in the end.
    desk.behave("trap '' TERM HUP INT; setsid sh -c 'while [ -d \"$1\" ] && [ ! -e \"$1/late\" ]; do sleep 0.02; done; echo yes' x \"$d\"");
    let (mut conn, _) = desk.open_question();
    let mut other = desk.conn();
    other.expect(&wire::lock(b"word"), SUCCESS);
    assert!(!desk.is_signed(conn.recv()));
    other.expect(&wire::unlock(b"word"), SUCCESS);
    std::fs::write(desk.scratch.path("late"), "").unwrap();
    desk.behave("exit 1");
    assert!(!desk.signs(), "it is asked anew");
    desk.is_quiet();
}
