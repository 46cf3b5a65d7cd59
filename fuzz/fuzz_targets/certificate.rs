//! See tests/seeds/certificate.rs.
#![no_main]

#[path = "../../tests/seeds/certificate.rs"]
mod certificate;
#[path = "../../tests/seeds/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| certificate::check(input));
