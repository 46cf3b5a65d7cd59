//! RSA beyond the safe interface, in AWS-LC's own.
//!
//! aws-lc-rs signs with 2,048 to 8,192 bits and SHA-2. OpenSSH's agent also holds 1,024 bits and up, signs
//! `ssh-rsa` with SHA-1 for old servers, and brings keys without dP and dQ: this module closes those gaps
//! with the same C library.
//! Guarantees: every number that AWS-LC allocates is wiped when freed; a key comes out of [`to_pkcs1`] only
//! after `RSA_check_key`.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding};
use aws_lc_sys as c;

/// What aws-lc-rs itself signs with, in bits.
const SAFE_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The hash under a PKCS#1 v1.5 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// A key's numbers as digits, big-endian.
pub(super) struct Numbers<'f> {
    pub(super) n: &'f [u8],
    pub(super) e: &'f [u8],
    pub(super) d: &'f [u8],
    pub(super) p: &'f [u8],
    pub(super) q: &'f [u8],
    pub(super) iqmp: &'f [u8],
}

/// The padding that aws-lc-rs signs with; none where only the C library does.
pub(super) fn padding(bits: usize, hash: Hash) -> Option<&'static dyn RsaEncoding> {
    match hash {
        Hash::Sha256 if SAFE_BITS.contains(&bits) => Some(&RSA_PKCS1_SHA256),
        Hash::Sha512 if SAFE_BITS.contains(&bits) => Some(&RSA_PKCS1_SHA512),
        _ => None,
    }
}

/// Signs `data` with a parsed key.
pub(super) fn sign(pair: &KeyPair, padding: &'static dyn RsaEncoding, data: &[u8]) -> Option<Vec<u8>> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), data, &mut signature).ok()?;
    Some(signature)
}

/// Signs `data` with the PKCS#1 key `der`, of any size and with any hash.
pub(super) fn sign_with_c(der: &[u8], data: &[u8], hash: Hash) -> Option<Vec<u8>> {
    let (nid, algorithm) = match hash {
        Hash::Sha1 => (c::NID_sha1, &SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => (c::NID_sha256, &SHA256),
        Hash::Sha512 => (c::NID_sha512, &SHA512),
    };
    let digest = digest::digest(algorithm, data);
    let digest = digest.as_ref();
    let rsa = Rsa::from_pkcs1(der)?;
    // SAFETY: a key made just above.
    let size = unsafe { c::RSA_size(rsa.0.as_ptr()) };
    let mut signature = vec![0; size as usize];
    let mut len = 0;
    let (out, key) = (signature.as_mut_ptr(), rsa.0.as_ptr());
    // SAFETY: `out` has RSA_size bytes, which is all that RSA_sign writes; the digest has its own length.
    let done = unsafe { c::RSA_sign(nid, digest.as_ptr(), digest.len(), out, &mut len, key) };
    (done == 1 && len == size).then_some(signature)
}

/// Computes dP and dQ, checks the whole key, and shows it as PKCS#1 DER, wiped afterwards. None where the
/// numbers are no key. The two remainders are taken once per key, when it is added: BN_nnmod's time
/// depends on the numbers' sizes.
pub(super) fn to_pkcs1<T>(numbers: &Numbers<'_>, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let number = Number::from_digits;
    let (n, e, d) = (number(numbers.n)?, number(numbers.e)?, number(numbers.d)?);
    let (p, q, iqmp) = (number(numbers.p)?, number(numbers.q)?, number(numbers.iqmp)?);
    let (dp, dq) = (d.modulo_less_one(&p)?, d.modulo_less_one(&q)?);
    // SAFETY: eight live numbers, which the call copies; it checks them and gives null where they are no key.
    let rsa = Rsa(NonNull::new(unsafe {
        c::RSA_new_private_key(n.get(), e.get(), d.get(), p.get(), q.get(), dp.get(), dq.get(), iqmp.get())
    })?);
    let der = Der::of(&rsa)?;
    Some(look(der.bytes()))
}

/// A number of AWS-LC's, wiped when dropped.
struct Number(NonNull<c::BIGNUM>);

impl Number {
    fn from_digits(digits: &[u8]) -> Option<Self> {
        // SAFETY: reads exactly the slice; null asks for a new number.
        let number = unsafe { c::BN_bin2bn(digits.as_ptr(), digits.len(), ptr::null_mut()) };
        NonNull::new(number).map(Self)
    }

    fn get(&self) -> *const c::BIGNUM {
        self.0.as_ptr()
    }

    /// self mod (prime - 1)
    fn modulo_less_one(&self, prime: &Self) -> Option<Self> {
        let (less_one, remainder) = (Self::from_digits(&[])?, Self::from_digits(&[])?);
        // SAFETY: gives a constant that lives for ever.
        let one = unsafe { c::BN_value_one() };
        // SAFETY: three live numbers.
        if unsafe { c::BN_sub(less_one.0.as_ptr(), prime.get(), one) } != 1 {
            return None;
        }
        // SAFETY: null is checked next.
        let context = Context(NonNull::new(unsafe { c::BN_CTX_new() })?);
        let out = remainder.0.as_ptr();
        // SAFETY: three live numbers and a live context; a divisor of zero is refused.
        let done = unsafe { c::BN_nnmod(out, self.get(), less_one.get(), context.0.as_ptr()) };
        (done == 1).then_some(remainder)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::BN_clear_free(self.0.as_ptr()) };
    }
}

struct Context(NonNull<c::BN_CTX>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::BN_CTX_free(self.0.as_ptr()) };
    }
}

struct Rsa(NonNull<c::RSA>);

impl Rsa {
    fn from_pkcs1(der: &[u8]) -> Option<Self> {
        // SAFETY: reads exactly the slice.
        NonNull::new(unsafe { c::RSA_private_key_from_bytes(der.as_ptr(), der.len()) }).map(Self)
    }
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again; frees and wipes every number of the key.
        unsafe { c::RSA_free(self.0.as_ptr()) };
    }
}

/// A key's DER in AWS-LC's heap, wiped when dropped.
struct Der {
    start: NonNull<u8>,
    len: usize,
}

impl Der {
    fn of(rsa: &Rsa) -> Option<Self> {
        let (mut start, mut len) = (ptr::null_mut(), 0);
        // SAFETY: a live key; on success the buffer is ours to free.
        let done = unsafe { c::RSA_private_key_to_bytes(&mut start, &mut len, rsa.0.as_ptr()) };
        (done == 1).then_some(Self { start: NonNull::new(start)?, len })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the buffer that the library gave, with the length that it gave.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Der {
    fn drop(&mut self) {
        // SAFETY: the library's own buffer; OPENSSL_free wipes before it frees.
        unsafe { c::OPENSSL_free(self.start.as_ptr().cast()) };
    }
}
