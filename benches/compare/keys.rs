//! The keys of the measurements: one of each type by ssh-keygen, and as many Ed25519 keys as one likes.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use crate::agents::Running;
use crate::support::Scratch;
use crate::test_keys::{self, Key};
use crate::wire::{self, Body};

/// What is signed, in bytes: about what an SSH login has signed.
const DATA: usize = 200;

/// Flag of a sign request: RSA with SHA-512, which is what ssh asks for.
const RSA_SHA2_512: u32 = 4;

/// A type of key, as the tables name it, and what ssh-keygen makes it from.
pub const TYPES: [(&str, &[&str]); 7] = [
    ("ed25519", &["ed25519"]),
    ("ecdsa-256", &["ecdsa", "-b", "256"]),
    ("ecdsa-384", &["ecdsa", "-b", "384"]),
    ("ecdsa-521", &["ecdsa", "-b", "521"]),
    ("rsa-2048", &["rsa", "-b", "2048"]),
    ("rsa-3072", &["rsa", "-b", "3072"]),
    ("rsa-4096", &["rsa", "-b", "4096"]),
];

/// A key and its name in the tables.
pub struct Named {
    pub name: &'static str,
    pub key: Key,
}

/// One key of each type.
pub fn of_each_type(workshop: &Scratch) -> Vec<Named> {
    let make = |(name, arguments): &(&'static str, &[&str])| {
        let file = workshop.path(name);
        if file.exists() {
            return Named { name, key: Key::read(&file) };
        }
        Named { name, key: Key::generate(workshop, name, arguments) }
    };
    TYPES.iter().map(make).collect()
}

impl Named {
    pub fn add_message(&self) -> Vec<u8> {
        wire::add(&self.key.private, self.name.as_bytes())
    }

    /// A framed sign request.
    pub fn sign_frame(&self) -> Vec<u8> {
        let data: Vec<u8> = (0..=u8::MAX).cycle().take(DATA).collect();
        wire::frame(&wire::sign(&self.key.blob, &data, self.flags()))
    }

    pub fn flags(&self) -> u32 {
        if self.name.starts_with("rsa") { RSA_SHA2_512 } else { 0 }
    }

    /// Has ssh-keygen judge one signature of the agent.
    pub fn verify(&self, agent: &Running, workshop: &Scratch) -> Result<(), String> {
        let question = wire::frame(&wire::sign(&self.key.blob, &test_keys::data(), self.flags()));
        let mut conn = agent.connect();
        let answer = conn.call(&question).map_err(|error| error.to_string())?;
        if answer.first() != Some(&wire::SIGNATURE) {
            return Err("it does not sign".to_owned());
        }
        test_keys::verifies(workshop, &self.key.blob, &wire::signature(answer))
    }
}

/// The `number`-th of any count of Ed25519 keys, the same in each run: nothing is protected by them.
pub fn ed25519(number: usize) -> Key {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed of 32 bytes");
    let public = pair.public_key().as_ref();
    let blob = Body::default().string(b"ssh-ed25519").string(public).0;
    let private = Body::default().raw(&blob).string(&[&seed, public].concat()).0;
    Key { blob, private }
}

/// Add messages for the Ed25519 keys of these numbers.
pub fn ed25519_messages(numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    numbers.map(|number| wire::add(&ed25519(number).private, format!("key {number}").as_bytes())).collect()
}
