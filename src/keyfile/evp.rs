//! PEM files, as AWS-LC reads them.
//!
//! Guarantees: what AWS-LC allocates for a key, and its copy of the passphrase, is wiped when it is done with.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::ptr::{self, NonNull};

use aws_lc_sys as c;
use zeroize::{Zeroize, Zeroizing};

use crate::message::Curve;

/// Bytes of each half of an Ed25519 key.
const ED25519_LEN: usize = 32;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The lines around the key are damaged.
    Armour,
    /// The cipher, or the way from the passphrase to its key, is not known.
    Encryption,
    /// The type of key, or its curve, is not known.
    Type,
    /// The passphrase is wrong, or the key is damaged.
    Other,
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    /// By the number that AWS-LC has for the curve.
    Ec(i32),
    Ed25519,
    Dsa,
    Other,
}

never_copied_or_shown!(Evp);

/// A private key in AWS-LC's memory.
pub(super) struct Evp(NonNull<c::EVP_PKEY>);

/// The number of a curve.
pub(super) fn nid(curve: Curve) -> i32 {
    match curve {
        Curve::P256 => c::NID_X9_62_prime256v1,
        Curve::P384 => c::NID_secp384r1,
        Curve::P521 => c::NID_secp521r1,
    }
}

impl Evp {
    /// The first private key of a file.
    pub(super) fn from_pem(file: &[u8], passphrase: &[u8]) -> Result<Self, Failure> {
        let Ok(length) = c::ossl_ssize_t::try_from(file.len()) else { return Err(Failure::Armour) };
        let mut passphrase = CString::new(passphrase).map_err(|_| Failure::Other)?;
        // SAFETY: the file outlives the reader, which reads exactly its length; null is checked at once.
        let reader = unsafe { c::BIO_new_mem_buf(file.as_ptr().cast(), length) };
        let reader = Reader(NonNull::new(reader).ok_or(Failure::Other)?);
        // SAFETY: forgets errors of this thread.
        unsafe { c::ERR_clear_error() };
        let secret = passphrase.as_ptr().cast_mut().cast();
        // SAFETY: a live reader; without a callback the last one is a text with its zero, which is only read.
        let key = unsafe { c::PEM_read_bio_PrivateKey(reader.0.as_ptr(), ptr::null_mut(), None, secret) };
        let failure = if key.is_null() { failure() } else { Failure::Other };
        let mut bytes = std::mem::take(&mut passphrase).into_bytes_with_nul();
        bytes.zeroize();
        NonNull::new(key).map(Self).ok_or(failure)
    }

    pub(super) fn kind(&self) -> Kind {
        // SAFETY: a live key.
        match unsafe { c::EVP_PKEY_id(self.0.as_ptr()) } {
            c::EVP_PKEY_RSA => Kind::Rsa,
            c::EVP_PKEY_EC => self.curve().map_or(Kind::Other, Kind::Ec),
            c::EVP_PKEY_ED25519 => Kind::Ed25519,
            c::EVP_PKEY_DSA => Kind::Dsa,
            _ => Kind::Other,
        }
    }

    /// Modulus, public exponent, private exponent, the coefficient, and both primes.
    pub(super) fn rsa(&self) -> Option<[Zeroizing<Vec<u8>>; 6]> {
        type Get = unsafe extern "C" fn(*const c::RSA) -> *const c::BIGNUM;
        // SAFETY: a live key; null where it is none of RSA's.
        let rsa = NonNull::new(unsafe { c::EVP_PKEY_get0_RSA(self.0.as_ptr()) })?;
        let number = |get: Get| {
            // SAFETY: a live key of RSA's.
            let number = unsafe { get(rsa.as_ptr()) };
            // SAFETY: null, or a number of that key.
            unsafe { digits(number) }
        };
        Some([
            number(c::RSA_get0_n)?,
            number(c::RSA_get0_e)?,
            number(c::RSA_get0_d)?,
            number(c::RSA_get0_iqmp)?,
            number(c::RSA_get0_p)?,
            number(c::RSA_get0_q)?,
        ])
    }

    fn ec_key(&self) -> Option<NonNull<c::EC_KEY>> {
        // SAFETY: a live key; null where it is none of this kind.
        NonNull::new(unsafe { c::EVP_PKEY_get0_EC_KEY(self.0.as_ptr()) })
    }

    fn group(&self) -> Option<*const c::EC_GROUP> {
        // SAFETY: a live key.
        let group = unsafe { c::EC_KEY_get0_group(self.ec_key()?.as_ptr()) };
        (!group.is_null()).then_some(group)
    }

    fn curve(&self) -> Option<i32> {
        let group = self.group()?;
        // SAFETY: the group of a live key.
        Some(unsafe { c::EC_GROUP_get_curve_name(group) })
    }

