//! The agent on Windows: its pipes, its start, its questions, and the ways by which the clients of others find it.
//!
//! Wine runs them where there is no Windows. What Wine does not enforce is read back: `rig::on_windows` guards what only
//! a real one can show.
#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests, which the lints take for the program

mod asking;
mod installing;
mod keys;
mod pipes;
mod relaying;
mod rig;
mod starting;
mod terminals;
mod ways;
