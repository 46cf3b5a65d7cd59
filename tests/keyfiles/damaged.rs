//! Damaged and hostile files: a sentence, no key, and bounded work.

use crate::samples::{self, COMMITTED};
use myagent::keyfile::{self, MAX_FILE, MAX_PASSPHRASE, Refusal};
use std::path::Path;
use std::time::{Duration, Instant};

const PASSPHRASE: &[u8] = b"correct horse";

/// One of each form, plain and encrypted.
const ONE_OF_EACH: [&str; 10] = [
    "putty-ed25519.v2.ppk",
    "putty-ecdsa256.v3.ppk",
    "putty-rsa2048.v2-encrypted.ppk",
    "putty-ed25519.v3-encrypted.ppk",
    "openssh-ecdsa256.plain",
    "openssh-ed25519.aes256-gcm@openssh.com-encrypted",
    "openssl-ecdsa256.pkcs8",
    "openssl-ed25519.pkcs8-encrypted",
    "openssl-rsa2048.pkcs1",
    "openssl-ecdsa384.sec1-encrypted",
];

fn refusal(bytes: &[u8]) -> Option<Refusal> {
    keyfile::read(bytes, PASSPHRASE, &samples::vault()).err()
}

/// Whatever is missing at the end, but for the end of the last line.
#[test]
fn a_file_that_is_cut_off_gives_no_key() {
    for name in ONE_OF_EACH {
        let bytes = samples::named(name).bytes();
        let whole = bytes.trim_ascii_end().len();
        // With bcrypt and Argon2 in it each try takes a while.
        let step = (whole / 40).max(1);
        for len in (0..whole).rev().step_by(step) {
            assert!(refusal(&bytes[..len]).is_some(), "{name}: {len} of {whole} bytes were enough");
        }
        assert!(refusal(&bytes[..whole]).is_none(), "{name} lacks nothing but the end of its last line");
    }
}

/// The same key or none: what is not under a MAC may be changed without harm, the rest not at all. Ed25519 is another
/// matter in PKCS#8, which holds the seed and nothing to compare it with: any seed is a key.
#[test]
fn a_changed_byte_never_gives_another_key() {
    let vault = samples::vault();
    for name in ONE_OF_EACH.into_iter().filter(|name| *name != "openssl-ed25519.pkcs8-encrypted") {
        let bytes = samples::named(name).bytes();
        let right = keyfile::read(&bytes, PASSPHRASE, &vault).unwrap().public;
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 60) {
            let mut changed = bytes.clone();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            if let Ok(file) = keyfile::read(&changed, PASSPHRASE, &vault) {
                assert_eq!(file.public, right, "{name} with another byte {at}");
            }
        }
    }
}

fn lines_with(name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let text = String::from_utf8(samples::named(name).bytes()).unwrap();
    text.lines().map(|line| change(line) + "\n").collect::<String>().into_bytes()
}

/// The first digit after `name` becomes another one.
fn flipped(line: &str, name: &str) -> String {
    let Some(value) = line.strip_prefix(name) else { return line.to_owned() };
    let other = if value.starts_with('0') { '1' } else { '0' };
    format!("{name}{other}{}", &value[1..])
}

#[test]
fn each_damage_has_its_sentence() {
    let mac = |name| refusal(&lines_with(name, |line| flipped(line, "Private-MAC: "))).unwrap();
    assert_eq!(mac("putty-ed25519.v3.ppk"), Refusal::Damaged("its MAC is not that of its contents"));
    assert_eq!(mac("putty-ed25519.v2.ppk"), Refusal::Damaged("its MAC is not that of its contents"));
    // PuTTY itself cannot tell.
    assert_eq!(mac("putty-ed25519.v3-encrypted.ppk"), Refusal::WrongPassphrase);
    assert_eq!(mac("putty-ed25519.v2-encrypted.ppk"), Refusal::WrongPassphrase);
    let comment = lines_with("putty-ed25519.v3.ppk", |line| line.replace("by putty", "by nobody"));
    assert_eq!(refusal(&comment), Some(Refusal::Damaged("its MAC is not that of its contents")));
    let third = lines_with("putty-ed25519.v3.ppk", |line| line.replace("File-3", "File-4"));
    assert_eq!(refusal(&third).unwrap().to_string(), "it is in a newer PuTTY's form, which is not supported");
    let first = lines_with("putty-ed25519.v2.ppk", |line| line.replace("File-2", "File-1"));
    assert_eq!(refusal(&first).unwrap().to_string(), "it is in PuTTY's first form, which is not supported");
    let base64 = lines_with("openssh-ed25519.plain", |line| line.replace("b3BlbnNzaC1rZXkt", "!!!!"));
    assert_eq!(refusal(&base64), Some(Refusal::Damaged("its lines are not base64")));
    let end = lines_with("openssh-ed25519.plain", |line| line.replace("-----END", "-----FIN"));
    assert!(matches!(refusal(&end), Some(Refusal::Damaged(_))));
    assert_eq!(refusal(b""), Some(Refusal::Unknown));
    assert_eq!(refusal(b"\xff\xfe\0"), Some(Refusal::Unknown));
}

