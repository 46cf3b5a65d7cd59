//! See tests/seeds/signed.rs.
#![no_main]

#[path = "../../tests/seeds/signed.rs"]
mod signed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| signed::check(input));
