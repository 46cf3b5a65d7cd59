//! Nobody on Windows hands sockets down, or wants to hear how an agent is.
#![forbid(unsafe_code)]

/// Nobody is told.
pub fn stopping() {}
