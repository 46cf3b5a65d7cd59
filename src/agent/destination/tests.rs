//! Lists that are read, and what the tests of ways stand on: hosts that sign their sessions here.

mod authorities;
mod ways;

use super::*;
use crate::agent::{Binding, Session};
use crate::message::put_string;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

/// When the tests take place.
const NOW: u64 = 1_000_000;

/// The key that is bound to destinations.
const KEY: u8 = 100;

fn strings(all: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    all.iter().for_each(|bytes| put_string(&mut out, bytes));
    out
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn blob(seed: u8) -> Vec<u8> {
    strings(&[b"ssh-ed25519", pair(seed).public_key().as_ref()])
}

fn signature(seed: u8, data: &[u8]) -> Vec<u8> {
    strings(&[b"ssh-ed25519", pair(seed).sign(data).as_ref()])
}

/// A host in a list: user, name, and keys, each with whether it is an authority's.
fn host(user: &[u8], name: &[u8], keys: &[(Vec<u8>, u8)]) -> Vec<u8> {
    let mut out = strings(&[user, name, b""]);
    for (key, authority) in keys {
        put_string(&mut out, key);
        out.push(*authority);
    }
    out
}

fn nowhere() -> Vec<u8> {
    host(b"", b"", &[])
}

fn plain(user: &[u8], seed: u8) -> Vec<u8> {
    host(user, b"host", &[(blob(seed), 0)])
}

fn step(from: &[u8], to: &[u8]) -> Vec<u8> {
    strings(&[&strings(&[from, to, b""])])
}

fn destinations(steps: &[Vec<u8>]) -> Destinations {
    Destinations::read(&steps.concat()).unwrap()
}

/// From here to host 1 as `user`, and on from there to host 2 as anybody; host 3 by way of both.
fn chain() -> Destinations {
    destinations(&[
        step(&nowhere(), &plain(b"us?r", 1)),
        step(&plain(b"", 1), &plain(b"", 2)),
        step(&plain(b"", 2), &plain(b"root", 3)),
    ])
}

fn session() -> Session {
    let mut session = Session::new("a test".into());
    session.set_time(WallTime(NOW));
    session
}

/// A session bound along a way: host, its session's identifier, forwarding.
fn bound(way: &[(u8, &[u8], bool)]) -> Session {
    let mut session = session();
    for &(seed, id, forwarding) in way {
        bind(&mut session, &blob(seed), seed, id, forwarding);
    }
    session
}

fn bind(session: &mut Session, key: &[u8], signer: u8, id: &[u8], forwarding: bool) {
    let body = [strings(&[key, id, &signature(signer, id)]), vec![forwarding.into()]].concat();
    session.bind(Binding::read(&body)).unwrap();
}

/// A login, of the key or of another one.
fn login(id: &[u8], user: &[u8], host_key: Option<&[u8]>) -> Vec<u8> {
    let method: &[u8] =
        if host_key.is_some() { b"publickey-hostbound-v00@openssh.com" } else { b"publickey" };
    let mut data = strings(&[id]);
    data.push(50);
    data.extend(strings(&[user, b"ssh-connection", method]));
    data.push(1);
    data.extend(strings(&[b"ssh-ed25519", &blob(KEY)]));
    host_key.iter().for_each(|key| put_string(&mut data, key));
    data
}

fn permits(destinations: &Destinations, session: &Session, data: &[u8]) -> bool {
    let permitted = destinations.permit(session, &blob(KEY), data);
    // What may sign is also seen.
    assert!(permitted.is_err() || destinations.show_to(session));
    permitted.is_ok()
}

#[test]
fn lists_give_themselves_back_and_are_read_to_the_last_byte() {
    let body = [step(&nowhere(), &plain(b"user", 1)), step(&plain(b"", 1), &plain(b"", 2))].concat();
    let read = Destinations::read(&body).unwrap();
    assert_eq!(read.as_bytes(), body);
    assert_eq!(read.steps().count(), 2);
    // A list may end after each step, and nowhere else.
    let first = step(&nowhere(), &plain(b"user", 1)).len();
    for cut in (0..body.len()).filter(|cut| *cut != first) {
        assert!(Destinations::read(&body[..cut]).is_err(), "cut at {cut}");
    }
    assert!(Destinations::read(&[&body[..], &[0]].concat()).is_err());
}

#[test]
fn what_is_not_clear_refuses() {
    let to = plain(b"", 1);
    for bad in [
        // Nothing at all, and no destination.
        vec![],
        step(&nowhere(), &nowhere()),
        step(&nowhere(), &host(b"", b"host", &[])),
        step(&nowhere(), &host(b"", b"", &[(blob(1), 0)])),
        // Half of a place to come from, and a user there.
        step(&host(b"", b"host", &[]), &to),
        step(&host(b"", b"", &[(blob(1), 0)]), &to),
        step(&host(b"user", b"", &[]), &to),
        step(&plain(b"user", 2), &to),
        // What is no key.
        step(&nowhere(), &host(b"", b"host", &[(b"key".to_vec(), 0)])),
        step(&nowhere(), &host(b"", b"host", &[(blob(1), 0), (strings(&[b"ssh-new", b"x"]), 0)])),
        step(&host(b"", b"host", &[(vec![], 0)]), &to),
        // Zero bytes.
        step(&nowhere(), &host(b"us\0er", b"host", &[(blob(1), 0)])),
        step(&nowhere(), &host(b"", b"ho\0st", &[(blob(1), 0)])),
        // A pattern that is too long.
        step(&nowhere(), &host(&[b'u'; 257], b"host", &[(blob(1), 0)])),
        // Something for later versions.
        strings(&[&strings(&[&nowhere(), &to, b"x"])]),
        strings(&[&strings(&[&nowhere(), &to, b"", b""])]),
        strings(&[&strings(&[
            &nowhere(),
            &[strings(&[b"", b"host", b"x", &blob(1)]), vec![0]].concat(),
            b"",
        ])]),
    ] {
        assert!(Destinations::read(&bad).is_err(), "{}", bad.escape_ascii());
        assert!(
            Destinations::read(&[step(&nowhere(), &to), bad.clone()].concat()).is_err() || bad.is_empty()
        );
    }
    for good in [
        step(&nowhere(), &host(&[b'u'; 256], b"host", &[(blob(1), 0)])),
        step(&nowhere(), &host(b"user\0", b"host\0", &[(blob(1), 7)])),
    ] {
        assert!(Destinations::read(&good).is_ok(), "{}", good.escape_ascii());
    }
}

#[test]
fn a_key_has_so_many_steps_and_no_more() {
    let one = step(&nowhere(), &plain(b"", 1));
    assert!(Destinations::read(&one.repeat(MOST_STEPS)).is_ok());
    assert!(Destinations::read(&one.repeat(MOST_STEPS + 1)).is_err());
}
