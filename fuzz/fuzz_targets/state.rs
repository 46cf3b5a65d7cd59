//! See tests/seeds/state.rs.
#![no_main]

#[path = "../../tests/seeds/state.rs"]
mod state;
#[path = "../../tests/seeds/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| state::check(input));
