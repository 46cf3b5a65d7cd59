//! Certificates that do not fit the key that comes with them.

use super::*;
use crate::key::number::digits;
use crate::message::put_u32;
use crate::vault::Wish;
use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::KeyPair;

/// A certificate of that type for a key, by an authority of no type that could be verified.
pub(in crate::key) fn unverified(certificate_type: &str, public: &[&[u8]]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, certificate_type.as_bytes());
    put_string(&mut blob, b"nonce");
    public.iter().for_each(|field| put_string(&mut blob, field));
    blob.extend([0; 8]);
    put_u32(&mut blob, 1);
    (0..2).for_each(|_| put_string(&mut blob, b""));
    blob.extend([0; 16]);
    (0..3).for_each(|_| put_string(&mut blob, b""));
    put_string(&mut blob, b"\0\0\0\x04none");
    put_string(&mut blob, b"\0\0\0\x04none\0\0\0\0");
    blob
}

fn certificate(curve: &[u8], point: &[u8]) -> Vec<u8> {
    unverified("ecdsa-sha2-nistp256-cert-v01@openssh.com", &[curve, point])
}

#[test]
fn a_certificate_is_for_this_key_on_this_curve() {
    let vault = Vault::new(Wish::Locked).unwrap();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (scalar, point) = (pair.private_key().as_be_bytes().unwrap(), pair.public_key().as_ref());
    let mut mpint = vec![0];
    mpint.extend_from_slice(digits(&[&[0], scalar.as_ref()].concat()).unwrap());
    let imports = |blob: &[u8], curve| {
        let public = EcdsaPublic::Certificate(blob);
        import(&PrivateKey::Ecdsa { curve, public, scalar: &mpint }, &vault).is_ok()
    };
    let good = certificate(b"nistp256", point);
    assert!(imports(&good, Curve::P256));
    assert!(!imports(&good, Curve::P384));
    assert!(!imports(&certificate(b"nistp384", point), Curve::P256));
    assert!(!imports(&certificate(b"nistp256", other.public_key().as_ref()), Curve::P256));
    assert!(!imports(&certificate(b"nistp256", &point[1..]), Curve::P256));
}
