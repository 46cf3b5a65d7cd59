//! ECDSA in AWS-LC's own interface.
//!
//! aws-lc-rs derives the public half again for each use, which takes as long as the signature. A key that was
//! checked when it came, and lies sealed since, needs no second derivation.
//! Guarantees: what AWS-LC allocates is wiped when freed.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_rs::digest;
use aws_lc_sys as c;

use super::bignum::Number;
use crate::message::{Curve, put_mpint};

/// The signature of `data` by a scalar: two mpints, r and s (RFC 5656 section 3.1.2).
pub(super) fn sign(curve: Curve, scalar: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (nid, hash) = match curve {
        Curve::P256 => (c::NID_X9_62_prime256v1, &digest::SHA256),
        Curve::P384 => (c::NID_secp384r1, &digest::SHA384),
        Curve::P521 => (c::NID_secp521r1, &digest::SHA512),
    };
    let digest = digest::digest(hash, data);
    let key = Key::new(nid, scalar)?;
    let signature = Signature::of(&key, digest.as_ref())?;
    let mut numbers = Vec::with_capacity(2 * (5 + curve.field_len()));
    for number in signature.numbers() {
        put_mpint(&mut numbers, &number?);
    }
    Some(numbers)
}

never_copied_or_shown!(Key);

/// The private half of a key.
struct Key(NonNull<c::EC_KEY>);

impl Key {
    fn new(nid: i32, scalar: &[u8]) -> Option<Self> {
        let scalar = Number::from_digits(scalar)?;
        // SAFETY: null is checked at once.
        let key = Self(NonNull::new(unsafe { c::EC_KEY_new_by_curve_name(nid) })?);
        // SAFETY: two live objects; the number is copied, and refused where it is none of the curve's.
        let done = unsafe { c::EC_KEY_set_private_key(key.0.as_ptr(), scalar.get()) };
        (done == 1).then_some(key)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::EC_KEY_free(self.0.as_ptr()) };
    }
}

struct Signature(NonNull<c::ECDSA_SIG>);

impl Signature {
    fn of(key: &Key, digest: &[u8]) -> Option<Self> {
        // SAFETY: reads exactly the digest; the key is live and has its private half.
        let signature = unsafe { c::ECDSA_do_sign(digest.as_ptr(), digest.len(), key.0.as_ptr()) };
        NonNull::new(signature).map(Self)
    }

    /// r and s, big-endian.
    fn numbers(&self) -> [Option<Vec<u8>>; 2] {
        let (mut r, mut s) = (ptr::null(), ptr::null());
        // SAFETY: a live signature, whose numbers live as long.
        unsafe { c::ECDSA_SIG_get0(self.0.as_ptr(), &mut r, &mut s) };
        [r, s].map(|number| {
            // SAFETY: a number of the live signature.
            let number = unsafe { Number::copy_of(number) };
            number.map(|number| number.digits())
        })
    }
}

impl Drop for Signature {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::ECDSA_SIG_free(self.0.as_ptr()) };
    }
}
