//! See tests/seeds/verify.rs.
#![no_main]

#[path = "../../tests/seeds/verify.rs"]
mod verify;

libfuzzer_sys::fuzz_target!(|input: &[u8]| verify::check(input));
