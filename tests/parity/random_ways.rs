//! Keys with random destinations on random ways: both agents show and use them alike.

use crate::given::given;
use crate::keys::Key;
use crate::random::{Wear, runner, wear, wear_out};
use crate::sides::Side;
use crate::support::{Agent, Scratch};
use crate::wire::{self, Conn, add_constrained, destinations, host, login, session_bind, step};
use proptest::prelude::*;

/// Some seconds of it.
const CASES: u32 = 800;

/// The last one's key is certified.
const HOSTS: usize = 4;

const SESSIONS: [&[u8]; 4] = [b"one", b"two", b"three", b"four"];
const USERS: [&[u8]; 4] = [b"", b"user", b"us*", b"root"];

#[derive(Clone, Debug)]
struct Case {
    /// From host, or from here; to host; user.
    steps: Vec<(Option<usize>, usize, usize)>,
    /// Host and forwarding, each by the session of its place.
    way: Vec<(usize, bool)>,
    /// Session and host of the login, counted from the way's end; user.
    session: usize,
    host: Option<usize>,
    user: usize,
    /// What happens to its bytes.
    wear: Wear,
}

fn case() -> impl Strategy<Value = Case> {
    let step = || (prop::option::of(0..HOSTS), 0..HOSTS, 0..USERS.len());
    let forwarding = |(hosts, odd): (Vec<usize>, usize)| -> Vec<(usize, bool)> {
        // Forwarding up to the last hop, with an exception every so often.
        let last = hosts.len() - 1;
        hosts.into_iter().enumerate().map(|(at, host)| (host, (at == last) == (at == odd))).collect()
    };
    let way = (prop::collection::vec(0..HOSTS, 1..4), 0..9_usize).prop_map(forwarding);
    // Each hop of the way is mostly permitted.
    let permitted = prop::collection::vec(prop::option::weighted(0.9, 0..USERS.len()), 3);
    let steps = (permitted, prop::collection::vec(step(), 1..3));
    let session = prop_oneof![10 => Just(0), 1 => 1..3_usize];
    let host = prop_oneof![10 => Just(Some(0)), 1 => Just(Some(1)), 4 => Just(None)];
    (steps, way, session, host, 0..USERS.len(), wear()).prop_map(
        |((permitted, mut steps), way, session, host, user, wear)| {
            let before = |at: usize| at.checked_sub(1).map(|before: usize| way[before].0);
            let hops = way.iter().zip(permitted).enumerate();
            steps.extend(hops.filter_map(|(at, (hop, user))| Some((before(at), hop.0, user?))));
            Case { steps, way, session, host, user, wear }
        },
    )
}

/// A host: what it is bound by, what a list of destinations has of it, and its signature of each session.
struct Host {
    blob: Vec<u8>,
    listed: (Vec<u8>, u8),
    signatures: Vec<Vec<u8>>,
}

fn hosts(agent: &Agent) -> Vec<Host> {
    let keys = given();
    let plain = |key: &Key| (key.clone(), key.blob.clone(), (key.blob.clone(), 0));
    let certified = (keys.host.clone(), keys.host_certified[0].1.clone(), (keys.authority.blob.clone(), 1));
    let mut conn = Conn::open(&agent.socket).unwrap();
    let make = |(key, blob, listed): (Key, Vec<u8>, (Vec<u8>, u8))| {
        conn.expect(&wire::add(&key.private, b"host"), wire::SUCCESS);
        let mut sign =
            |session: &&[u8]| wire::signature(&conn.ask(&wire::sign(&key.blob, session, 0)).unwrap());
        let signatures = SESSIONS.iter().map(&mut sign).collect();
        conn.expect(&wire::remove(&key.blob), wire::SUCCESS);
        Host { blob, listed, signatures }
    };
    [plain(&keys.host), plain(&keys.other_host), plain(&keys.other), certified]
        .into_iter()
        .map(make)
        .collect()
}

/// What one agent answers: to the binds, to a list, and to a signature.
fn answers(agent: &Agent, hosts: &[Host], case: &Case) -> (Vec<Vec<u8>>, Vec<u8>, Vec<u8>) {
    let named = |at: usize, user: usize| {
        let (key, authority) = &hosts[at].listed;
        host(USERS[user], b"host.example", &[(key, *authority)])
    };
    let from = |at: Option<usize>| at.map_or_else(|| host(b"", b"", &[]), |at| named(at, 0));
    let steps: Vec<_> =
        case.steps.iter().map(|&(before, to, user)| step(&from(before), &named(to, user))).collect();
    let key = given().ed25519();
    let mut local = Conn::open(&agent.socket).unwrap();
    local.expect(&add_constrained(&key.private, b"mine", &[&destinations(&steps)]), wire::SUCCESS);
    let mut conn = Conn::open(&agent.socket).unwrap();
    let bind = |(at, &(number, forwarding)): (usize, &(usize, bool))| {
        let Host { blob, signatures, .. } = &hosts[number];
        conn.ask(&session_bind(blob, SESSIONS[at], &signatures[at], forwarding)).unwrap()
    };
    let binds = case.way.iter().enumerate().map(bind).collect();
    let list = conn.ask(&wire::list()).unwrap();
    let from_end = |back: usize| (case.way.len() - 1).checked_sub(back);
    let session = from_end(case.session).map_or(SESSIONS[3], |at| SESSIONS[at]);
    let host_key = case.host.and_then(from_end).map(|at| &hosts[case.way[at].0].blob[..]);
    let data = wear_out(login(session, USERS[case.user], &key.blob, host_key), case.wear);
    let signed = conn.ask(&wire::sign(&key.blob, &data, 0)).unwrap();
    (binds, list, signed)
}

#[test]
fn both_see_the_same_ways() {
    let (theirs, ours) = (Scratch::new(), Scratch::new());
    let (their_agent, our_agent) = (Side::Openssh.start(&theirs), Side::ours().start(&ours));
    let hosts = hosts(&their_agent);
    let (cases, mut runner) = runner(CASES);
    let counts = std::cell::RefCell::new([0; 4]);
    let verdict = runner.run(&case(), |case| {
        let (their_binds, their_list, their_signature) = answers(&their_agent, &hosts, &case);
        let (our_binds, our_list, our_signature) = answers(&our_agent, &hosts, &case);
        let right = |binds: &[Vec<u8>]| binds.iter().map(|bind| bind == &[wire::SUCCESS]).collect::<Vec<_>>();
        prop_assert_eq!(right(&their_binds), right(&our_binds));
        if Side::ours() == Side::Ours && right(&their_binds).contains(&false) {
            // Ours takes a bind that failed for the end of such a key's use.
            prop_assert_eq!(wire::identities(&our_list).len(), 0);
            prop_assert_eq!(our_signature, [wire::FAILURE]);
            counts.borrow_mut()[0] += 1;
            return Ok(());
        }
        counts.borrow_mut()[match (&their_signature[..], wire::identities(&their_list).len()) {
            ([wire::FAILURE], 0) => 1,
            ([wire::FAILURE], _) => 2,
            _ => 3,
        }] += 1;
        prop_assert_eq!(their_list, our_list);
        prop_assert_eq!(their_signature, our_signature);
        Ok(())
    });
    assert!(verdict.is_ok(), "{}", verdict.unwrap_err());
    let [failed, hidden, seen, used] = *counts.borrow();
    eprintln!("{failed} with a failed bind, {hidden} hidden, {seen} seen and refused, {used} used");
    assert!([hidden, seen, used].iter().all(|count| *count > cases / 50), "one verdict alone is judged");
}
