//! ML-DSA-44 (FIPS 204) in AWS-LC's own interface.
//!
//! aws-lc-rs signs and verifies without a context string; the composite signatures of SSH need one.
//! Guarantees: a private key is expanded from its seed for one use; what AWS-LC allocates for it is wiped when
//! freed; a signature is the hedged kind, with fresh randomness of AWS-LC's in it, so no two are alike.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_sys as c;

/// Bytes of the seed that a private key is expanded from.
pub(super) const SEED_LEN: usize = 32;

/// Bytes of a public key.
pub(super) const PUBLIC_LEN: usize = 1312;

/// Bytes of a signature.
pub(super) const SIGNATURE_LEN: usize = 2420;

never_copied_or_shown!(MlDsa44);

/// A key in AWS-LC's memory, wiped when dropped.
pub(super) struct MlDsa44(NonNull<c::EVP_PKEY>);

impl MlDsa44 {
    /// The private key of a seed, with its public half.
    pub(super) fn from_seed(seed: &[u8; SEED_LEN]) -> Option<Self> {
        // SAFETY: reads exactly the seed.
        let key = unsafe { c::EVP_PKEY_pqdsa_new_raw_private_key(c::NID_MLDSA44, seed.as_ptr(), SEED_LEN) };
        NonNull::new(key).map(Self)
    }

    /// A public key alone: it verifies and does not sign.
    pub(super) fn from_public(public: &[u8; PUBLIC_LEN]) -> Option<Self> {
        // SAFETY: reads exactly the public key.
        let key =
            unsafe { c::EVP_PKEY_pqdsa_new_raw_public_key(c::NID_MLDSA44, public.as_ptr(), PUBLIC_LEN) };
        NonNull::new(key).map(Self)
    }

    /// The public half.
    pub(super) fn public(&self) -> Option<[u8; PUBLIC_LEN]> {
        let (mut public, mut len) = ([0; PUBLIC_LEN], PUBLIC_LEN);
        // SAFETY: a live key; writes no more than `len` bytes, which `public` has.
        let done = unsafe { c::EVP_PKEY_get_raw_public_key(self.0.as_ptr(), public.as_mut_ptr(), &mut len) };
        (done == 1 && len == PUBLIC_LEN).then_some(public)
    }

    /// The signature of `data` in `context` (at most 255 bytes). None for a public key.
    pub(super) fn sign(&self, context: &[u8], data: &[u8]) -> Option<[u8; SIGNATURE_LEN]> {
        let work = Work::new()?;
        let (md, mut inner) = (work.0.as_ptr(), ptr::null_mut());
        // SAFETY: two live objects; there is no prehash and no engine. `inner` belongs to `work` from here on.
        let begun =
            unsafe { c::EVP_DigestSignInit(md, &mut inner, ptr::null(), ptr::null_mut(), self.0.as_ptr()) };
        if begun != 1 || !in_context(inner, context) {
            return None;
        }
        let (mut signature, mut len) = ([0; SIGNATURE_LEN], SIGNATURE_LEN);
        let out = signature.as_mut_ptr();
        // SAFETY: writes no more than `len` bytes, which `signature` has, and reads exactly `data`.
        let done = unsafe { c::EVP_DigestSign(md, out, &mut len, data.as_ptr(), data.len()) };
        (done == 1 && len == SIGNATURE_LEN).then_some(signature)
    }

    /// Whether `signature` is this key's of `data` in `context`.
    pub(super) fn verify(&self, context: &[u8], data: &[u8], signature: &[u8]) -> Option<()> {
        let work = Work::new()?;
        let (md, mut inner) = (work.0.as_ptr(), ptr::null_mut());
        // SAFETY: as in `sign`.
        let begun =
            unsafe { c::EVP_DigestVerifyInit(md, &mut inner, ptr::null(), ptr::null_mut(), self.0.as_ptr()) };
        if begun != 1 || !in_context(inner, context) {
            return None;
        }
        let (given, len) = (signature.as_ptr(), signature.len());
        // SAFETY: reads exactly `signature` and `data`.
        let done = unsafe { c::EVP_DigestVerify(md, given, len, data.as_ptr(), data.len()) };
        (done == 1).then_some(())
    }
}

impl Drop for MlDsa44 {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again; `Work` has its own reference.
        unsafe { c::EVP_PKEY_free(self.0.as_ptr()) };
    }
}

/// Sets the context string of one signature that has been begun.
fn in_context(inner: *mut c::EVP_PKEY_CTX, context: &[u8]) -> bool {
    // SAFETY: a live object of the caller's; the context is copied, and refused where it is too long.
    unsafe { c::EVP_PKEY_CTX_set1_signature_context_string(inner, context.as_ptr(), context.len()) == 1 }
}

/// One signature under way.
struct Work(NonNull<c::EVP_MD_CTX>);

impl Work {
    fn new() -> Option<Self> {
        // SAFETY: null is checked at once.
        NonNull::new(unsafe { c::EVP_MD_CTX_new() }).map(Self)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::EVP_MD_CTX_free(self.0.as_ptr()) };
    }
}
