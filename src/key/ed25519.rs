//! Ed25519 in AWS-LC's own interface, for the way that every login takes.
//!
//! aws-lc-rs derives the public half again for each use, which takes longer than the signature. A key that was
//! checked when it came, and lies sealed since, needs no second derivation.
#![allow(unsafe_code)]

use aws_lc_sys as c;

/// Bytes of a signature (RFC 8032).
const SIGNATURE_LEN: usize = 64;

/// The signature of `data` by a seed followed by its public half, which must be the seed's: a wrong one would
/// give the seed away.
pub(super) fn sign(secret: &[u8; 64], data: &[u8]) -> Option<[u8; SIGNATURE_LEN]> {
    let mut signature = [0; SIGNATURE_LEN];
    let out = signature.as_mut_ptr();
    // SAFETY: writes 64 bytes, reads exactly `data` and the 64 bytes of `secret`.
    let done = unsafe { c::ED25519_sign(out, data.as_ptr(), data.len(), secret.as_ptr()) };
    (done == 1).then_some(signature)
}
