//! The composite of ML-DSA-44 and Ed25519 (draft-miller-sshm-mldsa44-ed25519-composite-sigs, which takes
//! MLDSA44-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs).
//!
//! Guarantees: a signature is good only where both halves are; both sign the same representative of the
//! message, which no signature of either algorithm alone is over; what the halves leave of the key on the
//! stack is wiped before anything else runs.
#![forbid(unsafe_code)]

use aws_lc_rs::digest::{SHA512, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

use super::ed25519;
use super::mldsa::{self, MlDsa44};
use crate::vault::{SecretBuf, Vault, scrubbed};

/// Bytes of a public key: ML-DSA's, then Ed25519's.
pub(super) const PUBLIC_LEN: usize = mldsa::PUBLIC_LEN + ED25519_LEN;

/// Bytes of a private key as it comes: ML-DSA's seed, then Ed25519's.
pub(super) const SECRET_LEN: usize = mldsa::SEED_LEN + ED25519_LEN;

/// Bytes of a signature: ML-DSA's, then Ed25519's.
pub(super) const SIGNATURE_LEN: usize = mldsa::SIGNATURE_LEN + 64;

/// Bytes of Ed25519's seed, and of its public key.
const ED25519_LEN: usize = 32;

/// Bytes of a record: the private key, and Ed25519's public half, which would take a derivation each time.
const RECORD_LEN: usize = SECRET_LEN + ED25519_LEN;

/// What every representative of a message begins with.
const PREFIX: &[u8] = b"CompositeAlgorithmSignatures2025";

/// Which composite it is: after the prefix, and ML-DSA's context.
const LABEL: &[u8] = b"COMPSIG-MLDSA44-Ed25519-SHA512";

/// What [`sign`] takes: the private key, and Ed25519's public half. None where a half of `secret` does not make
/// its half of `public`: a wrong one would give the secret away.
pub(super) fn to_record(secret: &[u8], public: &[u8], vault: &Vault) -> Option<SecretBuf> {
    let (secret, public) = (secret.try_into().ok()?, public.try_into().ok()?);
    scrubbed(|| belongs(secret, public))?;
    let mut record = vault.buffer(RECORD_LEN);
    record.extend(secret);
    record.extend(&public[mldsa::PUBLIC_LEN..]);
    Some(record)
}

fn belongs(secret: &[u8; SECRET_LEN], public: &[u8; PUBLIC_LEN]) -> Option<()> {
    let (first, second) = secret.split_first_chunk()?;
    let (mldsa, ed25519) = public.split_at(mldsa::PUBLIC_LEN);
    Ed25519KeyPair::from_seed_and_public_key(second, ed25519).ok()?;
    (MlDsa44::from_seed(first)?.public()? == mldsa).then_some(())
}

/// The signature of `data` by what [`to_record`] made.
pub(super) fn sign(record: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let record = record.try_into().ok()?;
    scrubbed(|| try_sign(record, data))
}

fn try_sign(record: &[u8; RECORD_LEN], data: &[u8]) -> Option<Vec<u8>> {
    let (seed, pair) = record.split_first_chunk()?;
    let representative = representative(data);
    let mut signature = Vec::with_capacity(SIGNATURE_LEN);
    signature.extend(MlDsa44::from_seed(seed)?.sign(LABEL, &representative)?);
    signature.extend(ed25519::sign(pair.try_into().ok()?, &representative)?);
    Some(signature)
}

/// Whether both halves of `signature` are those of `data` by `public`.
pub(super) fn verify(public: &[u8; PUBLIC_LEN], data: &[u8], signature: &[u8]) -> Option<()> {
    let signature: &[u8; SIGNATURE_LEN] = signature.try_into().ok()?;
    let (mldsa, ed25519) = public.split_first_chunk()?;
    let (first, second) = signature.split_at(mldsa::SIGNATURE_LEN);
    let representative = representative(data);
    MlDsa44::from_public(mldsa)?.verify(LABEL, &representative, first)?;
    UnparsedPublicKey::new(&ED25519, ed25519).verify(&representative, second).ok()
}

/// What both halves sign: the drafts' M', with the empty context that SSH gives.
fn representative(data: &[u8]) -> Vec<u8> {
    let no_context: &[u8] = &[0];
    [PREFIX, LABEL, no_context, digest(&SHA512, data).as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, import};
    use crate::message::{Composite, CompositePublic, PrivateKey, Reader, put_string};
    use crate::vault::Wish;
    use aws_lc_rs::signature::KeyPair;

    /// A key whose seeds are two bytes over and over.
    fn key(first: u8, second: u8) -> ([u8; SECRET_LEN], Vec<u8>) {
        let mut secret = [first; SECRET_LEN];
        secret[mldsa::SEED_LEN..].fill(second);
        let mldsa = MlDsa44::from_seed(&[first; 32]).unwrap().public().unwrap();
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[second; 32]).unwrap();
        (secret, [&mldsa[..], ed25519.public_key().as_ref()].concat())
    }

    #[test]
    fn a_key_signs_in_the_next_program() {
        let vault = Vault::new(Wish::Locked).unwrap();
        let (secret, public) = key(1, 2);
        for kind in Composite::ALL {
            let given =
                PrivateKey::Composite { kind, public: CompositePublic::Halves(&public), secret: &secret };
            let mut saved = Vec::new();
            import(&given, &vault).unwrap().key.save(&mut saved);
            let mut reader = Reader::new(&saved);
            let next = Key::load(&mut reader).unwrap();
            reader.end().unwrap();
            let signature = next.sign(&vault, b"data", 0).unwrap();
            let mut blob = Vec::new();
            put_string(&mut blob, kind.key_type().as_bytes());
            put_string(&mut blob, &public);
            assert!(crate::key::verify(&blob, b"data", &signature));
            assert!(!crate::key::verify(&blob, b"date", &signature));
        }
    }

    #[test]
    fn each_half_is_checked_against_its_own() {
        let vault = Vault::new(Wish::Locked).unwrap();
        let (secret, public) = key(1, 2);
        assert!(to_record(&secret, &public, &vault).is_some());
        for (first, second) in [(3, 2), (1, 3), (2, 1)] {
            assert!(to_record(&key(first, second).0, &public, &vault).is_none());
        }
    }
}
