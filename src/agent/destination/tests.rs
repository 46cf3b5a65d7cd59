//! Ways with hosts that sign their sessions here, held against a key's steps.

use super::*;
use crate::agent::Session;
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

/// What a certificate says; each test changes what it is about.
struct Says {
    kind: u32,
    principals: Vec<&'static [u8]>,
    valid: std::ops::Range<u64>,
    critical: Vec<u8>,
}

impl Default for Says {
    fn default() -> Self {
        let valid = NOW - 1..NOW + 1;
        Self { kind: 2, principals: vec![b"host"], valid, critical: vec![] }
    }
}

/// A certificate for the host key of `seed` by an authority.
fn certificate(seed: u8, authority: u8, says: &Says) -> Vec<u8> {
    let public = pair(seed);
    let mut blob = strings(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", public.public_key().as_ref()]);
    blob.extend([0; 8]);
    blob.extend(says.kind.to_be_bytes());
    blob.extend(strings(&[b"id", &strings(&says.principals)]));
    blob.extend(says.valid.start.to_be_bytes());
    blob.extend(says.valid.end.to_be_bytes());
    blob.extend(strings(&[&says.critical, b"", b"", &self::blob(authority)]));
    let signature = signature(authority, &blob);
    blob.extend(strings(&[&signature]));
    blob
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
    session.bind(&body).unwrap();
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

#[test]
fn unbound_a_key_is_seen_and_not_used() {
    let (chain, session) = (chain(), session());
    assert!(chain.show_to(&session));
    assert!(!permits(&chain, &session, &login(b"one", b"user", None)));
}

#[test]
fn the_first_hop() {
    let (chain, session) = (chain(), bound(&[(1, b"one", false)]));
    assert!(permits(&chain, &session, &login(b"one", b"user", None)));
    assert!(permits(&chain, &session, &login(b"one", b"usar", Some(&blob(1)))));
    assert!(!permits(&chain, &session, &login(b"one", b"root", None)));
    assert!(!permits(&chain, &session, &login(b"one", b"", None)));
    assert!(!permits(&chain, &session, &login(b"two", b"user", None)));
    assert!(!permits(&chain, &session, &login(b"one", b"user", Some(&blob(2)))));
    for unlike in [&b""[..], b"SSHSIG", &login(b"one", b"user", None)[1..]] {
        assert!(!permits(&chain, &session, unlike));
    }
    // A login by another key.
    assert!(chain.permit(&session, &blob(1), &login(b"one", b"user", None)).is_err());
}

#[test]
fn further_hops() {
    let (chain, one, two) = (chain(), &(1, &b"one"[..], true), &(2, &b"two"[..], true));
    let session = bound(&[*one, (2, b"two", false)]);
    assert!(permits(&chain, &session, &login(b"two", b"anybody", Some(&blob(2)))));
    // Over another host the login must say where it goes.
    assert!(!permits(&chain, &session, &login(b"two", b"anybody", None)));
    assert!(!permits(&chain, &session, &login(b"two", b"anybody", Some(&blob(1)))));
    assert!(!permits(&chain, &session, &login(b"one", b"user", Some(&blob(1)))));
    let session = bound(&[*one, *two, (3, b"three", false)]);
    assert!(permits(&chain, &session, &login(b"three", b"root", Some(&blob(3)))));
    assert!(!permits(&chain, &session, &login(b"three", b"user", Some(&blob(3)))));
}

#[test]
fn ways_that_are_not_the_keys() {
    let chain = chain();
    for way in [
        // Straight to the second and third, back, in another order, and by way of a stranger.
        &[(2, &b"x"[..], false)][..],
        &[(3, b"x", false)],
        &[(9, b"x", false)],
        &[(1, b"one", true), (1, b"x", false)],
        &[(1, b"one", true), (3, b"x", false)],
        &[(2, b"two", true), (1, b"x", false)],
        &[(1, b"one", true), (9, b"nine", true), (2, b"x", false)],
        &[(9, b"nine", true), (1, b"x", false)],
    ] {
        let (session, last) = (bound(way), way.last().unwrap().0);
        assert!(!chain.show_to(&session));
        for user in [&b"user"[..], b"root"] {
            assert!(!permits(&chain, &session, &login(b"x", user, Some(&blob(last)))));
            assert!(!permits(&chain, &session, &login(b"x", user, None)));
        }
    }
}

/// A bind for forwarding shows a key where it may be used further on, and signs nothing itself.
#[test]
fn at_the_end_of_a_forwarding() {
    let chain = chain();
    for (way, shown) in [
        (&[(1, &b"one"[..], true)][..], true),
        (&[(1, b"one", true), (2, b"two", true)], true),
        // Host 3 may be logged in to, and that is all.
        (&[(1, b"one", true), (2, b"two", true), (3, b"three", true)], false),
        (&[(2, b"two", true)], false),
    ] {
        let (session, &(last, id, _)) = (bound(way), way.last().unwrap());
        assert_eq!(chain.show_to(&session), shown, "{way:?}");
        assert!(!permits(&chain, &session, &login(id, b"user", Some(&blob(last)))));
        assert!(!permits(&chain, &session, &login(id, b"root", Some(&blob(last)))));
    }
}

/// Of any number of binds, one that failed bars the key for ever.
#[test]
fn once_a_bind_has_failed() {
    let chain = chain();
    let mut session = bound(&[(1, b"one", false)]);
    assert!(permits(&chain, &session, &login(b"one", b"user", None)));
    let replayed = [strings(&[&blob(1), b"one", &signature(1, b"one")]), vec![0]].concat();
    assert!(session.bind(&replayed).is_err());
    assert!(!chain.show_to(&session));
    assert!(!permits(&chain, &session, &login(b"one", b"user", None)));
    // Before any right one.
    let mut session = self::session();
    assert!(session.bind(&[strings(&[&blob(1), b"one", &signature(2, b"one")]), vec![0]].concat()).is_err());
    assert!(!chain.show_to(&session));
    bind(&mut session, &blob(1), 1, b"one", false);
    assert!(!permits(&chain, &session, &login(b"one", b"user", None)));
}

/// What another host has signed, or the same host for another session, binds to nothing.
#[test]
fn a_bind_cannot_be_taken_elsewhere() {
    let mut session = session();
    let signed = signature(1, b"one");
    for (key, id) in [(blob(1), b"two"), (blob(2), b"one")] {
        assert!(session.bind(&[strings(&[&key, id, &signed]), vec![1]].concat()).is_err());
    }
    assert!(session.is_forwarded() && session.is_remote());
}

fn by_authority() -> Destinations {
    destinations(&[
        step(&nowhere(), &host(b"", b"host", &[(blob(50), 1)])),
        step(&host(b"", b"host", &[(blob(50), 1)]), &plain(b"", 2)),
    ])
}

/// Whether a host with this certificate is a hop of [`by_authority`], as the end and on the way.
fn is_hop(key: &[u8], now: Option<WallTime>) -> bool {
    let destinations = by_authority();
    let mut end = Session::new("end".into());
    now.into_iter().for_each(|now| end.set_time(now));
    bind(&mut end, key, 1, b"one", false);
    let mut way = Session::new("way".into());
    now.into_iter().for_each(|now| way.set_time(now));
    bind(&mut way, key, 1, b"one", true);
    bind(&mut way, &blob(2), 2, b"two", false);
    let at_end = permits(&destinations, &end, &login(b"one", b"user", Some(key)));
    assert_eq!(at_end, permits(&destinations, &way, &login(b"two", b"user", Some(&blob(2)))));
    at_end
}

#[test]
fn hosts_with_certificates() {
    let now = Some(WallTime(NOW));
    let says = |change: fn(&mut Says)| {
        let mut says = Says::default();
        change(&mut says);
        certificate(1, 50, &says)
    };
    for good in [
        says(|_| {}),
        says(|says| says.principals = vec![b"other", b"host"]),
        says(|says| says.principals = vec![b"h*t"]),
        says(|says| says.valid = 0..u64::MAX),
    ] {
        assert!(is_hop(&good, now));
    }
    for bad in [
        certificate(1, 51, &Says::default()),
        says(|says| says.kind = 1),
        says(|says| says.principals = vec![]),
        says(|says| says.principals = vec![b"other"]),
        says(|says| says.valid = NOW + 1..NOW + 2),
        says(|says| says.valid = NOW - 2..NOW),
        says(|says| says.critical = strings(&[b"option", b""])),
    ] {
        assert!(!is_hop(&bad, now), "{}", bad.escape_ascii());
    }
    assert!(!is_hop(&blob(1), now));
    assert!(!is_hop(&says(|_| {}), None));
    assert!(!is_hop(&says(|_| {}), Some(WallTime(u64::MAX))));
}

/// An authority's key is not a host's, nor a host's key an authority's.
#[test]
fn authorities_and_hosts_are_not_mistaken() {
    let destinations = by_authority();
    let session = bound(&[(50, b"one", false)]);
    assert!(!permits(&destinations, &session, &login(b"one", b"user", None)));
    let destinations = self::destinations(&[step(&nowhere(), &plain(b"", 50))]);
    let mut session = self::session();
    bind(&mut session, &certificate(1, 50, &Says::default()), 1, b"one", false);
    assert!(!permits(&destinations, &session, &login(b"one", b"user", None)));
}

/// Names that nobody has are not compared: that takes time.
#[test]
fn endless_names_fit_nothing() {
    let destinations = destinations(&[step(&nowhere(), &plain(b"*", 1))]);
    let session = bound(&[(1, b"one", false)]);
    assert!(permits(&destinations, &session, &login(b"one", &[b'u'; MOST_NAME], None)));
    assert!(!permits(&destinations, &session, &login(b"one", &[b'u'; MOST_NAME + 1], None)));
}
