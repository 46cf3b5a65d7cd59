//! Asking a person before a key is used: what counts as a yes, who waits and who does not, what ends a question, where
//! it is shown, and what of the agent reaches the program that shows it.
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

mod answers;
#[cfg(target_os = "linux")]
mod child;
mod desk;
mod ends;
#[cfg(target_os = "linux")]
mod handover;
mod hosts;
mod jobs;
#[cfg(target_os = "linux")]
mod places;
mod terminal;
mod waiting;
