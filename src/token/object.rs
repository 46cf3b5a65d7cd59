//! The public half of a key on a token, as SSH writes it.
//!
//! Guarantees: a point is of its curve's length and uncompressed; whether the numbers make a key the agent decides.
#![forbid(unsafe_code)]

use super::der::{BIT_STRING, Der, INTEGER, OBJECT, OCTET_STRING, SEQUENCE};
use crate::message::{Curve, put_mpint, put_string};

/// The curves' names as DER writes them (SEC 2), without tag and length.
const CURVES: [(&[u8], Curve); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], Curve::P256),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], Curve::P384),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], Curve::P521),
];
/// id-Ed25519 (RFC 8410), and the name that PKCS#11 3.0 has for the curve.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const EDWARDS25519: &[u8] = b"edwards25519";
const PRINTABLE_STRING: u8 = 0x13;
/// rsaEncryption (RFC 8017) and id-ecPublicKey (RFC 5480).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// An RSA key of these numbers, big-endian.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    if modulus.is_empty() || exponent.is_empty() {
        return None;
    }
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-rsa");
    put_mpint(&mut blob, exponent);
    put_mpint(&mut blob, modulus);
    Some(blob)
}

/// An ECDSA key: `CKA_EC_PARAMS` and `CKA_EC_POINT`. Some tokens leave the wrapping of the point away.
pub(super) fn ecdsa(parameters: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let curve = curve(Der(parameters).take(OBJECT)?)?;
    ecdsa_blob(curve, unwrapped(point, 1 + 2 * curve.field_len())?)
}

/// An Ed25519 key, in the same attributes.
pub(super) fn ed25519(parameters: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    match Der(parameters).next()? {
        (OBJECT, ED25519) | (PRINTABLE_STRING, EDWARDS25519) => ed25519_blob(unwrapped(point, 32)?),
        _ => None,
    }
}

/// The key of a SubjectPublicKeyInfo (RFC 5280), without its outer tag.
pub(super) fn subject_public_key(mut info: Der<'_>) -> Option<Vec<u8>> {
    let mut algorithm = info.enter(SEQUENCE)?;
    // All such keys have a whole number of bytes.
    let (&0, key) = info.take(BIT_STRING)?.split_first()? else { return None };
    match algorithm.take(OBJECT)? {
        RSA => {
            let mut numbers = Der(key).enter(SEQUENCE)?;
            let (modulus, exponent) = (numbers.take(INTEGER)?, numbers.take(INTEGER)?);
            rsa(modulus, exponent)
        }
        EC => ecdsa_blob(curve(algorithm.take(OBJECT)?)?, key),
        ED25519 => ed25519_blob(key),
        _ => None,
    }
}

fn curve(object: &[u8]) -> Option<Curve> {
    CURVES.iter().find(|(name, _)| *name == object).map(|(_, curve)| *curve)
}

/// A point in an OCTET STRING, or bare.
fn unwrapped(point: &[u8], len: usize) -> Option<&[u8]> {
    if point.len() == len {
        return Some(point);
    }
    Der(point).take(OCTET_STRING).filter(|inner| inner.len() == len)
}

fn ecdsa_blob(curve: Curve, point: &[u8]) -> Option<Vec<u8>> {
    if point.len() != 1 + 2 * curve.field_len() || point[0] != 4 {
        return None;
    }
    let mut blob = Vec::new();
    for field in [curve.key_type().as_bytes(), curve.name().as_bytes(), point] {
        put_string(&mut blob, field);
    }
    Some(blob)
}

fn ed25519_blob(public: &[u8]) -> Option<Vec<u8>> {
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-ed25519");
    put_string(&mut blob, public);
    (public.len() == 32).then_some(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_wrapped_or_bare_and_of_their_length() {
        let parameters = [&[6, 8][..], CURVES[0].0].concat();
        let point = [&[4][..], &[7; 64]].concat();
        let wrapped = [&[4, 65][..], &point].concat();
        assert!(ecdsa(&parameters, &point).is_some());
        assert_eq!(ecdsa(&parameters, &point), ecdsa(&parameters, &wrapped));
        assert_eq!(ecdsa(&parameters, &point[1..]), None);
        assert_eq!(ecdsa(&[6, 1, 1], &point), None);
        assert_eq!(ecdsa(&parameters, &[&[2][..], &point[1..]].concat()), None, "compressed");
        let named = [&[0x13, 12][..], EDWARDS25519].concat();
        assert_eq!(
            ed25519(&named, &[9; 32]),
            ed25519(&[6, 3, 0x2b, 0x65, 0x70], &[&[4, 32][..], &[9; 32]].concat())
        );
        assert_eq!(ed25519(&named, &[9; 31]), None);
        assert_eq!(rsa(&[], &[3]), None);
    }
}
