//! The protocol under abuse, and the process around it: clients that are slow, greedy or gone, guessers of
//! passwords, signals, lifetimes, and a client of another hand.
//!
//! With `MYAGENT_TEST_AGENT=openssh` OpenSSH's agent stands in for ours; what it cannot pass says so.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/sides.rs"]
mod sides;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod abuse;
mod canaries;
mod descriptors;
mod expiry;
mod guessing;
mod interop;
mod log;
mod malformed;
mod memory;
mod peers;
mod places;
mod process;
mod queue;
mod remote;
mod signals;
mod terminal;
