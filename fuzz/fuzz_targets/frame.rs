//! See tests/seeds/frame.rs.
#![no_main]

#[path = "../../tests/seeds/frame.rs"]
mod frame;
#[path = "../../tests/seeds/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| frame::check(input));
