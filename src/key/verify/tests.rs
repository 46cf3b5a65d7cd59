//! Signatures made here, by keys of each kind, and what a host's FIDO token would send.

use super::*;
use crate::message::{put_mpint, put_string, put_u32};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

const MESSAGE: &[u8] = b"session";
const APPLICATION: &[u8] = b"ssh:host";
/// A person was there; a counter.
const TOKEN: [u8; 5] = [1, 0, 0, 0, 9];

fn strings(all: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    all.iter().for_each(|bytes| put_string(&mut out, bytes));
    out
}

fn signed_by_token(application: &[u8], token: &[u8], message: &[u8]) -> Vec<u8> {
    [digest(&SHA256, application).as_ref(), token, digest(&SHA256, message).as_ref()].concat()
}

fn sk_ed25519() -> (Vec<u8>, Ed25519KeyPair) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    (strings(&[b"sk-ssh-ed25519@openssh.com", pair.public_key().as_ref(), APPLICATION]), pair)
}

fn sk_ecdsa() -> (Vec<u8>, EcdsaKeyPair) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    (strings(&[b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point, APPLICATION]), pair)
}

fn ecdsa_signature(pair: &EcdsaKeyPair, data: &[u8]) -> Vec<u8> {
    let fixed = pair.sign(&SystemRandom::new(), data).unwrap();
    let mut numbers = Vec::new();
    fixed.as_ref().chunks(32).for_each(|half| put_mpint(&mut numbers, half));
    numbers
}

/// Of plain keys too: not a byte more, inside or behind it, and under no other name.
#[test]
fn a_signature_has_one_form() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ecdsa = strings(&[b"ecdsa-sha2-nistp256", b"nistp256", pair.public_key().as_ref()]);
    let numbers = ecdsa_signature(&pair, MESSAGE);
    let pair = Ed25519KeyPair::from_seed_unchecked(&[4; 32]).unwrap();
    let ed25519 = strings(&[b"ssh-ed25519", pair.public_key().as_ref()]);
    let signature = pair.sign(MESSAGE).as_ref().to_vec();
    for (key, name, other, good) in [
        (ecdsa, &b"ecdsa-sha2-nistp256"[..], &b"ecdsa-sha2-nistp384"[..], numbers),
        (ed25519, b"ssh-ed25519", b"sk-ssh-ed25519@openssh.com", signature),
    ] {
        let whole = strings(&[name, &good]);
        assert!(verify(&key, MESSAGE, &whole));
        assert!(!verify(&key, MESSAGE, &strings(&[name, &[&good[..], &[0]].concat()])));
        assert!(!verify(&key, MESSAGE, &[&whole[..], &[0]].concat()));
        assert!(!verify(&key, MESSAGE, &strings(&[other, &good])));
    }
}

/// Some signers leave a number's leading zeros out.
#[test]
fn a_shorter_rsa_signature_is_one() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // A sequence of two integers (RFC 8017 appendix A.1.1): the modulus stands after nine bytes.
    let numbers = pair.public_key().as_ref();
    let mut key = strings(&[b"ssh-rsa"]);
    put_mpint(&mut key, &[1, 0, 1]);
    put_mpint(&mut key, &numbers[9..9 + 256]);
    let mut signature = vec![1; 256];
    let mut message = 0_u64;
    while signature[0] != 0 {
        message += 1;
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message.to_be_bytes(), &mut signature).unwrap();
    }
    let message = message.to_be_bytes();
    assert!(verify(&key, &message, &strings(&[b"rsa-sha2-256", &signature])));
    assert!(verify(&key, &message, &strings(&[b"rsa-sha2-256", &signature[1..]])));
    assert!(!verify(&key, &message, &strings(&[b"rsa-sha2-256", &signature[2..]])));
    assert!(!verify(&key, &message, &strings(&[b"rsa-sha2-256", &[&[0], &signature[..]].concat()])));
}

