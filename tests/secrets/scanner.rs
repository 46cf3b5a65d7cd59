//! The scanner itself: it is not blind.

use super::process::core_of;
use super::scan::forms::forms;
use super::scan::{Found, Secrets, control_holds, control_holds_while};
use super::support::Scratch;
use std::process::Command;

#[test]
fn forms_are_what_they_say() {
    let all = forms(b"secret bytes");
    let of = |name: &str| {
        let (_, form) = all.iter().find(|(found, _)| found == name).unwrap();
        String::from_utf8(form.clone()).unwrap()
    };
    assert_eq!(of("raw backwards"), "setyb terces");
    assert_eq!(of("hex a"), "736563726574206279746573");
    assert_eq!(of("hex A backwards"), "736574796220746572636573");
    // Of "secret bytes", "xsecret bytes" and "xysecret bytes", as base64(1) writes them.
    assert_eq!(of("base64 0"), "c2VjcmV0IGJ5dGVz");
    assert_eq!(of("base64 1"), "NlY3JldCBieXRlc"); // eH|NlY3JldCBieXRlc|w==
    assert_eq!(of("base64 2"), "zZWNyZXQgYnl0ZX"); // eHl|zZWNyZXQgYnl0ZX|M=
    assert_eq!(of("words of 4"), "rcesb tesety");
    assert_eq!(of("words of 8"), "b terces");
}

/// Wherever a piece lies, and whatever of the secret it is.
#[test]
fn twenty_three_bytes_are_found_at_every_place() {
    let mut secrets = Secrets::new();
    let secret: Vec<u8> = (1..=40).map(|byte: u8| byte.wrapping_mul(101)).collect();
    secrets.add("a key.number", &secret);
    for at in 4080..4112 {
        for start in 0..=secret.len() - 23 {
            let mut memory = vec![0; 8192];
            memory[at..at + 23].copy_from_slice(&secret[start..start + 23]);
            let mut hits = Vec::new();
            secrets.look(&memory, "memory", &mut hits);
            assert_eq!(hits, ["a key.number raw in memory"], "{start} at {at}");
        }
    }
}

/// Of one's own processes any user may read those that do not close themselves.
#[test]
fn every_form_is_found_in_a_process_that_holds_it() {
    let mut secrets = Secrets::new();
    secrets.add("password", b"a password that is looked for everywhere");
    secrets.add_text("text", "a text that has one form alone");
    assert_eq!(control_holds(&secrets), 15);
    // And nothing in one that has never heard of it.
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let found = secrets.found_in(other.id());
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(found.hits, Vec::<String>::new());
}

/// What gcore is shown of a process that does not close itself.
#[test]
#[ignore = "needs gcore: it takes the core image"]
fn every_form_is_found_in_a_core_image() {
    let scratch = Scratch::new();
    let mut secrets = Secrets::new();
    secrets.add("password", b"a password that is looked for everywhere");
    control_holds_while(&secrets, |pid| {
        let mut found = Found::default();
        secrets.find_in_file(&core_of(&scratch, pid), "the core image", &mut found);
        assert_eq!(found.hits.len(), 14, "{:?}", found.hits);
    });
}
