//! A host's key, as a session was bound to it: what an authority says of it is given out, not judged.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::certificate::Certificate;
use crate::message::{Reader, is_certificate};

/// What a host's key or certificate is, whose signatures are taken to be verified. Read once, and without a copy of what
/// may be long: each list of keys asks for it, on each connection.
pub enum HostKey {
    /// A plain public key.
    Plain,
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
    /// Where in the certificate they stand.
    principals: Range<usize>,
}

impl HostKey {
    /// Reads a host's key.
    pub fn read(blob: &[u8]) -> Self {
        let Ok(key_type) = Reader::new(blob).string() else { return Self::Unusable };
        if !is_certificate(key_type) {
            return Self::Plain;
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
            principals: place_of(statement.principals, blob),
        })
    }
}

impl HostCertificate {
    /// The host names that the certificate, which is `blob`, is for: patterns.
    pub fn principals<'b>(&self, blob: &'b [u8]) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut reader = Reader::new(blob.get(self.principals.clone()).unwrap_or_default());
        std::iter::from_fn(move || reader.string().ok())
    }
}

/// Where `part`, which was borrowed from `whole`, stands in it.
fn place_of(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}
