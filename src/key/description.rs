//! What a person is told of a public key: its type and size.
#![forbid(unsafe_code)]

use super::Algorithm;
use super::fingerprint::plain;
use super::number::bits;
use super::public::Public;
use crate::message::{Composite, Reader, is_certificate};

/// The type as `ssh-add -l` names it, such as `ED25519` or `RSA-CERT`, and the size in bits; none where `blob` is no key
/// of a type that is known here.
pub fn describe(blob: &[u8]) -> Option<(String, usize)> {
    let name = Reader::new(blob).string().ok()?;
    let public = plain(blob)?;
    let algorithm = match Public::read(&public)? {
        Public::Ed25519(_) => Algorithm::Ed25519,
        Public::Ecdsa(curve, _) => Algorithm::Ecdsa(curve),
        Public::Rsa { n, .. } => Algorithm::Rsa { bits: bits(n) },
        Public::SkEd25519 { .. } => Algorithm::SkEd25519,
        Public::SkEcdsa { .. } => Algorithm::SkEcdsa,
        Public::Composite(_) => {
            Algorithm::MlDsa44Ed25519(Reader::new(&public).string().ok().and_then(Composite::plain)?)
        }
        Public::Dss => return None,
    };
    let ending = if is_certificate(name) { "-CERT" } else { "" };
    Some((format!("{}{ending}", algorithm.short_name()), algorithm.bits()))
}
