//! Signatures (RFC 8709, RFC 5656 section 3.1.2, RFC 8332, RFC 4253 section 6.6).
#![forbid(unsafe_code)]

use super::rsa::{Hash, Rsa};
use super::{Algorithm, Held, Key};
use super::{composite, ecdsa, ed25519};
use crate::message::{Curve, put_string};
use crate::vault::{Record, Vault, VaultError, swept};
use std::sync::OnceLock;

/// Flag of a sign request: RSA with SHA-256. It wins where both are set, as in OpenSSH.
const RSA_SHA2_256: u32 = 2;

/// Flag of a sign request: RSA with SHA-512.
const RSA_SHA2_512: u32 = 4;

/// Why a key that was good when it came does not sign now.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The record does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The library refused.
    #[error("the key does not sign")]
    Refused,
}

/// One signature with an RSA key above this size takes a tenth of a second and more.
const HUGE_RSA_BITS: usize = 8192;

/// How long a signature keeps a core, and so where it may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A few hundredths of a millisecond at most: on the thread that read the request.
    Small,
    /// Milliseconds: not on a thread that serves other connections.
    Large,
    /// More, and one at a time, so that a few such keys do not take every core.
    Huge,
}

/// What makes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// This process, at that cost: [`Key::sign`].
    Here(Cost),
    /// A FIDO token, which a person must touch: [`super::Sk`].
    Sk,
    /// A PKCS#11 token, behind a process of its provider's: [`Key::token`].
    Token,
}

impl Key {
    /// What makes a signature with this key.
    pub fn means(&self) -> Means {
        match self.held {
            Held::Sealed { .. } => Means::Here(self.cost()),
            Held::Sk(_) => Means::Sk,
            Held::Token(_) => Means::Token,
        }
    }

    fn cost(&self) -> Cost {
        match self.algorithm {
            Algorithm::Ed25519 | Algorithm::Ecdsa(_) | Algorithm::SkEd25519 | Algorithm::SkEcdsa => {
                Cost::Small
            }
            Algorithm::Rsa { bits } if bits > HUGE_RSA_BITS => Cost::Huge,
            // 0.15 ms, and now and then 0.5: ML-DSA tries until a signature is one that may be shown.
            Algorithm::Rsa { .. } | Algorithm::MlDsa44Ed25519(_) => Cost::Large,
        }
    }

    /// Signs `data` and returns the signature blob: the algorithm's name and its signature. `flags`
    /// choose the hash of an RSA signature and mean nothing to others.
    ///
    /// # Errors
    /// [`SignError`]; nothing is known of the signature then.
    pub fn sign(&self, vault: &Vault, data: &[u8], flags: u32) -> Result<Vec<u8>, SignError> {
        let Held::Sealed { record, kept } = &self.held else { return Err(SignError::Refused) };
        let blob = match self.algorithm {
            Algorithm::Ed25519 => vault.open(record, |secret| sign_ed25519(secret, data))?,
            Algorithm::Ecdsa(curve) => vault.open(record, |secret| sign_ecdsa(curve, secret, data))?,
            Algorithm::Rsa { .. } => sign_rsa((record, kept), vault, data, flags)?,
            Algorithm::MlDsa44Ed25519(kind) => vault
                .open(record, |record| composite::sign(record, data))?
                .map(|signature| signature_blob(kind.key_type(), &signature)),
            Algorithm::SkEd25519 | Algorithm::SkEcdsa => None,
        };
        blob.ok_or(SignError::Refused)
    }
}

/// The name of an RSA signature and its hash, as the flags of a request choose them.
pub(super) fn rsa_scheme(flags: u32) -> (&'static str, Hash) {
    if flags & RSA_SHA2_256 != 0 {
        ("rsa-sha2-256", Hash::Sha256)
    } else if flags & RSA_SHA2_512 != 0 {
        ("rsa-sha2-512", Hash::Sha512)
    } else {
        ("ssh-rsa", Hash::Sha1)
    }
}

fn sign_rsa(
    (record, kept): (&Record, &OnceLock<Rsa>),
    vault: &Vault,
    data: &[u8],
    flags: u32,
) -> Result<Option<Vec<u8>>, VaultError> {
    let (name, hash) = rsa_scheme(flags);
    let signature = match kept.get() {
        Some(rsa) => swept(|| rsa.sign(data, hash)),
        None => vault.open(record, |record| {
            let begun = vault.keeping();
            let rsa = Rsa::from_record(record)?;
            let signature = rsa.sign(data, hash);
            if vault.may_keep(&begun) {
                // Another thread may have kept its own meanwhile; either is as good.
                let _ = kept.set(rsa);
            }
            signature
        })?,
    };
    Ok(signature.map(|signature| signature_blob(name, &signature)))
}

fn signature_blob(name: &str, signature: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(8 + name.len() + signature.len());
    put_string(&mut blob, name.as_bytes());
    put_string(&mut blob, signature);
    blob
}

fn sign_ed25519(secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    Some(signature_blob("ssh-ed25519", &ed25519::sign(secret.try_into().ok()?, data)?))
}

/// `secret` is a padded scalar followed by the point.
fn sign_ecdsa(curve: Curve, secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (scalar, _point) = secret.split_at_checked(curve.field_len())?;
    Some(signature_blob(curve.key_type(), &ecdsa::sign(curve, scalar, data)?))
}
