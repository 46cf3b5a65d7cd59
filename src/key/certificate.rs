//! Certificates (OpenSSH's PROTOCOL.certkeys): read for the public half, kept as the bytes that came.
#![forbid(unsafe_code)]

use ssh_key::Certificate;
use ssh_key::public::KeyData;

use super::ImportError;

/// The key that a certificate certifies; its type must be the one that the message named.
pub(super) fn certified(blob: &[u8], key_type: &str) -> Result<KeyData, ImportError> {
    let certificate = Certificate::from_bytes(blob).map_err(ImportError::Certificate)?;
    if certificate.algorithm().to_certificate_type() != key_type {
        return Err(ImportError::Invalid("the certificate is for another type of key"));
    }
    Ok(certificate.public_key().clone())
}
