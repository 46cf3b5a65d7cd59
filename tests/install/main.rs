//! `myagent install` and `uninstall`: what they plan, write, keep and take back, and what the shells make of it.
//!
//! systemd and logind are played by the scripts in `stubs`, found first in `PATH`; nothing here asks the real ones. Elsewhere the
//! real launchd would be asked: there only the form of its job is looked at.
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

#[cfg(target_os = "linux")]
mod kept;
#[cfg(target_os = "linux")]
mod over_ssh;
#[cfg(target_os = "linux")]
mod person;
mod plist;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
mod shells;
#[cfg(target_os = "linux")]
mod undone;
#[cfg(target_os = "linux")]
mod units;
