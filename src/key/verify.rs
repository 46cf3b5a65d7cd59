//! Verifying host signatures, for session-bind: public data only.
#![forbid(unsafe_code)]

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use super::certificate::Certificate;
use super::number::digits;
use crate::message::{Curve, DecodeError, Reader};

/// The largest modulus that aws-lc-rs verifies with, as an mpint.
const MOST_RSA_BYTES: usize = 8192 / 8 + 1;

/// True where `signature` (a signature blob) is one of `message` by the key in `blob`: a plain public key, or a
/// certificate with a right signature of its authority, whoever that is. False for anything that cannot be
/// read, for SHA-1 and for types that this agent does not know.
pub fn verify(blob: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match Certificate::read(blob) {
        Ok(certificate) => {
            try_verify(certificate.authority, certificate.signed, certificate.signature).is_some()
                && try_verify(&certificate.plain(), message, signature).is_some()
        }
        Err(_) => try_verify(blob, message, signature).is_some(),
    }
}

/// False where the authority's signature is of a kind that can be verified here, and is wrong.
pub(super) fn may_be_signed(certificate: &Certificate<'_>) -> bool {
    let Certificate { authority, signed, signature, .. } = certificate;
    !is_known(authority, signature) || try_verify(authority, signed, signature).is_some()
}

/// Whether [`try_verify`] could say yes to such a key and such a signature.
fn is_known(blob: &[u8], signature: &[u8]) -> bool {
    let mut key = Reader::new(blob);
    let (Ok(key_type), Ok(name)) = (key.string(), Reader::new(signature).string()) else { return true };
    match key_type {
        b"ssh-ed25519" => true,
        b"ssh-rsa" => {
            let (_, n) = (key.string(), key.string());
            name != key_type && n.is_ok_and(|n| n.len() <= MOST_RSA_BYTES)
        }
        _ => Curve::ALL.iter().any(|curve| curve.key_type().as_bytes() == key_type),
    }
}

fn try_verify(blob: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let mut key = Reader::new(blob);
    let key_type = key.string().ok()?;
    let (name, bytes) = two_strings(signature).ok()?;
    match key_type {
        b"ssh-ed25519" if name == key_type => {
            let public = last(key)?;
            UnparsedPublicKey::new(&ED25519, public).verify(message, bytes).ok()
        }
        b"ssh-rsa" => verify_rsa(key, name, message, bytes),
        _ => {
            let curve = Curve::ALL.into_iter().find(|c| c.key_type().as_bytes() == key_type)?;
            if name != key_type || key.string().ok()? != curve.name().as_bytes() {
                return None;
            }
            verify_ecdsa(curve, last(key)?, message, bytes)
        }
    }
}

fn two_strings(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let mut reader = Reader::new(bytes);
    let strings = (reader.string()?, reader.string()?);
    reader.end()?;
    Ok(strings)
}

fn last(mut reader: Reader<'_>) -> Option<&[u8]> {
    let string = reader.string().ok()?;
    reader.end().ok()?;
    Some(string)
}

fn verify_rsa(mut key: Reader<'_>, name: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let (e, n) = (digits(key.string().ok()?).ok()?, digits(last(key)?).ok()?);
    let parameters = match name {
        b"rsa-sha2-256" => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        b"rsa-sha2-512" => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ => return None,
    };
    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).ok()
}

fn verify_ecdsa(curve: Curve, point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let algorithm: &'static dyn VerificationAlgorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    };
    let (r, s) = two_strings(signature).ok()?;
    let mut fixed = vec![0; 2 * curve.field_len()];
    for (number, half) in [r, s].into_iter().zip(fixed.chunks_mut(curve.field_len())) {
        let number = digits(number).ok()?;
        let start = half.len().checked_sub(number.len())?;
        half[start..].copy_from_slice(number);
    }
    UnparsedPublicKey::new(algorithm, point).verify(message, &fixed).ok()
}
