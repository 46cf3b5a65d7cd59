//! Public keys, taken apart: only what is in the form of its type, to the last byte.
#![forbid(unsafe_code)]

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, EcdsaVerificationAlgorithm,
    ParsedPublicKey,
};

use super::composite;
use super::import::RSA_BITS;
use super::number::{bits, digits};
use crate::message::{Composite, Curve, Reader};

const ED25519: &[u8] = b"ssh-ed25519";
const RSA: &[u8] = b"ssh-rsa";

/// FIDO's Ed25519 (OpenSSH's PROTOCOL.u2f).
const SK_ED25519: &[u8] = b"sk-ssh-ed25519@openssh.com";

/// FIDO's ECDSA, which has one curve.
const SK_ECDSA: &[u8] = b"sk-ecdsa-sha2-nistp256@openssh.com";

/// A plain public key of a type that OpenSSH knows. It borrows from its blob.
pub(super) enum Public<'b> {
    /// 32 bytes.
    Ed25519(&'b [u8]),
    /// An uncompressed point of the curve.
    Ecdsa(Curve, &'b [u8]),
    /// Public exponent and modulus, big-endian, without leading zeros.
    Rsa { e: &'b [u8], n: &'b [u8] },
    /// A key on a FIDO token, and the name that the token knows it by.
    SkEd25519 { point: &'b [u8], application: &'b [u8] },
    /// Another such key, on P-256.
    SkEcdsa { point: &'b [u8], application: &'b [u8] },
    /// ML-DSA-44 and Ed25519 together: both public keys, in this order.
    Composite(&'b [u8; composite::PUBLIC_LEN]),
    /// DSA: it stands in old lists of hosts, and nothing by it is believed.
    Dss,
}

impl<'b> Public<'b> {
    /// Reads exactly `blob`.
    pub(super) fn read(blob: &'b [u8]) -> Option<Self> {
        let mut reader = Reader::new(blob);
        let key_type = reader.string().ok()?;
        let public = match key_type {
            ED25519 => Self::Ed25519(ed25519(&mut reader)?),
            RSA => rsa(&mut reader)?,
            b"ssh-dss" => {
                (0..4).try_for_each(|_| reader.string().map(drop)).ok()?;
                Self::Dss
            }
            SK_ED25519 => {
                Self::SkEd25519 { point: ed25519(&mut reader)?, application: reader.string().ok()? }
            }
            SK_ECDSA => {
                Self::SkEcdsa { point: point(&mut reader, Curve::P256)?, application: reader.string().ok()? }
            }
            _ if Composite::plain(key_type).is_some() => {
                Self::Composite(reader.string().ok()?.try_into().ok()?)
            }
            _ => {
                let curve = Curve::ALL.into_iter().find(|curve| curve.key_type().as_bytes() == key_type)?;
                Self::Ecdsa(curve, point(&mut reader, curve)?)
            }
        };
        reader.is_empty().then_some(public)
    }

    /// True for a key type that this agent does not know.
    pub(super) fn is_foreign(key_type: &[u8]) -> bool {
        let known = [ED25519, RSA, SK_ED25519, SK_ECDSA];
        let known = known.contains(&key_type) || Composite::plain(key_type).is_some();
        !known && !Curve::ALL.iter().any(|curve| curve.key_type().as_bytes() == key_type)
    }
}

fn ed25519<'b>(reader: &mut Reader<'b>) -> Option<&'b [u8]> {
    reader.string().ok().filter(|point| point.len() == 32)
}

fn rsa<'b>(reader: &mut Reader<'b>) -> Option<Public<'b>> {
    let mut number = || digits(reader.string().ok()?).ok();
    let (e, n) = (number()?, number()?);
    (!e.is_empty() && RSA_BITS.contains(&bits(n))).then_some(Public::Rsa { e, n })
}

/// The curve's name and a point of it.
fn point<'b>(reader: &mut Reader<'b>, curve: Curve) -> Option<&'b [u8]> {
    reader.string().ok().filter(|name| *name == curve.name().as_bytes())?;
    let point = reader.string().ok()?;
    let uncompressed = point.first() == Some(&4) && point.len() == 1 + 2 * curve.field_len();
    (uncompressed && ParsedPublicKey::new(verifying(curve), point).is_ok()).then_some(point)
}

/// How signatures by keys of the curve are verified (RFC 5656 section 6.2.1).
pub(super) fn verifying(curve: Curve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    }
}
