//! Which program asks: for a person's eyes.
//!
//! Any process of the same user can pose as another one here; nothing may depend on it.
#![forbid(unsafe_code)]

use super::process::program;

/// One process of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Its process.
    pub pid: i32,
    /// The file that it executes.
    pub program: String,
}

/// The process `pid`. Those that started it Windows names by numbers that may be others' by now.
#[must_use]
pub fn line_of(pid: i32) -> Vec<Ancestor> {
    program(pid).map(|program| Ancestor { pid, program }).into_iter().collect()
}
