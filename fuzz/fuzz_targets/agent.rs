//! See tests/seeds/agent.rs.
#![no_main]

#[path = "../../tests/seeds/agent.rs"]
mod agent;

libfuzzer_sys::fuzz_target!(|input: &[u8]| agent::check(input));
