//! The fuzzer's checks, on its seeds: what is read from outside, held against a second hand. What the fuzzer finds
//! is put to the seeds, and from then on is a test of every run. The same files are the targets in fuzz/.
//!
//! On other systems than Linux all but what a token's process says and what an agent hands over.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

mod agent;
mod certificate;
mod constraint;
mod frame;
mod key;
mod keyfile;
#[cfg(target_os = "linux")]
mod program;
mod request;
mod signed;
#[cfg(target_os = "linux")]
mod state;
mod verify;
mod ways;
mod world;

use std::panic::catch_unwind;
use std::path::Path;

/// Each of so many first bytes of a seed is also changed a little: a length or a type is one off.
const BESIDE: usize = 64;

/// Every seed of one target; the failure names the file.
fn all(target: &str, beside: usize, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    // An empty directory would say nothing.
    assert!(files.len() >= 4, "{}", directory.display());
    for file in files {
        let seed = std::fs::read(&file).unwrap();
        assert!(catch_unwind(|| check(&seed)).is_ok(), "{}", file.display());
        // The fuzzer's own finds are beside something already: it names them by their hash.
        let found = file.file_name().is_some_and(|name| name.len() == 2 * 20);
        for at in 0..if found { 0 } else { seed.len().min(beside) } {
            let mut beside = seed.clone();
            beside[at] ^= 1;
            assert!(catch_unwind(|| check(&beside)).is_ok(), "{}, byte {at} changed", file.display());
        }
    }
}

/// A form that has changed needs its seeds made anew (fuzz/derive-seeds): else they are all refused, and say nothing.
#[test]
#[cfg(target_os = "linux")]
fn the_seeds_are_of_the_forms_of_today() {
    let seed = |name: &str| {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name)).unwrap()
    };
    for name in ["state/head", "state/head-provider"] {
        assert!(state::is_head(&seed(name)[1..]), "{name}");
    }
    for name in ["program/answer-keys", "program/answer-two-keys"] {
        assert!(myagent::token::Answer::decode(&seed(name)[1..]).is_ok(), "{name}");
    }
    assert_eq!(myagent::token::version_of(&seed("program/greeting")[1..]), Ok(myagent::token::VERSION));
}

#[test]
fn a_request_gives_itself_back() {
    all("request", BESIDE, request::check);
}

#[test]
fn the_agent_keeps_its_word_in_every_state() {
    // Its seeds say what is changed; and passwords take their time.
    all("agent", 0, agent::check);
}

#[test]
fn constraints_are_what_a_second_hand_reads() {
    all("constraint", BESIDE, constraint::check);
}

#[test]
fn what_is_to_be_signed_has_one_reading() {
    all("signed", BESIDE, signed::check);
}

#[test]
fn certificates_say_what_their_authority_said() {
    all("certificate", BESIDE, certificate::check);
}

#[test]
fn keys_that_are_taken_sign_and_others_leave_nothing() {
    all("key", BESIDE, key::check);
}

#[test]
fn key_files_give_one_key_or_none() {
    all("keyfile", BESIDE, keyfile::check);
}

#[test]
fn signatures_verify_what_they_are_of_and_nothing_else() {
    all("verify", BESIDE, verify::check);
}

#[test]
#[cfg(target_os = "linux")]
fn other_programs_are_read_in_one_form() {
    all("program", BESIDE, program::check);
}

#[test]
#[cfg(target_os = "linux")]
fn a_damaged_state_is_refused_or_stands_by_itself() {
    all("state", BESIDE, state::check);
}

#[test]
fn frames_are_read_to_their_end_and_no_further() {
    all("frame", BESIDE, frame::check);
}
