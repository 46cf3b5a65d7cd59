//! Keys on FIDO tokens: added, listed, used and refused, with OpenSSH's own ssh-sk-helper and with false ones.
//!
//! The token is a library of Debian's package openssh-tests, which signs with a key that lies in the key handle. Tests
//! that need it are ignored by a plain `cargo test`; `tests/run` asks for them.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]
#![allow(dead_code)] // what is shared with the clients' tests

#[path = "../clients/client.rs"]
mod client;
#[path = "../clients/keys.rs"]
mod keys;
#[path = "../clients/sshd.rs"]
mod sshd;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;
#[path = "../support/keys.rs"]
mod wire_keys;

mod asking;
mod helpers;
mod name;
mod providers;
mod rig;
mod users;
mod waiting;
mod websafe;
