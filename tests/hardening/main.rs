//! How the agent's process is closed: in every mode, after restarts, where the system refuses, and in the process of a
//! provider; and what the programs that it runs keep of it.
//!
//! Root could look into anything, so a run as root gives the agents to a user of no rights.
#![cfg(target_os = "linux")] // the measures of Linux, seen in /proc
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::new_without_default, clippy::print_stdout)] // the attempts tell their test what they met

#[path = "../support/mod.rs"]
mod support;

#[path = "../token/hsm.rs"]
#[allow(dead_code)] // not all of it is used here
mod hsm;
#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/wire.rs"]
mod wire;

mod attempts;
mod calls;
mod lists;
mod modes;
mod others;
mod person;
mod process;
mod provider;
mod refused;
