//! Peers of other hosts, over a forwarded connection: what they may, and what they are told to be allowed.

use crate::keys::Key;
use crate::process::{Subject, stand_in_cannot};
use crate::support::{Agent, Scratch, myagent, run};
use crate::wire::{self, Conn, FAILURE, SUCCESS, add, lock, remove, session_bind, sign, signature, unlock};

fn subject(options: &'static [&'static str]) -> Subject {
    Subject::start(|scratch: &Scratch| {
        let socket = scratch.path("run/agent.sock");
        let mut command = scratch.command(myagent());
        command.args(["start", "--foreground", "--secret-memory", "mlock"]).args(options);
        command.env("MYAGENT_SOCK", &socket).stderr(std::process::Stdio::null());
        Agent::spawn(command, socket)
    })
}

/// A connection that a host has brought here.
fn forwarded(subject: &Subject, host: &Key) -> Conn {
    let mut local = subject.conn();
    local.expect(&add(&host.private, b"host"), SUCCESS);
    let signature = signature(&local.ask(&sign(&host.blob, b"session", 0)).unwrap());
    local.expect(&remove(&host.blob), SUCCESS);
    let mut conn = subject.conn();
    conn.expect(&session_bind(&host.blob, b"session", &signature, true), SUCCESS);
    conn
}

fn status(subject: &Subject) -> String {
    let mut command = subject.scratch.command(myagent());
    run(command.arg("status").env("MYAGENT_SOCK", &subject.agent.socket)).1
}

#[test]
fn forwarded_peers_list_and_sign_and_status_says_why_no_more() {
    if stand_in_cannot("it lets them do everything") {
        return;
    }
    let subject = subject(&[]);
    let host = Key::generate(&subject.scratch, "host", &["ed25519"]);
    let mut conn = forwarded(&subject, &host);
    assert_eq!(conn.comments(), ["mine"]);
    signature(&conn.ask(&sign(&subject.key.blob, b"data", 0)).unwrap());
    for (request, deed) in [
        (add(&host.private, b"host"), "add keys"),
        (remove(&subject.key.blob), "remove keys"),
        (vec![wire::REMOVE_ALL], "remove all keys"),
        (lock(b"x"), "lock the agent"),
        (unlock(b"x"), "unlock the agent"),
    ] {
        conn.expect(&request, FAILURE);
        let said =
            format!("a forwarded peer may not {deed}, unless the agent is started with --allow-remote-admin");
        assert!(status(&subject).contains(&said), "{said}: {}", status(&subject));
    }
    assert!(status(&subject).contains("on       forwarded peers: they list keys and sign, and no more\n"));
    subject.is_well();
}

/// Guesses over a forwarded connection neither count nor make the owner wait.
#[test]
fn a_forwarded_peer_guesses_no_password() {
    if stand_in_cannot("it lets them guess") {
        return;
    }
    let subject = subject(&[]);
    let host = Key::generate(&subject.scratch, "host", &["ed25519"]);
    let mut conn = forwarded(&subject, &host);
    subject.conn().expect(&lock(b"secret"), SUCCESS);
    for _ in 0..200 {
        conn.expect(&unlock(b"guess"), FAILURE);
    }
    conn.expect(&unlock(b"secret"), FAILURE);
    assert!(!status(&subject).contains("wrong password"), "{}", status(&subject));
    subject.conn().expect(&unlock(b"secret"), SUCCESS);
    subject.is_well();
}

#[test]
fn forwarded_peers_do_what_they_are_allowed() {
    if stand_in_cannot("it has no such option") {
        return;
    }
    let subject = subject(&["--allow-remote-admin"]);
    let host = Key::generate(&subject.scratch, "host", &["ed25519"]);
    let mut conn = forwarded(&subject, &host);
    conn.expect(&add(&host.private, b"host"), SUCCESS);
    conn.expect(&remove(&subject.key.blob), SUCCESS);
    conn.expect(&lock(b"x"), SUCCESS);
    conn.expect(&unlock(b"x"), SUCCESS);
    assert_eq!(conn.comments(), ["host"]);
    conn.expect(&[wire::REMOVE_ALL], SUCCESS);
    assert!(conn.comments().is_empty());
    assert!(status(&subject).contains("off      forwarded peers: they may add"), "{}", status(&subject));
}