/// Another private half under the same public one, where no MAC shows it.
#[test]
fn a_private_half_that_does_not_fit_is_found() {
    use ssh_key::encoding::base64::{Base64, Encoding};
    for (name, places) in [("openssh-ed25519.plain", [161, 192]), ("openssh-short256.plain", [270, 290])] {
        let text = String::from_utf8(samples::named(name).bytes()).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        for place in places {
            let mut bytes = Base64::decode_vec(&body).unwrap();
            bytes[place] ^= 1;
            let changed = format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
                Base64::encode_string(&bytes)
            );
            let refusal = refusal(changed.as_bytes()).unwrap();
            assert!(matches!(refusal, Refusal::Unfit(_)), "{name} at {place}: {refusal}");
        }
    }
}

#[test]
fn a_file_that_asks_for_much_is_refused_at_once() {
    let begun = Instant::now();
    for (from, to) in [
        ("Argon2-Memory: 1024", "Argon2-Memory: 1048577"),
        ("Argon2-Memory: 1024", "Argon2-Memory: 4294967295"),
        ("Argon2-Passes: 2", "Argon2-Passes: 4294967295"),
        ("Argon2-Parallelism: 1", "Argon2-Parallelism: 65536"),
    ] {
        let file = lines_with("putty-ed25519.v3-encrypted.ppk", |line| line.replace(from, to));
        let refusal = refusal(&file).unwrap();
        assert!(matches!(refusal, Refusal::Costly(_)), "{to}: {refusal}");
    }
    for (from, to) in [
        ("Argon2-Memory: 1024", "Argon2-Memory: 4294967296"),
        ("Argon2-Passes: 2", "Argon2-Passes: 0"),
        ("Public-Lines: 2", "Public-Lines: 4294967295"),
        ("Private-Lines: 1", "Private-Lines: 18446744073709551615"),
    ] {
        let file = lines_with("putty-ed25519.v3-encrypted.ppk", |line| line.replace(from, to));
        let refusal = refusal(&file).unwrap();
        assert!(matches!(refusal, Refusal::Damaged(_)), "{to}: {refusal}");
    }
    let large = [samples::named("openssh-ed25519.plain").bytes(), vec![b'\n'; MAX_FILE]].concat();
    assert_eq!(refusal(&large), Some(Refusal::TooLarge));
    let sample = samples::named("putty-ed25519.v3-encrypted.ppk").bytes();
    for long in [vec![b'x'; MAX_PASSPHRASE + 1], b"correct horse\0".to_vec()] {
        let refusal = keyfile::read(&sample, &long, &samples::vault()).err();
        assert_eq!(refusal, Some(Refusal::WrongPassphrase));
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// No sentence shows what is in the file.
#[test]
fn no_sentence_holds_a_line_of_the_file() {
    for name in ONE_OF_EACH {
        let text = String::from_utf8(samples::named(name).bytes()).unwrap();
        for without in 0..text.lines().count() {
            let kept: Vec<&str> =
                text.lines().enumerate().filter(|(at, _)| *at != without).map(|(_, line)| line).collect();
            let Some(refusal) = refusal(kept.join("\n").as_bytes()) else { continue };
            let sentence = refusal.to_string();
            let told = text.lines().filter(|line| line.len() > 12).any(|line| sentence.contains(line));
            assert!(!told, "{name} without line {without}: {sentence}");
        }
    }
    assert!(Path::new(COMMITTED).join("README.md").exists());
}
