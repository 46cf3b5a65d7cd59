//! See tests/seeds/keyfile.rs.
#![no_main]

#[path = "../../tests/seeds/keyfile.rs"]
mod keyfile;
#[path = "../../tests/seeds/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyfile::check(input));
