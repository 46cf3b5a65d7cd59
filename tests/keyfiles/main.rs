//! Key files of every form and type: made by puttygen, ssh-keygen and openssl, read by `myagent add`.
//!
//! The files in `files` are committed, so that a plain `cargo test` needs none of those programs; an ignored test makes
//! fresh ones by the same script, and asks the same of them.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[path = "../support/mod.rs"]
mod support;

mod adding;
mod damaged;
mod desk;
mod managing;
mod reading;
mod samples;
mod terminal;
mod wire;
