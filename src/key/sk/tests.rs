//! Keys of a token that the tests play, from their import to the next program.

use super::super::import::tests::unverified;
use super::super::{Imported, Key, Means, import};
use super::*;
use crate::message::PrivateKey;
use crate::vault::Wish;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

const HANDLE: &[u8] = b"what only the token can read";

fn vault() -> Vault {
    Vault::new(Wish::Memfd).unwrap()
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
}

fn private<'f>(kind: SkKind, public: Option<&'f [u8]>, application: &'f [u8]) -> SkPrivate<'f> {
    SkPrivate { kind, certificate: None, public, application, flags: 1, handle: HANDLE, reserved: b"more" }
}

fn imported(vault: &Vault) -> Imported {
    let pair = pair();
    let private = private(SkKind::Ed25519, Some(pair.public_key().as_ref()), b"ssh:");
    import(&PrivateKey::Sk(private), vault).unwrap()
}

fn refused(private: SkPrivate<'_>) -> bool {
    import(&PrivateKey::Sk(private), &vault()).is_err()
}

#[test]
fn each_field_is_checked() {
    let (ed25519, ecdsa) = (pair(), EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
    let (key, point) = (ed25519.public_key().as_ref(), ecdsa.public_key().as_ref());
    for application in [&b"ssh:"[..], b"https://example.com", b"", b"\xff"] {
        assert!(!refused(private(SkKind::Ed25519, Some(key), application)));
        assert!(!refused(private(SkKind::EcdsaP256, Some(point), application)));
    }
    let mut beside = point.to_vec();
    beside[64] ^= 1;
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    for bad in [Some(&beside[..]), Some(&compressed), Some(&point[..64]), Some(key), Some(b""), None] {
        assert!(refused(private(SkKind::EcdsaP256, bad, b"ssh:")));
    }
    for bad in [Some(&key[..31]), Some(point), Some(b""), None] {
        assert!(refused(private(SkKind::Ed25519, bad, b"ssh:")));
    }
    for zero in [&b"\0"[..], b"ssh:\0", b"ss\0h:"] {
        assert!(refused(private(SkKind::Ed25519, Some(key), zero)));
    }
}

fn certificate(kind: SkKind, public: &[&[u8]]) -> Vec<u8> {
    unverified(kind.certificate_type(), public)
}

#[test]
fn a_certificate_is_for_that_very_key() {
    let (ed25519, ecdsa) = (pair(), EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
    let (key, point) = (ed25519.public_key().as_ref(), ecdsa.public_key().as_ref());
    let under = |certificate: &[u8], kind, public, application| {
        let private = SkPrivate { certificate: Some(certificate), ..private(kind, public, application) };
        import(&PrivateKey::Sk(private), &vault()).ok()
    };
    let of_key = certificate(SkKind::Ed25519, &[key, b"ssh:"]);
    let of_point = certificate(SkKind::EcdsaP256, &[b"nistp256", point, b"ssh:"]);
    let plain = import(&PrivateKey::Sk(private(SkKind::Ed25519, Some(key), b"ssh:")), &vault()).unwrap();
    let good = under(&of_key, SkKind::Ed25519, Some(key), b"ssh:").unwrap();
    assert!(good.certificate && good.fingerprint == plain.fingerprint && *good.blob == of_key);
    assert!(under(&of_point, SkKind::EcdsaP256, None, b"ssh:").is_some());
    assert!(under(&of_key, SkKind::Ed25519, Some(&[9; 32]), b"ssh:").is_none());
    assert!(under(&of_key, SkKind::Ed25519, Some(key), b"ssh:other").is_none());
    assert!(under(&of_point, SkKind::EcdsaP256, None, b"ssh:other").is_none());
    assert!(under(&of_point, SkKind::Ed25519, Some(key), b"ssh:").is_none());
    for bad in [
        certificate(SkKind::EcdsaP256, &[b"nistp384", point, b"ssh:"]),
        certificate(SkKind::EcdsaP256, &[b"nistp256", &point[..64], b"ssh:"]),
        certificate(SkKind::EcdsaP256, &[b"nistp256", point]),
    ] {
        assert!(under(&bad, SkKind::EcdsaP256, None, b"ssh:").is_none());
    }
}

/// The request that the helper gets, whatever way the key has come here.
#[test]
fn the_helper_is_told_of_this_key_alone_and_after_a_handover_too() {
    let vault = vault();
    for provider in [None, Some(Provider::Internal), Some(Provider::Library(b"/usr/lib/x.so"[..].into()))] {
        let mut key = imported(&vault);
        if let Some(provider) = &provider {
            key = key.with_provider(provider.clone()).unwrap();
        }
        let mut saved = Vec::new();
        key.key.save(&mut saved);
        assert!(!saved.windows(8).any(|window| window == &HANDLE[..8]));
        for end in 0..saved.len() {
            assert!(Key::load(&mut Reader::new(&saved[..end])).is_err(), "cut after {end} bytes");
        }
        let loaded = Key::load(&mut Reader::new(&saved)).unwrap();
        assert!(loaded.opens(&vault) && !loaded.opens(&self::vault()));
        assert_eq!((loaded.algorithm(), loaded.means()), (Algorithm::SkEd25519, Means::Sk));
        assert!(loaded.sign(&vault, b"data", 0).is_err());
        let (before, after) = (key.key.sk().unwrap(), loaded.sk().unwrap());
        assert_eq!(after.provider(), provider.as_ref().unwrap_or(&Provider::Internal));
        assert_eq!((after.has_provider(), after.application()), (provider.is_some(), &b"ssh:"[..]));
        assert!(after.wants_touch());
        let request = |sk: &Sk| sk.request(&vault, b"data", b"1234").unwrap().to_vec();
        assert_eq!(request(before), request(after));
        let told = request(after);
        for part in [HANDLE, b"more", provider.as_ref().map_or(b"internal", Provider::name), b"data", b"1234"]
        {
            assert!(told.windows(part.len()).any(|window| window == part));
        }
    }
}

#[test]
fn only_this_keys_signature_of_these_data_is_one() {
    let (vault, pair) = (vault(), pair());
    let key = imported(&vault).key;
    let signature = |data: &[u8], application: &[u8]| {
        let token = [1, 0, 0, 0, 7];
        let statement =
            [digest(&SHA256, application).as_ref(), &token, digest(&SHA256, data).as_ref()].concat();
        let mut blob = Vec::new();
        put_string(&mut blob, b"sk-ssh-ed25519@openssh.com");
        put_string(&mut blob, pair.sign(&statement).as_ref());
        [blob, token.to_vec()].concat()
    };
    let sk = key.sk().unwrap();
    assert!(sk.has_signed(b"data", &signature(b"data", b"ssh:")));
    assert!(!sk.has_signed(b"data", &signature(b"other", b"ssh:")));
    assert!(!sk.has_signed(b"data", &signature(b"data", b"ssh:other")));
    assert!(!sk.has_signed(b"data", b""));
}

#[test]
fn a_provider_belongs_to_a_token() {
    let (public, secret) = (pair().public_key().as_ref().to_vec(), [5; 32]);
    let secret = [&secret[..], &public].concat();
    let plain = PrivateKey::Ed25519 { certificate: None, public: &public, secret: &secret };
    assert!(import(&plain, &vault()).unwrap().with_provider(Provider::Internal).is_err());
    for (name, internal) in [("internal", true), ("INTERNAL", true), ("internal ", false), ("", false)] {
        assert_eq!(Provider::is_internal(name.as_bytes()), internal);
    }
}
