//! Debian's own clients against the agent: ssh, ssh-add, ssh-keygen, sshd, git, hg, HAProxy, PuTTY's tools.
//!
//! Every test says what a user does and looks at what the user would see. The private key files are gone
//! before a key is used, so only the agent can have signed. No test reads or writes the real HOME.
//!
//! `MYAGENT_TEST_AGENT=openssh` runs all of them against OpenSSH's own agent. Tests that need more than
//! OpenSSH's client are ignored by a plain `cargo test`; `tests/run` asks for them.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod client;
mod forwarding;
mod fresh_keys;
mod git;
mod haproxy;
mod hg;
mod keys;
mod login;
mod putty;
mod signing;
mod ssh_add;
mod sshd;
