//! Verifying the signatures of hosts and authorities: public data only.
//!
//! Guarantees: what OpenSSH's agent believes is believed, SHA-1 under `ssh-rsa` and FIDO tokens included; never
//! `ssh-dss`, which no supported OpenSSH signs with, nor a token's signature in the form of web pages.
#![forbid(unsafe_code)]

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::certificate::Certificate;
use super::composite;
use super::number::digits;
use super::public::{Public, verifying};
use super::rsa::{self, Hash};
use crate::message::{Curve, Reader};

/// True where `signature` (a signature blob) is one of `message` by the key in `blob`: a plain public key, or a
/// certificate with a right signature of its authority, whoever that is. False for anything that cannot be
/// read and for types that this agent does not know.
pub fn verify(blob: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match Certificate::read(blob) {
        Ok(certificate) => {
            is_signed(&certificate) && try_verify(&certificate.plain(), message, signature).is_some()
        }
        Err(_) => try_verify(blob, message, signature).is_some(),
    }
}

/// True where `blob` is a public key in the form of its type, or a certificate of one with a right signature of
/// its authority.
pub fn is_public_key(blob: &[u8]) -> bool {
    match Certificate::read(blob) {
        Ok(certificate) => Public::read(&certificate.plain()).is_some() && is_signed(&certificate),
        Err(_) => Public::read(blob).is_some(),
    }
}

fn is_signed(certificate: &Certificate<'_>) -> bool {
    try_verify(certificate.statement.authority, certificate.signed, certificate.signature).is_some()
}

/// False where the authority's signature is of a kind that can be verified here, and is wrong.
pub(super) fn may_be_signed(certificate: &Certificate<'_>) -> bool {
    !is_known(certificate.statement.authority) || is_signed(certificate)
}

/// Whether [`try_verify`] knows what to say of such a key's signatures: also of a key that is out of its type's
/// form.
fn is_known(blob: &[u8]) -> bool {
    match Public::read(blob) {
        Some(Public::Dss) => false,
        Some(_) => true,
        None => !Reader::new(blob).string().is_ok_and(Public::is_foreign),
    }
}

fn try_verify(blob: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key_type = Reader::new(blob).string().ok()?;
    let mut reader = Reader::new(signature);
    let (name, bytes) = (reader.string().ok()?, reader.string().ok()?);
    match Public::read(blob)? {
        Public::SkEd25519 { point, application } if name == key_type => {
            verify_ed25519(point, &on_token(application, message, &mut reader)?, bytes)?;
        }
        Public::SkEcdsa { point, application } if name == key_type => {
            verify_ecdsa(Curve::P256, point, &on_token(application, message, &mut reader)?, bytes)?;
        }
        Public::Ed25519(point) if name == key_type => verify_ed25519(point, message, bytes)?,
        Public::Ecdsa(curve, point) if name == key_type => verify_ecdsa(curve, point, message, bytes)?,
        Public::Rsa { e, n } => verify_rsa(e, n, name, message, bytes)?,
        Public::Composite(halves) if name == key_type => composite::verify(halves, message, bytes)?,
        _ => return None,
    }
    reader.is_empty().then_some(())
}

/// What a FIDO token signs for `message` (OpenSSH's PROTOCOL.u2f): it tells of itself in flags and a counter,
/// which stand at the signature's end. Whether a person was there is not asked, as OpenSSH does not for hosts.
fn on_token(application: &[u8], message: &[u8], signature: &mut Reader<'_>) -> Option<Vec<u8>> {
    const FLAGS_AND_COUNTER: usize = 1 + 4;
    let token = signature.bytes(FLAGS_AND_COUNTER).ok()?;
    Some([digest(&SHA256, application).as_ref(), token, digest(&SHA256, message).as_ref()].concat())
}

fn verify_ed25519(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    UnparsedPublicKey::new(&ED25519, point).verify(message, signature).ok()
}

fn verify_rsa(e: &[u8], n: &[u8], name: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let hash = match name {
        b"ssh-rsa" => Hash::Sha1,
        b"rsa-sha2-256" => Hash::Sha256,
        b"rsa-sha2-512" => Hash::Sha512,
        _ => return None,
    };
    // Some signers leave leading zeros out.
    let mut padded = vec![0; n.len().checked_sub(signature.len())?];
    padded.extend_from_slice(signature);
    rsa::verify(n, e, message, hash, &padded)
}

fn verify_ecdsa(curve: Curve, point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let mut reader = Reader::new(signature);
    let (r, s) = (reader.string().ok()?, reader.string().ok()?);
    reader.end().ok()?;
    let mut fixed = vec![0; 2 * curve.field_len()];
    for (number, half) in [r, s].into_iter().zip(fixed.chunks_mut(curve.field_len())) {
        let number = digits(number).ok()?;
        let start = half.len().checked_sub(number.len())?;
        half[start..].copy_from_slice(number);
    }
    UnparsedPublicKey::new(verifying(curve), point).verify(message, &fixed).ok()
}

#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
