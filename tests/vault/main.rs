//! Where secrets lie, and what is left of them: every kind of memory that a system may refuse, the stacks that work with
//! secrets has used, and what was freed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod freed;
#[path = "../support/keys.rs"]
mod keys;
mod memory;
mod painted;
mod refusing;
mod small;
mod stacks;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;
mod wish;
