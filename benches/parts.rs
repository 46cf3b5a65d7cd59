//! `cargo bench --bench parts`: the parts of a request's way, each by itself.
//!
//! What an answer takes beyond these is the socket, the scheduler and the log.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/support/keys.rs"]
mod test_keys;
#[path = "../tests/support/wire.rs"]
mod wire;

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use myagent::frame::{self, Intake};
use myagent::key::{self, Key};
use myagent::message::{Listed, Reply, Request};
use myagent::vault::{Vault, Wish};

/// As ssh-keygen takes them: type and bits.
const TYPES: [&str; 7] =
    ["ed25519 256", "ecdsa 256", "ecdsa 384", "ecdsa 521", "rsa 2048", "rsa 3072", "rsa 4096"];

/// Bytes of a sealed Ed25519 key, and about those of RSA-3072.
const RECORDS: [usize; 2] = [64, 1800];

/// About what a login has signed, in bytes.
const DATA: [u8; 200] = [7; 200];

/// A request names an Ed25519 key by so many bytes.
const BLOB: [u8; 51] = [1; 51];

fn main() {
    divan::main();
}

/// A sign request, from the bytes of the connection to a message in memory.
#[divan::bench]
fn frame_read(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (vault, intake) = (Vault::new(Wish::Memfd).unwrap(), Intake::default());
    let bytes = wire::frame(&wire::sign(&BLOB, &DATA, 0));
    bencher.bench_local(|| {
        let mut stream = black_box(&bytes[..]);
        runtime.block_on(frame::read(&mut stream, &vault, &intake, std::future::pending())).unwrap()
    });
}

#[divan::bench]
fn decode_sign_request(bencher: Bencher<'_, '_>) {
    let message = wire::sign(&BLOB, &DATA, 0);
    bencher.bench_local(|| matches!(Request::decode(black_box(&message)), Ok(Request::Sign { .. })));
}

#[divan::bench(args = RECORDS)]
fn unseal(bencher: Bencher<'_, '_>, len: usize) {
    let vault = Vault::new(Wish::Memfd).unwrap();
    let record = vault.seal(&vec![7; len]).unwrap();
    bencher.bench_local(|| vault.open(&record, |plain| black_box(plain)[0]).unwrap());
}

/// Unsealing, parsing and signing: all that is done with the key.
#[divan::bench(args = TYPES)]
fn sign(bencher: Bencher<'_, '_>, kind: &str) {
    let vault = Vault::new(Wish::Memfd).unwrap();
    let key = imported(&vault, &add_message(kind));
    let flags = if kind.starts_with("rsa") { 4 } else { 0 };
    bencher.bench_local(|| key.sign(&vault, black_box(&DATA), flags).unwrap());
}

/// Decoding, checking and sealing a key that is added.
#[divan::bench(args = TYPES)]
fn import(bencher: Bencher<'_, '_>, kind: &str) {
    let vault = Vault::new(Wish::Memfd).unwrap();
    let message = add_message(kind);
    bencher.bench_local(|| imported(&vault, black_box(&message)));
}

#[divan::bench]
fn encode_list_of_1000(bencher: Bencher<'_, '_>) {
    let listed = |number: u32| Listed {
        blob: Arc::from(BLOB),
        comment: Arc::from(format!("key {number}").into_bytes()),
    };
    let reply = Reply::Identities((0..1000).map(listed).collect());
    bencher.bench_local(|| black_box(&reply).to_frame());
}

fn imported(vault: &Vault, message: &[u8]) -> Key {
    let Ok(Request::Add(add)) = Request::decode(message) else { panic!("not a key") };
    key::import(&add.key, vault).unwrap().key
}

fn add_message(kind: &str) -> Vec<u8> {
    let scratch = support::Scratch::new();
    let (kind, bits) = kind.split_once(' ').unwrap();
    let key = test_keys::Key::generate(&scratch, "key", &[kind, "-b", bits]);
    wire::add(&key.private, b"key")
}
