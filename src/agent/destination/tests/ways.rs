//! Ways with hosts, held against a key's steps.

use super::*;

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
        &[(2, b"two", true), (3, b"x", false)],
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
    assert!(session.bind(Binding::read(&replayed)).is_err());
    assert!(!chain.show_to(&session));
    assert!(!permits(&chain, &session, &login(b"one", b"user", None)));
    // Before any right one.
    let mut session = self::session();
    assert!(
        session
            .bind(Binding::read(&[strings(&[&blob(1), b"one", &signature(2, b"one")]), vec![0]].concat()))
            .is_err()
    );
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
        assert!(session.bind(Binding::read(&[strings(&[&key, id, &signed]), vec![1]].concat())).is_err());
    }
    assert!(session.is_forwarded() && session.is_remote());
}

/// Names that nobody has are not compared: that takes time.
#[test]
fn endless_names_fit_nothing() {
    let destinations = destinations(&[step(&nowhere(), &plain(b"*", 1))]);
    let session = bound(&[(1, b"one", false)]);
    assert!(permits(&destinations, &session, &login(b"one", &[b'u'; MOST_NAME], None)));
    assert!(!permits(&destinations, &session, &login(b"one", &[b'u'; MOST_NAME + 1], None)));
}
