//! RSA in AWS-LC's own interface.
//!
//! aws-lc-rs signs with 2,048 to 8,192 bits and SHA-2, checks the whole key before each signature, and wants dP
//! and dQ, which do not come with a key of ssh-add. OpenSSH's agent also holds 1,024 bits and up, and signs
//! `ssh-rsa` with SHA-1 for old servers. This module does all of RSA with the same C library: a key is checked
//! once, when it comes, and signs from then on without being checked again (a third of the time saved).
//! Guarantees: every number that AWS-LC allocates is wiped when freed; only [`to_record`] makes what
//! [`Rsa::from_record`] reads, after `RSA_check_key`; AWS-LC verifies each signature before it gives it out.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_rs::digest::{self, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use aws_lc_sys as c;

use super::bignum::Number;
use crate::message::Reader;
use crate::vault::{SecretBuf, Vault};

/// The hash under a PKCS#1 v1.5 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// What AWS-LC calls it, and the hash of `data`.
    fn of(self, data: &[u8]) -> (i32, Digest) {
        let (nid, algorithm) = match self {
            Self::Sha1 => (c::NID_sha1, &SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => (c::NID_sha256, &SHA256),
            Self::Sha512 => (c::NID_sha512, &SHA512),
        };
        (nid, digest::digest(algorithm, data))
    }
}

never_copied_or_shown!(Numbers<'static>, Rsa);

/// A key's numbers as digits, big-endian.
pub(super) struct Numbers<'f> {
    pub(super) n: &'f [u8],
    pub(super) e: &'f [u8],
    pub(super) d: &'f [u8],
    pub(super) p: &'f [u8],
    pub(super) q: &'f [u8],
    pub(super) iqmp: &'f [u8],
}

/// Computes dP and dQ, checks the whole key, and gives its eight numbers, each as a string. None where the
/// numbers are no key. The two remainders are taken once per key: BN_nnmod's time depends on the numbers' sizes.
pub(super) fn to_record(numbers: &Numbers<'_>, vault: &Vault) -> Option<SecretBuf> {
    let Numbers { n, e, d, p, q, iqmp } = *numbers;
    let private = Number::from_digits(d)?;
    let (dp, dq) = (private.modulo_less_one(p)?, private.modulo_less_one(q)?);
    let mut record = vault.buffer(numbers.len() + dp.len() + dq.len() + 8 * 4);
    [n, e, d, p, q].into_iter().for_each(|digits| put(&mut record, digits.len()).copy_from_slice(digits));
    dp.write(put(&mut record, dp.len()));
    dq.write(put(&mut record, dq.len()));
    put(&mut record, iqmp.len()).copy_from_slice(iqmp);
    let rsa = Rsa::from_record(&record)?;
    // SAFETY: a live key with all eight numbers.
    let good = unsafe { c::RSA_check_key(rsa.0.as_ptr()) } == 1;
    good.then_some(record)
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        [self.n, self.e, self.d, self.p, self.q, self.iqmp].iter().map(|digits| digits.len()).sum()
    }
}

/// Appends a string of `len` bytes, and shows them to be written.
fn put(record: &mut SecretBuf, len: usize) -> &mut [u8] {
    record.extend(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    let start = record.len();
    record.resize(start + len);
    &mut record[start..]
}

/// A key in AWS-LC's memory, wiped when dropped.
pub(super) struct Rsa(NonNull<c::RSA>);

// SAFETY: AWS-LC allows private operations with one key from several threads; nothing else is done with it.
unsafe impl Send for Rsa {}
// SAFETY: as above; its own locks guard what it computes once and keeps.
unsafe impl Sync for Rsa {}

impl Rsa {
    /// A key from what [`to_record`] made.
    pub(super) fn from_record(record: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        let mut next = || Number::from_digits(reader.string().ok()?);
        let (n, e, d, p) = (next()?, next()?, next()?, next()?);
        let (q, dp, dq, iqmp) = (next()?, next()?, next()?, next()?);
        // SAFETY: null is checked at once.
        let rsa = Self(NonNull::new(unsafe { c::RSA_new() })?);
        let key = rsa.0.as_ptr();
        // SAFETY: three live numbers, which belong to the key from here on; it fails only where one is null.
        let public = unsafe { c::RSA_set0_key(key, n.give(), e.give(), d.give()) };
        // SAFETY: as above.
        let factors = unsafe { c::RSA_set0_factors(key, p.give(), q.give()) };
        // SAFETY: as above.
        let rest = unsafe { c::RSA_set0_crt_params(key, dp.give(), dq.give(), iqmp.give()) };
        (public == 1 && factors == 1 && rest == 1).then_some(rsa)
    }

    /// The PKCS#1 v1.5 signature of `data`, as long as the modulus.
    pub(super) fn sign(&self, data: &[u8], hash: Hash) -> Option<Vec<u8>> {
        let (nid, digest) = hash.of(data);
        let digest = digest.as_ref();
        // SAFETY: a live key.
        let size = unsafe { c::RSA_size(self.0.as_ptr()) };
        let mut signature = vec![0; size as usize];
        let mut len = 0;
        let (out, key) = (signature.as_mut_ptr(), self.0.as_ptr());
        // SAFETY: `out` has RSA_size bytes, which is all that RSA_sign writes; the digest has its own length.
        let done = unsafe { c::RSA_sign(nid, digest.as_ptr(), digest.len(), out, &mut len, key) };
        (done == 1 && len == size).then_some(signature)
    }

    /// A public key alone, of its modulus and exponent.
    fn from_public(n: &[u8], e: &[u8]) -> Option<Self> {
        let (n, e) = (Number::from_digits(n)?, Number::from_digits(e)?);
        // SAFETY: null is checked at once.
        let rsa = Self(NonNull::new(unsafe { c::RSA_new() })?);
        // SAFETY: two live numbers, which belong to the key from here on; a public key has no third.
        let done = unsafe { c::RSA_set0_key(rsa.0.as_ptr(), n.give(), e.give(), ptr::null_mut()) };
        (done == 1).then_some(rsa)
    }
}

/// Whether `signature` is the PKCS#1 v1.5 signature of `data`, as long as the modulus, by the key of these numbers.
/// AWS-LC takes up to 16,384 bits; aws-lc-rs would take half as many.
pub(super) fn verify(n: &[u8], e: &[u8], data: &[u8], hash: Hash, signature: &[u8]) -> Option<()> {
    let key = Rsa::from_public(n, e)?;
    let (nid, digest) = hash.of(data);
    let digest = digest.as_ref();
    let (given, len) = (signature.as_ptr(), signature.len());
    // SAFETY: a live key; reads exactly the digest and the signature.
    let done = unsafe { c::RSA_verify(nid, digest.as_ptr(), digest.len(), given, len, key.0.as_ptr()) };
    (done == 1).then_some(())
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again; frees and wipes every number of the key.
        unsafe { c::RSA_free(self.0.as_ptr()) };
    }
}
