//! PEM files on FreeBSD: AWS-LC comes there without a declaration of what reads them.
//!
//! Guarantees that such a file is known for what it is, and refused.
#![forbid(unsafe_code)]

use super::{Parts, Refusal};

/// Whether a line begins a private key.
pub(super) fn is_begin(line: &[u8]) -> bool {
    line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")
}

/// Refuses; the hint says how to convert it.
///
/// # Errors
/// [`Refusal::Form`], always.
pub(super) fn read(_: &[u8], _: &[u8]) -> Result<Parts, Refusal> {
    Err(Refusal::Form("PEM"))
}
