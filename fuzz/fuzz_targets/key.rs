//! See tests/seeds/key.rs.
#![no_main]

#[path = "../../tests/seeds/key.rs"]
mod key;
#[path = "../../tests/seeds/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| key::check(input));
