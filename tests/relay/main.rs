//! The relay of WSL: an agent's place in Linux, and the agent itself in Windows.
//!
//! Windows is played by a second agent of this system at a place of its own, and `myagent.exe` by a shell script that
//! becomes the program with that place in its environment, or does what a test says instead.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/keys.rs"]
mod keys;
#[path = "../secrets/scan.rs"]
#[allow(dead_code)] // the control process has its own tests
mod scan;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod clients;
mod ends;
mod failing;
mod memory;
mod peers;
mod starting;
mod world;
