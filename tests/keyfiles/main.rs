//! Key files of every form and type: made by puttygen, ssh-keygen and openssl, read by `myagent add`.
//!
//! The files in `files` are committed, so that a plain `cargo test` needs none of those programs; an ignored test makes
//! fresh ones by the same script, and asks the same of them.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[cfg(target_os = "linux")] // setsid and pseudo-terminals
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod adding;
mod damaged;
#[cfg(target_os = "linux")]
mod desk;
#[cfg(target_os = "linux")]
mod managing;
mod reading;
mod samples;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
mod wire;
