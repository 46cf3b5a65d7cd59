//! See tests/seeds/request.rs.
#![no_main]

#[path = "../../tests/seeds/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|input: &[u8]| request::check(input));
