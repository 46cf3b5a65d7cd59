//! Parity: each scenario is played to OpenSSH's ssh-agent and to ours, and the answers are compared.
//!
//! A scenario is a function of a [`Talk`](harness::Talk); every answer that it asks for is a named step. Each
//! scenario is a test of its own name. What may differ stands in `differences.rs`, nowhere else. To add one,
//! write it into a `scenarios!` block; a new file is named below twice.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/sides.rs"]
mod sides;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod compare;
mod differences;
mod given;
mod harness;

/// Makes a test of each scenario, and the list of their names.
macro_rules! scenarios {
    ($($(#[$meta:meta])* fn $name:ident($talk:ident) $body:block)*) => {
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] $(#[$meta])* fn $name() {
            crate::compare::compare(stringify!($name), |$talk: &mut crate::harness::Talk<'_>| $body);
        })*
    };
}

mod adding;
mod clients;
mod constraints;
mod destinations;
mod extensions;
mod fido;
mod frames;
mod hosts;
mod identities;
mod locking;
mod malformed;
mod random;
mod random_ways;
mod remote;
mod ways;

const SCENARIOS: &[&[&str]] = &[
    adding::NAMES,
    clients::NAMES,
    constraints::NAMES,
    destinations::NAMES,
    extensions::NAMES,
    fido::NAMES,
    frames::NAMES,
    hosts::NAMES,
    identities::NAMES,
    locking::NAMES,
    malformed::NAMES,
    remote::NAMES,
    ways::NAMES,
];

/// The table speaks only of scenarios that exist, each of one name, and says each thing once.
#[test]
fn table_matches_scenarios() {
    let mut names: Vec<&str> = SCENARIOS.concat();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two scenarios of one name");
    for (at, row) in differences::TABLE.iter().enumerate() {
        assert!(names.contains(&row.scenario), "no scenario {}", row.scenario);
        let same = |other: &differences::Difference| other.scenario == row.scenario && other.step == row.step;
        assert!(!differences::TABLE[..at].iter().any(same), "{}, {}: listed twice", row.scenario, row.step);
    }
}

/// What stays different is in the README's table, and nothing there speaks of what is not.
#[test]
fn the_readme_names_every_difference_that_stays() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines = readme.lines().skip_while(|line| *line != "<!-- table: differences -->").skip(1);
    let table: Vec<&str> = lines.take_while(|line| line.starts_with('|')).collect();
    for row in differences::TABLE.iter().filter(|row| row.stays()) {
        let named = differences::README.iter().find(|(reason, _)| *reason == row.reason);
        let (_, begins) = named.unwrap_or_else(|| panic!("no row of the README for: {}", row.reason));
        assert!(table.iter().any(|line| line.starts_with(begins)), "not in the README: {begins}");
    }
    for (reason, begins) in differences::README {
        let used = differences::TABLE.iter().any(|row| row.stays() && row.reason == *reason);
        assert!(used, "no difference any more: {begins}");
    }
}
