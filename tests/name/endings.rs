//! What a signal means, and the status that goes with it.

use crate::Caller;
use crate::keys::Key;
use crate::support::{status_of, wait_until};
use crate::wire::{self, FAILURE, SUCCESS};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

fn key(caller: &Caller) -> Vec<u8> {
    Key::generate(&caller.scratch, "key", &["ed25519"]).private
}

#[test]
fn in_the_background() {
    let caller = Caller::new();
    for signal in [SIGTERM, SIGHUP] {
        let agent = caller.start(&["-s"]);
        agent.signal(signal);
        assert_eq!(agent.ends(), 2, "{signal}");
        caller.nothing_is_left();
    }
    // It is meant for what was started from the same terminal.
    let agent = caller.start(&["-s"]);
    for _ in 0..5 {
        agent.signal(SIGINT);
        assert!(agent.conn().comments().is_empty());
    }
    agent.signal(SIGTERM);
    assert_eq!(agent.ends(), 2);
}

/// An agent in the foreground that has told where it is, and the rest of what it will say.
fn foreground(caller: &Caller, form: &str) -> (Child, Vec<String>) {
    let mut command = caller.agent(&[form, "-a", "tmp/s"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let told = lines.by_ref().take(2).map(Result::unwrap).collect();
    (child, told)
}

#[test]
fn in_the_foreground() {
    let caller = Caller::new();
    for form in ["-D", "-d"] {
        for signal in [SIGTERM, SIGHUP, SIGINT] {
            let (mut child, told) = foreground(&caller, form);
            let pid = child.id();
            assert_eq!(
                told,
                ["SSH_AUTH_SOCK=tmp/s; export SSH_AUTH_SOCK;".to_owned(), format!("echo Agent pid {pid};")]
            );
            crate::signal(pid, signal);
            assert_eq!(status_of(&mut child), 2, "{form} {signal}");
            let mut log = String::new();
            child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
            // Only -d tells what happens; without it all is quiet where nothing is wrong.
            assert_eq!(log.contains(&format!("ending on {signal}")), form == "-d", "{log}");
            assert_eq!(log.is_empty(), form == "-D", "{log}");
            caller.nothing_is_left();
        }
    }
}

/// All keys go, also those behind a lock; the agent stays, and stays locked.
#[test]
fn usr1_forgets_all_keys() {
    let caller = Caller::new();
    let private = key(&caller);
    let agent = caller.start(&["-s"]);
    let mut conn = agent.conn();
    let forgotten = |conn: &mut wire::Conn| {
        agent.signal(SIGUSR1);
        wait_until("the keys are gone", || conn.comments().is_empty());
    };
    conn.expect(&wire::add(&private, b"one"), SUCCESS);
    forgotten(&mut conn);
    conn.expect(&wire::add(&private, b"two"), SUCCESS);
    conn.expect(&wire::lock(b"x"), SUCCESS);
    agent.signal(SIGUSR1);
    conn.expect(&wire::add(&private, b"three"), FAILURE);
    conn.expect(&wire::unlock(b"x"), SUCCESS);
    wait_until("the keys are gone", || conn.comments().is_empty());
    agent.signal(SIGTERM);
    assert_eq!(agent.ends(), 2);
}

/// A lifetime of the agent's own for keys that come without one.
#[test]
fn keys_without_a_lifetime_have_the_agent_s() {
    let caller = Caller::new();
    let private = key(&caller);
    let agent = caller.start(&["-s", "-t", "1s"]);
    let mut conn = agent.conn();
    conn.expect(&wire::add(&private, b"short"), SUCCESS);
    wait_until("it has expired", || conn.comments().is_empty());
    conn.expect(&wire::add_constrained(&private, b"long", &[&wire::lifetime(1000)]), SUCCESS);
    conn.expect(&wire::lock(b"x"), SUCCESS);
    agent.signal(SIGTERM);
    assert_eq!(agent.ends(), 2);
    let forever = caller.start(&["-s", "-t0"]);
    forever.conn().expect(&wire::add(&private, b"long"), SUCCESS);
    assert_eq!(forever.conn().comments(), ["long"]);
    forever.signal(SIGTERM);
    assert_eq!(forever.ends(), 2);
}

/// It is no agent that can be restarted: a hangup ends it, whatever file lies where it was started from.
#[test]
fn nobody_holds_its_socket_but_itself() {
    let caller = Caller::new();
    let agent = caller.start(&["-s"]);
    let command = caller
        .scratch
        .command(crate::support::myagent())
        .arg("restart")
        .env("MYAGENT_SOCK", &agent.socket)
        .output()
        .unwrap();
    assert_eq!(command.status.code(), Some(1));
    assert!(agent.conn().comments().is_empty());
    agent.signal(SIGTERM);
    assert_eq!(agent.ends(), 2);
    caller.nothing_is_left();
}
