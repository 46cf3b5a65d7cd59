//! Lists of destinations as they come out of a generator, right and wrong: both agents accept the same ones.
//!
//! What ours refuses on purpose is told by a rule from the bytes, never case by case.

use crate::compare::version;
use crate::given::{Keys, given};
use crate::sides::Side;
use crate::support::Scratch;
use crate::wire::{self, Body, Conn, add_constrained, constraint_extension};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;

/// Some seconds of it; more, by another seed, with `MYAGENT_PARITY_CASES` and `MYAGENT_PARITY_SEED`.
const CASES: u32 = 1500;

/// The same cases each time.
const SEED: u8 = 42;

/// From the environment, or as it always is.
fn number<T: std::str::FromStr>(name: &str, usual: T) -> T {
    std::env::var(name).map_or(usual, |text| text.parse().ok().expect("a number"))
}

/// So many cases, the same ones each time, and what runs them.
pub(crate) fn runner(usual: u32) -> (u32, TestRunner) {
    let cases = number("MYAGENT_PARITY_CASES", usual);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let seed = [number("MYAGENT_PARITY_SEED", SEED); 32];
    (cases, TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed)))
}

/// Keys and certificates of each kind.
fn right_key(keys: &'static Keys) -> impl Strategy<Value = Vec<u8>> {
    let pairs = keys.plain.iter().chain(&keys.certified).map(|(_, key)| key.blob.clone());
    select(pairs.chain(keys.host_certified.iter().map(|(_, blob)| blob.clone())).collect::<Vec<_>>())
}

/// What may happen to bytes: where, what of it, and by how much.
pub(crate) type Wear = (prop::sample::Index, u8, u8);

/// Mostly nothing.
pub(crate) fn wear() -> impl Strategy<Value = Wear> {
    (any::<prop::sample::Index>(), 0..12_u8, 1..=255_u8)
}

/// Cuts, lengthens, or changes bytes in one place; or leaves them.
pub(crate) fn wear_out(mut bytes: Vec<u8>, (at, fate, by): Wear) -> Vec<u8> {
    match fate {
        1 => bytes.push(by),
        _ if bytes.is_empty() => {}
        0 => bytes.truncate(at.index(bytes.len())),
        2 => {
            let place = at.index(bytes.len());
            bytes[place] ^= by;
        }
        _ => {}
    }
    bytes
}

fn worn(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (bytes, wear()).prop_map(|(bytes, wear)| wear_out(bytes, wear))
}

fn key(keys: &'static Keys) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => right_key(keys),
        3 => worn(right_key(keys)),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(Body::default().string(b"ssh-unknown").string(b"key").0),
    ]
}

/// A user or a host's name, which may be none.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let long = |length| Just(vec![b'u'; length]);
    prop_oneof![
        30 => select(vec![b"host".to_vec(), b"us?r*".to_vec(), b"h\xff".to_vec()]),
        3 => select(vec![b"\0".to_vec(), b"host\0".to_vec(), b"ho\0st".to_vec(), b"host\0\0".to_vec()]),
        1 => prop_oneof![long(256), long(257), long(300)],
    ]
}

/// Nothing, and something every so often.
fn seldom() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![40 => Just(Vec::new()), 1 => prop::collection::vec(any::<u8>(), 1..5)]
}

fn host(keys: &'static Keys, user: bool) -> impl Strategy<Value = Vec<u8>> {
    let user = if user { prop_oneof![Just(vec![]), name()].boxed() } else { seldom().boxed() };
    let keys = prop::collection::vec((key(keys), prop_oneof![0..=1_u8, any::<u8>()]), 1..4);
    let whole = (user, prop_oneof![20 => name(), 1 => Just(vec![])], seldom(), keys);
    whole.prop_map(|(user, name, extension, keys)| {
        let head = Body::default().string(&user).string(&name).string(&extension);
        keys.iter().fold(head, |body, (key, authority)| body.string(key).u8(*authority)).0
    })
}

fn step(keys: &'static Keys) -> impl Strategy<Value = Vec<u8>> {
    let nowhere = Just(wire::host(b"", b"", &[]));
    let from = prop_oneof![3 => nowhere, 2 => host(keys, false)];
    (from, host(keys, true), seldom(), seldom()).prop_map(|(from, to, extension, more)| {
        let inner = Body::default().string(&from).string(&to).string(&extension).raw(&more).0;
        Body::default().string(&inner).0
    })
}

fn list(keys: &'static Keys) -> impl Strategy<Value = Vec<u8>> {
    let steps = prop::collection::vec(step(keys), 1..4).prop_map(|steps| steps.concat()).boxed();
    prop_oneof![40 => steps.clone(), 10 => worn(steps), 1 => Just(Vec::new())]
}

/// Reads a string; none where the bytes end before it does.
fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (string, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *bytes = rest;
    Some(string)
}

/// Whether ours refuses the list though OpenSSH may not: it names no destination, a step goes on after its end, or
/// the pattern of its users is longer than 10.4 allows.
fn is_refused_on_purpose(mut list: &[u8]) -> bool {
    let mut refused = list.is_empty();
    while let Some(mut step) = string(&mut list) {
        let (_from, to, _extension) = (string(&mut step), string(&mut step), string(&mut step));
        let user = to.and_then(|mut to| string(&mut to)).unwrap_or_default();
        let user = user.strip_suffix(&[0]).unwrap_or(user);
        refused |= !step.is_empty() || (user.len() > 256 && version() < (10, 4));
    }
    refused
}

#[test]
fn both_accept_the_same_lists() {
    let (theirs, ours, keys) = (Scratch::new(), Scratch::new(), given());
    let (their_agent, our_agent) = (Side::Openssh.start(&theirs), Side::ours().start(&ours));
    let connect = |agent: &crate::support::Agent| RefCell::new(Conn::open(&agent.socket).unwrap());
    let (their_conn, our_conn) = (connect(&their_agent), connect(&our_agent));
    let counts = RefCell::new([0; 3]);
    let (cases, mut runner) = runner(CASES);
    let verdict = runner.run(&list(keys), |list| {
        let constraint =
            constraint_extension(b"restrict-destination-v00@openssh.com", &Body::default().string(&list).0);
        let message = add_constrained(&keys.ed25519().private, b"mine", &[&constraint]);
        let ask = |conn: &RefCell<Conn>| conn.borrow_mut().ask(&message).expect("an answer");
        let (theirs, ours) = (ask(&their_conn), ask(&our_conn));
        let on_purpose = Side::ours() == Side::Ours && is_refused_on_purpose(&list);
        let expected = if on_purpose { vec![wire::FAILURE] } else { theirs.clone() };
        prop_assert_eq!(ours, expected, "OpenSSH: {:?}", theirs);
        counts.borrow_mut()[if on_purpose { 2 } else { usize::from(theirs == [wire::SUCCESS]) }] += 1;
        Ok(())
    });
    assert!(verdict.is_ok(), "{}", verdict.unwrap_err());
    // A generator that makes one kind alone would show nothing.
    let [refused, accepted, on_purpose] = *counts.borrow();
    eprintln!("{accepted} lists accepted, {refused} refused, {on_purpose} by ours on purpose");
    assert!(refused > cases / 10 && accepted > cases / 10, "{refused} refused, {accepted} accepted");
}