#[test]
fn a_tokens_signature_verifies_and_no_changed_one() {
    let (ed25519, pair) = sk_ed25519();
    let signature = pair.sign(&signed_by_token(APPLICATION, &TOKEN, MESSAGE));
    let ed25519_signature =
        [&strings(&[b"sk-ssh-ed25519@openssh.com", signature.as_ref()])[..], &TOKEN].concat();
    let (ecdsa, pair) = sk_ecdsa();
    let signature = ecdsa_signature(&pair, &signed_by_token(APPLICATION, &TOKEN, MESSAGE));
    let ecdsa_signature =
        [&strings(&[b"sk-ecdsa-sha2-nistp256@openssh.com", &signature])[..], &TOKEN].concat();
    for (key, signature) in [(&ed25519, &ed25519_signature), (&ecdsa, &ecdsa_signature)] {
        assert!(verify(key, MESSAGE, signature));
        assert!(!verify(key, b"another", signature));
        assert!(!verify(key, MESSAGE, &[&signature[..], &[0]].concat()));
        assert!(!verify(key, MESSAGE, &signature[..signature.len() - 1]));
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!verify(key, MESSAGE, &changed), "changed at {at}");
        }
        // The application is part of what is signed.
        let mut other = key.clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(!verify(&other, MESSAGE, signature));
    }
    assert!(!verify(&ecdsa, MESSAGE, &ed25519_signature));
    assert!(!verify(&ed25519, MESSAGE, &ecdsa_signature));
}

/// What the token signed over is the message's hash: a signature of the bare message is none.
#[test]
fn a_bare_signature_is_not_a_tokens() {
    let (key, pair) = sk_ed25519();
    let signature = strings(&[b"sk-ssh-ed25519@openssh.com", pair.sign(MESSAGE).as_ref()]);
    assert!(!verify(&key, MESSAGE, &[&signature[..], &TOKEN].concat()));
    assert!(!verify(&key, MESSAGE, &signature));
}

#[test]
fn public_keys_are_read_in_their_one_form() {
    let (ed25519, _) = sk_ed25519();
    let (ecdsa, _) = sk_ecdsa();
    let dss = strings(&[b"ssh-dss", &[1; 128], &[1; 20], &[1; 128], &[1; 128]]);
    let mut rsa = strings(&[b"ssh-rsa", &[1, 0, 1]]);
    put_mpint(&mut rsa, &[0xff; 128]);
    for key in [&ed25519, &ecdsa, &dss, &rsa] {
        assert!(is_public_key(key));
        assert!(!is_public_key(&[&key[..], &[0]].concat()));
        (0..key.len()).for_each(|cut| assert!(!is_public_key(&key[..cut]), "cut at {cut}"));
    }
    let mut short_rsa = strings(&[b"ssh-rsa", &[1, 0, 1]]);
    put_mpint(&mut short_rsa, &[0xff; 127]);
    let point = [&[4][..], &[7; 64]].concat();
    for key in [
        short_rsa,
        strings(&[b"ssh-ed25519", &[1; 31]]),
        strings(&[b"ecdsa-sha2-nistp256", b"nistp384", &point]),
        // Not on the curve.
        strings(&[b"ecdsa-sha2-nistp256", b"nistp256", &point]),
        strings(&[b"ssh-unknown", b"key"]),
        strings(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", &[1; 32]]),
        Vec::new(),
    ] {
        assert!(!is_public_key(&key));
    }
}

/// Nothing by a DSA key is believed, whatever stands there.
#[test]
fn dsa_is_never_believed() {
    let dss = strings(&[b"ssh-dss", &[1; 128], &[1; 20], &[1; 128], &[1; 128]]);
    assert!(!verify(&dss, MESSAGE, &strings(&[b"ssh-dss", &[1; 40]])));
    assert!(!is_known(&dss));
}

#[test]
fn an_authority_out_of_form_is_known_to_be_wrong() {
    assert!(is_known(&strings(&[b"ssh-ed25519", &[1; 31]])));
    assert!(is_known(&strings(&[b"ssh-rsa", &[1]])));
    let mut large = strings(&[b"ssh-rsa", &[1, 0, 1]]);
    put_mpint(&mut large, &[0xff; 2048]);
    assert!(is_known(&large));
    assert!(!is_known(&strings(&[b"ssh-unknown", &[1]])));
    let mut cut = Vec::new();
    put_u32(&mut cut, 9);
    assert!(is_known(&cut));
}
