//! See tests/seeds/program.rs.
#![no_main]

#[path = "../../tests/seeds/program.rs"]
mod program;

libfuzzer_sys::fuzz_target!(|input: &[u8]| program::check(input));
