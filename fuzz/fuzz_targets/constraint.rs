//! See tests/seeds/constraint.rs.
#![no_main]

#[path = "../../tests/seeds/constraint.rs"]
mod constraint;
#[path = "../../tests/seeds/ways.rs"]
mod ways;
#[path = "../../tests/seeds/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| constraint::check(input));
