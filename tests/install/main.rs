//! `myagent install` and `uninstall`: what they plan, write, keep and take back, and what the shells make of it.
//!
//! systemd and logind are played by the scripts in `stubs`, found first in `PATH`; nothing here asks the real ones.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::new_without_default)]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code)]
#[path = "../clients/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../clients/keys.rs"]
mod keys;
#[allow(dead_code)]
#[path = "../clients/sshd.rs"]
mod sshd;

mod kept;
mod over_ssh;
mod person;
mod plist;
mod service;
mod shells;
mod undone;
mod units;
