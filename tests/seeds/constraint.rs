//! Constraints. The first byte says which of three: any bytes as a list of them, which gives itself back; a pattern,
//! held against the plainest matcher there is; or a key that is bound to destinations, on the way of a connection,
//! where the agent's verdict on each hop is that of a second hand.

use crate::ways::{fits, on_a_way};
use myagent::agent::{Destinations, list_matches, matches};
use myagent::key::{Certificate, is_public_key};
use myagent::message::{Constraint, Reader, is_certificate, number};

fn list(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let Ok(constraints) = Constraint::decode_all(&mut reader) else { return };
    assert!(reader.is_empty() && constraints.len() <= 5);
    let mut again = Vec::new();
    for constraint in &constraints {
        let first = bytes[again.len()];
        assert!(
            [number::CONSTRAIN_LIFETIME, number::CONSTRAIN_CONFIRM, number::CONSTRAIN_EXTENSION]
                .contains(&first)
        );
        constraint.encode(&mut again);
        if let Constraint::Destinations(body) = constraint {
            destinations(body);
        }
    }
    assert_eq!(again, bytes);
    for constraint in &constraints {
        let mut twice = again.clone();
        constraint.encode(&mut twice);
        assert!(Constraint::decode_all(&mut Reader::new(&twice)).is_err());
    }
    let unknown = [bytes, &[bytes.len().to_le_bytes()[0] & 0xfc | 3]].concat();
    assert!(Constraint::decode_all(&mut Reader::new(&unknown)).is_err());
}

/// A list of destinations is kept as it came, to its last byte; and each key in it is one.
fn destinations(body: &[u8]) {
    let Ok(read) = Destinations::read(body) else { return };
    assert!(!body.is_empty() && *read.as_bytes() == *body);
    assert!(Destinations::read(&[body, &[0]].concat()).is_err());
    assert!(Destinations::read(&body[..body.len() - 1]).is_err());
    let (mut steps, mut count) = (Reader::new(body), 0);
    while let Ok(step) = steps.string() {
        count += 1;
        let mut step = Reader::new(step);
        let (from, to, rest) = (step.string(), step.string(), step.string());
        assert!(rest == Ok(b"") && step.is_empty());
        for (host, wanted) in [(from, false), (to, true)] {
            let mut host = Reader::new(host.expect("a host"));
            let (user, name, rest) = (host.string(), host.string(), host.string());
            assert!(rest == Ok(b"") && user.is_ok_and(|user| wanted && user.len() <= 257 || user.len() <= 1));
            assert!(name.is_ok_and(|name| !wanted || !name.is_empty()) && (!wanted || !host.is_empty()));
            while let Ok(key) = host.string() {
                host.u8().expect("a byte for each key");
                let certified = Reader::new(key).string().is_ok_and(is_certificate);
                assert!(is_public_key(key) && certified == Certificate::read(key).is_ok());
            }
            assert!(host.is_empty());
        }
    }
    assert!((1..=1024).contains(&count));
}

fn pattern(mut input: Reader<'_>) {
    /// Longer ones say nothing new, and the plain matcher takes its time.
    const MOST: usize = 16;
    let Ok(pattern) = input.string() else { return };
    let text = input.rest();
    if pattern.len() > MOST || text.len() > MOST {
        matches(pattern, text);
        return;
    }
    assert_eq!(matches(pattern, text), fits(pattern, text));
    let Ok(patterns) = std::str::from_utf8(pattern) else { return };
    let one = |pattern: &str| fits(pattern.as_bytes(), text);
    let denied = patterns.split(',').filter_map(|pattern| pattern.strip_prefix('!')).any(one);
    let found = patterns.split(',').filter(|pattern| !pattern.starts_with('!')).any(one);
    assert_eq!(list_matches(patterns, text), found && !denied);
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let mut input = Reader::new(input);
    match input.u8() {
        Ok(0) => list(input.rest()),
        Ok(1) => pattern(input),
        Ok(2) => {
            on_a_way(&mut input);
        }
        Ok(3) => destinations(input.rest()),
        _ => {}
    }
}
