//! Whether a parsed RSA key stays. Each in a process of its own: AWS-LC's memory can only be ours from its first block on.
#![allow(unsafe_code)]

use super::*;
use crate::message::{PrivateKey, RsaPublic};
use crate::vault::alone::alone;
use crate::vault::{Kind, Vault, Wish, install_heap};
use aws_lc_sys as c;

/// More blocks than the largest arena has of the smallest kind.
const CRUMBS: usize = (5 << 20) / 32;

/// A key of the vectors, taken in by `vault`.
fn rsa_key(vault: &Vault) -> Key {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/keys.json")).unwrap();
    let all = vectors.as_array().unwrap();
    let vector = all.iter().find(|vector| vector["name"] == "rsa-1024-d-by-lcm").unwrap();
    let numbers: Vec<Vec<u8>> = vector["private"].as_array().unwrap().iter().map(mpint).collect();
    let [n, e, d, iqmp, p, q] = &numbers[..] else { panic!("six numbers") };
    import(&PrivateKey::Rsa { public: RsaPublic::Numbers { n, e }, d, iqmp, p, q }, vault).unwrap().key
}

/// The digits after the word, and a zero that keeps them positive.
fn mpint(field: &serde_json::Value) -> Vec<u8> {
    let digits = field.as_str().unwrap().strip_prefix("mpint ").unwrap();
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    std::iter::once(0).chain(bytes).collect()
}

fn stays(key: &Key, vault: &Vault) -> bool {
    key.sign(vault, b"data", 2).unwrap();
    let Held::Sealed { kept, .. } = &key.held else { panic!("no key of ours") };
    kept.get().is_some()
}

/// Cuts all of the arena into its smallest blocks, and gives them back.
fn cut_into_crumbs() {
    // SAFETY: no requirement but that each is freed, below.
    let crumbs: Vec<_> = (0..CRUMBS).map(|_| unsafe { c::OPENSSL_malloc(8) }).collect();
    for crumb in crumbs {
        // SAFETY: it came from there, and was not used.
        unsafe { c::OPENSSL_free(crumb) };
    }
}

#[test]
fn a_parsed_key_stays_where_all_memory_is_secret() {
    alone("key::tests::a_parsed_key_stays_where_all_memory_is_secret", || {
        assert!(install_heap());
        let (vault, locked) = (Vault::new(Wish::Memfd).unwrap(), Vault::new(Wish::Locked).unwrap());
        assert_eq!(stays(&rsa_key(&vault), &vault), vault.kind() == Kind::MemfdSecret);
        assert!(!stays(&rsa_key(&locked), &locked));
    });
}

#[test]
fn no_parsed_key_stays_where_a_block_of_it_may_be_elsewhere() {
    alone("key::tests::no_parsed_key_stays_where_a_block_of_it_may_be_elsewhere", || {
        assert!(install_heap());
        let vault = Vault::new(Wish::Memfd).unwrap();
        let key = rsa_key(&vault);
        cut_into_crumbs();
        assert!(!stays(&key, &vault) && !stays(&key, &vault));
    });
}

#[test]
fn no_parsed_key_stays_on_a_heap_of_somebody_elses() {
    alone("key::tests::no_parsed_key_stays_on_a_heap_of_somebody_elses", || {
        let vault = Vault::new(Wish::Memfd).unwrap();
        assert!(!stays(&rsa_key(&vault), &vault));
    });
}
