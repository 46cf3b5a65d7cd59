//! Certificates (OpenSSH's PROTOCOL.certkeys): read for the public half, kept as the bytes that came.
#![forbid(unsafe_code)]

use ssh_key::public::KeyData;
use ssh_key::{Certificate, PublicKey};

use super::ImportError;

/// The key that a certificate certifies; its type must be the one that the message named.
pub(super) fn certified(blob: &[u8], key_type: &str) -> Result<KeyData, ImportError> {
    let certificate = Certificate::from_bytes(blob).map_err(ImportError::Certificate)?;
    if certificate.algorithm().to_certificate_type() != key_type {
        return Err(ImportError::Invalid("the certificate is for another type of key"));
    }
    Ok(certificate.public_key().clone())
}

/// What an authority says of a key.
pub(super) struct Statement<'f> {
    /// The plain public key.
    pub(super) plain: Vec<u8>,
    /// The authority's.
    pub(super) authority: Vec<u8>,
    /// What the authority signed: all of the certificate but the signature.
    pub(super) signed: &'f [u8],
    /// Its signature, not yet verified.
    pub(super) signature: Vec<u8>,
}

/// Takes a certificate apart; none where `blob` is none.
pub(super) fn statement(blob: &[u8]) -> Option<Statement<'_>> {
    let certificate = Certificate::from_bytes(blob).ok()?;
    let bytes = |key: &KeyData| PublicKey::from(key.clone()).to_bytes().ok();
    let signature = Vec::try_from(certificate.signature().clone()).ok()?;
    let (signed, _length) = blob.strip_suffix(&signature[..])?.split_last_chunk::<4>()?;
    let (plain, authority) = (bytes(certificate.public_key())?, bytes(certificate.signature_key())?);
    Some(Statement { plain, authority, signed, signature })
}
