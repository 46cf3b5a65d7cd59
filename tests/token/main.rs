//! Keys on PKCS#11 tokens: SoftHSM's, and those of providers that crash, hang and lie.
#![cfg(target_os = "linux")] // SoftHSM as Debian has it, and processes in /proc
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // helpers are tests too

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod certificates;
mod constraints;
mod failing;
mod handover;
mod hsm;
mod parity;
mod processes;
mod using;
