//! A host's key, as a session was bound to it: what an authority says of it is given out, not judged.
#![forbid(unsafe_code)]

use super::certificate::Certificate;
use crate::message::{Reader, is_certificate};

/// A host's key or certificate, whose signatures are taken to be verified. Taken apart once: certificates may be long,
/// and each list of keys asks for what they say.
pub enum HostKey {
    /// A plain public key: the blob itself.
    Plain(Box<[u8]>),
    /// A certificate for hosts.
    Certified(HostCertificate),
    /// A certificate that cannot speak for a host: it is for users, or holds options that nobody knows, or is
    /// signed with SHA-1 (OpenSSH's default of CASignatureAlgorithms has none).
    Unusable,
}

/// What an authority says of a host.
pub struct HostCertificate {
    /// The authority's public key.
    pub authority: Box<[u8]>,
    /// First second since 1970 of the certificate's time.
    pub valid_after: u64,
    /// First second after its time.
    pub valid_before: u64,
    principals: Box<[u8]>,
}

impl HostKey {
    /// Reads a host's key.
    pub fn read(blob: &[u8]) -> Self {
        let Ok(key_type) = Reader::new(blob).string() else { return Self::Unusable };
        if !is_certificate(key_type) {
            return Self::Plain(blob.into());
        }
        let Ok(Certificate { statement, signature, .. }) = Certificate::read(blob) else {
            return Self::Unusable;
        };
        let by_sha1 = Reader::new(signature).string().is_ok_and(|name| name == b"ssh-rsa");
        if !statement.for_host || !statement.critical.is_empty() || by_sha1 {
            return Self::Unusable;
        }
        Self::Certified(HostCertificate {
            authority: statement.authority.into(),
            valid_after: statement.valid_after,
            valid_before: statement.valid_before,
            principals: statement.principals.into(),
        })
    }
}

impl HostCertificate {
    /// The host names that the certificate is for: patterns.
    pub fn principals(&self) -> impl Iterator<Item = &[u8]> {
        let mut reader = Reader::new(&self.principals);
        std::iter::from_fn(move || reader.string().ok())
    }
}
