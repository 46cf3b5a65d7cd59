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

/// The plain public key of a certificate; none where `blob` is no certificate.
pub(super) fn plain_blob(blob: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::from_bytes(blob).ok()?;
    PublicKey::from(certificate.public_key().clone()).to_bytes().ok()
}
