//! One agent goes on as another program: nothing that it holds is lost, nobody is left without an answer, and nobody
//! else gets hold of anything on the way.
#![cfg(target_os = "linux")] // nothing is handed over elsewhere yet
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // helpers are tests too

#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod activation;
mod attempts;
mod candidates;
mod guard;
mod keeping;
mod load;
mod process;
mod rig;
mod signals;
mod thief;