    /// The point, uncompressed, and the scalar.
    pub(super) fn ec(&self) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let (key, group) = (self.ec_key()?, self.group()?);
        // SAFETY: a live key.
        let scalar = unsafe { c::EC_KEY_get0_private_key(key.as_ptr()) };
        // SAFETY: null, or a number of that key.
        let scalar = unsafe { digits(scalar) }?;
        // SAFETY: a live key; null is checked at once.
        let point = NonNull::new(unsafe { c::EC_KEY_get0_public_key(key.as_ptr()) }.cast_mut())?;
        let mut out = [0; 1 + 2 * 66];
        let form = c::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED;
        let (place, room) = (out.as_mut_ptr(), out.len());
        // SAFETY: a point of that group; writes no more than `room` bytes, and nothing where they are too few.
        let len = unsafe { c::EC_POINT_point2oct(group, point.as_ptr(), form, place, room, ptr::null_mut()) };
        (len > 0).then(|| (out[..len].to_vec(), scalar))
    }

    /// The seed, and the public half after it.
    pub(super) fn ed25519(&self) -> Option<Zeroizing<[u8; 2 * ED25519_LEN]>> {
        let mut both = Zeroizing::new([0; 2 * ED25519_LEN]);
        let (seed, public) = both.split_at_mut(ED25519_LEN);
        let (mut seed_len, mut public_len) = (seed.len(), public.len());
        // SAFETY: a live key; writes at most as many bytes as the second one says, and says how many.
        let first =
            unsafe { c::EVP_PKEY_get_raw_private_key(self.0.as_ptr(), seed.as_mut_ptr(), &mut seed_len) };
        // SAFETY: as above.
        let second =
            unsafe { c::EVP_PKEY_get_raw_public_key(self.0.as_ptr(), public.as_mut_ptr(), &mut public_len) };
        let whole = seed_len == ED25519_LEN && public_len == ED25519_LEN;
        (first == 1 && second == 1 && whole).then_some(both)
    }
}

impl Drop for Evp {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again; frees and wipes every number of the key.
        unsafe { c::EVP_PKEY_free(self.0.as_ptr()) };
    }
}

struct Reader(NonNull<c::BIO>);

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::BIO_free(self.0.as_ptr()) };
    }
}

/// The digits of a number, big-endian.
///
/// # Safety
/// `number` is null or points to a live number.
unsafe fn digits(number: *const c::BIGNUM) -> Option<Zeroizing<Vec<u8>>> {
    NonNull::new(number.cast_mut())?;
    // SAFETY: not null, and so live, as the caller has promised.
    let len = unsafe { c::BN_num_bytes(number) };
    let mut out = Zeroizing::new(vec![0; len as usize]);
    // SAFETY: as above; `out` has as many bytes as are written.
    unsafe { c::BN_bn2bin(number, out.as_mut_ptr()) };
    Some(out)
}

/// What AWS-LC complains about: the first of this thread's errors, which the others only follow from.
fn failure() -> Failure {
    // SAFETY: reads errors of this thread.
    let code = unsafe { c::ERR_peek_error() };
    // As the macros ERR_GET_LIB and ERR_GET_REASON take it apart.
    let number = |bits: u32| i32::try_from(bits).unwrap_or_default();
    let (library, reason) = (number(code >> 24 & 0xff), number(code & 0xfff));
    // SAFETY: forgets errors of this thread.
    unsafe { c::ERR_clear_error() };
    match (library, reason) {
        (c::ERR_LIB_PEM, c::PEM_R_UNSUPPORTED_CIPHER | c::PEM_R_UNSUPPORTED_ENCRYPTION)
        | (
            c::ERR_LIB_PKCS8,
            c::PKCS8_R_UNKNOWN_ALGORITHM
            | c::PKCS8_R_UNKNOWN_CIPHER
            | c::PKCS8_R_UNKNOWN_CIPHER_ALGORITHM
            | c::PKCS8_R_UNKNOWN_DIGEST
            | c::PKCS8_R_UNKNOWN_HASH
            | c::PKCS8_R_UNSUPPORTED_KEYLENGTH
            | c::PKCS8_R_UNSUPPORTED_SALT_TYPE
            | c::PKCS8_R_UNSUPPORTED_CIPHER
            | c::PKCS8_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION
            | c::PKCS8_R_BAD_ITERATION_COUNT
            | c::PKCS8_R_UNSUPPORTED_PRF
            | c::PKCS8_R_UNSUPPORTED_OPTIONS,
        ) => Failure::Encryption,
        (c::ERR_LIB_PEM, reason) if reason != c::PEM_R_BAD_DECRYPT => Failure::Armour,
        (c::ERR_LIB_EVP, c::EVP_R_UNSUPPORTED_ALGORITHM) | (c::ERR_LIB_EC, c::EC_R_UNKNOWN_GROUP) => {
            Failure::Type
        }
        _ => Failure::Other,
    }
}
