//! Keys on forwarded connections, over real sshds: from host to host with `ssh -A`, and what each of them may do.
//!
//! OpenSSH's agent goes the same ways beside ours; where they are meant to differ, the test says so. The private
//! keys are in the agent alone, and every host is an sshd on loopback with a key of its own.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/sides.rs"]
mod sides;

#[allow(dead_code)] // the whole user of tests/clients; not all of him is needed here
#[path = "../clients/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../clients/keys.rs"]
mod keys;
#[allow(dead_code)]
#[path = "../clients/sshd.rs"]
mod sshd;

mod confirm;
mod destinations;
mod peers;
mod world;
