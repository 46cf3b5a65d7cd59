//! Keys that every run has: real ones, since a fuzzer guesses no signature.
#![allow(dead_code)] // each target takes what it needs

use std::sync::{Arc, LazyLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use myagent::message::put_string;
use myagent::vault::{Vault, Wish};

/// One vault for all runs of a target.
pub(crate) static VAULT: LazyLock<Arc<Vault>> =
    LazyLock::new(|| Arc::new(Vault::new(Wish::Memfd).expect("a vault")));

/// An Ed25519 key.
pub(crate) struct Pair {
    pair: Ed25519KeyPair,
    pub(crate) seed: [u8; 32],
    /// The 32 bytes.
    pub(crate) public: Vec<u8>,
    /// The public key as SSH writes it.
    pub(crate) blob: Vec<u8>,
}

impl Pair {
    fn of(number: u8) -> Self {
        let seed = [number; 32];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
        let public = pair.public_key().as_ref().to_vec();
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-ed25519");
        put_string(&mut blob, &public);
        Self { pair, seed, public, blob }
    }

    /// A signature blob.
    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-ed25519");
        put_string(&mut blob, self.pair.sign(data).as_ref());
        blob
    }
}

/// How many keys there are.
pub(crate) const PAIRS: usize = 6;

/// The same keys each time.
pub(crate) fn pairs() -> &'static [Pair; PAIRS] {
    static PAIRS_OF_ALL: LazyLock<[Pair; PAIRS]> =
        LazyLock::new(|| std::array::from_fn(|number| Pair::of(u8::try_from(number + 1).expect("a few"))));
    &PAIRS_OF_ALL
}

/// Fields as strings, one after the other.
pub(crate) fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|field| put_string(&mut out, field));
    out
}
