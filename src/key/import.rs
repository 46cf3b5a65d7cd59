//! From the fields of an add message to a sealed key.
#![forbid(unsafe_code)]

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use ssh_key::Fingerprint;

use super::certificate::Certificate;
use super::composite;
use super::number::{bits, digits};
use super::verify::may_be_signed;
use super::{Algorithm, Held, ImportError, Key, Provider, Sk, rsa};
use crate::message::{
    Composite, CompositePublic, Curve, EcdsaPublic, PrivateKey, RsaPublic, put_mpint, put_string,
};
use crate::vault::{Record, Vault, swept};

/// RSA moduli that are accepted, in bits: OpenSSH's least, and the most that AWS-LC computes with.
pub(super) const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=16_384;

/// Most bits of RSA's public exponent: AWS-LC's bound against keys that are slow to verify.
const RSA_EXPONENT_BITS: usize = 33;

/// A key that was checked and sealed, and what is public of it.
pub struct Imported {
    /// What names the key: the plain public key, or the certificate.
    pub blob: Arc<[u8]>,
    /// SHA-256 fingerprint of the plain public key, also for a certificate.
    pub fingerprint: String,
    /// True where `blob` is a certificate.
    pub certificate: bool,
    /// The private half.
    pub key: Key,
}

impl Imported {
    /// The same key, with who is to talk to its token.
    ///
    /// # Errors
    /// [`ImportError::Invalid`], where it is on no FIDO token.
    pub fn with_provider(mut self, provider: Provider) -> Result<Self, ImportError> {
        let Held::Sk(sk) = &mut self.key.held else {
            return Err(ImportError::Invalid("a provider comes with a key that is on no FIDO token"));
        };
        sk.set_provider(provider);
        Ok(self)
    }
}

/// Checks a key and seals its private half.
///
/// # Errors
/// [`ImportError`], for a key that is not one.
pub fn import(private: &PrivateKey<'_>, vault: &Vault) -> Result<Imported, ImportError> {
    swept(|| checked(private, vault))
}

fn checked(private: &PrivateKey<'_>, vault: &Vault) -> Result<Imported, ImportError> {
    let certificate = private.certificate().map(|blob| certified(blob, private)).transpose()?;
    let (plain, key) = sealed_halves(private, certificate.as_ref(), vault)?;
    Ok(Imported {
        fingerprint: fingerprint(&plain)?,
        blob: private.certificate().map_or_else(|| plain.into(), Arc::from),
        certificate: certificate.is_some(),
        key,
    })
}

/// The plain public key and the sealed private half.
fn sealed_halves(
    private: &PrivateKey<'_>,
    certificate: Option<&Certificate<'_>>,
    vault: &Vault,
) -> Result<(Vec<u8>, Key), ImportError> {
    Ok(match private {
        PrivateKey::Ed25519 { public, secret, .. } => {
            sealed(import_ed25519(certificate, public, secret, vault)?)
        }
        PrivateKey::Ecdsa { curve, public, scalar } => {
            sealed(import_ecdsa(*curve, public, certificate, scalar, vault)?)
        }
        PrivateKey::Rsa { public, d, iqmp, p, q } => {
            sealed(import_rsa(public, certificate, &[d, p, q, iqmp], vault)?)
        }
        PrivateKey::Sk(private) => {
            let sk = Sk::import(private, certificate, vault)?;
            (sk.public().to_vec(), Key::on_token(sk))
        }
        PrivateKey::Composite { kind, public, secret } => {
            sealed(import_composite(*kind, public, certificate, secret, vault)?)
        }
    })
}

/// SHA-256, as `ssh-add -l` shows it.
pub(super) fn fingerprint(plain: &[u8]) -> Result<String, ImportError> {
    let digest = digest::digest(&digest::SHA256, plain);
    let fingerprint = digest.as_ref().try_into().map(Fingerprint::Sha256);
    let fingerprint = fingerprint.map_err(|_| ImportError::Invalid("no fingerprint can be made"))?;
    Ok(fingerprint.to_string())
}

/// The certificate that came with a key: of the key's type, and signed by its authority as far as the
/// authority's algorithm is known here.
fn certified<'f>(blob: &'f [u8], private: &PrivateKey<'_>) -> Result<Certificate<'f>, ImportError> {
    let certificate = Certificate::read(blob)?;
    if certificate.key_type != private.key_type() {
        return Err(ImportError::Invalid("the certificate is for another type of key"));
    }
    if !may_be_signed(&certificate) {
        return Err(ImportError::Invalid("the certificate's signature is not its authority's"));
    }
    Ok(certificate)
}

type Parts = (Algorithm, Vec<u8>, Record);

fn sealed((algorithm, plain, record): Parts) -> (Vec<u8>, Key) {
    (plain, Key::new(algorithm, record))
}

fn import_ed25519(
    certificate: Option<&Certificate<'_>>,
    public: &[u8],
    secret: &[u8],
    vault: &Vault,
) -> Result<Parts, ImportError> {
    const MISMATCH: ImportError = ImportError::Invalid("the key's halves do not belong together");
    let Some((seed, again)) = secret.split_at_checked(32).filter(|(_, again)| *again == public) else {
        return Err(MISMATCH);
    };
    if certificate.is_some_and(|certificate| certificate.public[..] != [again]) {
        return Err(ImportError::Invalid("the certificate is for another key"));
    }
    Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| MISMATCH)?;
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-ed25519");
    put_string(&mut blob, public);
    Ok((Algorithm::Ed25519, blob, vault.seal(secret)?))
}

fn import_ecdsa(
    curve: Curve,
    public: &EcdsaPublic<'_>,
    certificate: Option<&Certificate<'_>>,
    scalar: &[u8],
    vault: &Vault,
) -> Result<Parts, ImportError> {
    let point = match (public, certificate.map(|certificate| &certificate.public[..])) {
        (EcdsaPublic::Point(point), None) => *point,
        (EcdsaPublic::Certificate(_), Some([name, point])) if *name == curve.name().as_bytes() => *point,
        _ => return Err(ImportError::Invalid("the certificate is for another key")),
    };
    let scalar = digits(scalar)?;
    check_scalar(curve, scalar)?;
    if point.len() != 1 + 2 * curve.field_len() || point[0] != 4 {
        return Err(ImportError::Invalid("the key's point is not an uncompressed one of its curve"));
    }
    let mut secret = vault.buffer(curve.field_len() + point.len());
    secret.resize(curve.field_len() - scalar.len());
    secret.extend(scalar);
    secret.extend(point);
    let scalar = &secret[..curve.field_len()];
    EcdsaKeyPair::from_private_key_and_public_key(signing(curve), scalar, point)
        .map_err(|_| ImportError::Invalid("the key's halves do not belong together"))?;
    let mut blob = Vec::new();
    put_string(&mut blob, curve.key_type().as_bytes());
    put_string(&mut blob, curve.name().as_bytes());
    put_string(&mut blob, point);
    Ok((Algorithm::Ecdsa(curve), blob, vault.seal(&secret)?))
}

fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

/// OpenSSH's rule: a scalar of no more than half the order's bits, and the order less one, are no accident.
/// What is not below the order at all AWS-LC refuses.
fn check_scalar(curve: Curve, scalar: &[u8]) -> Result<(), ImportError> {
    let order = curve.order();
    let last = order.len() - 1;
    // The order is odd, so the number below it differs in the last byte alone.
    let below =
        scalar.len() == order.len() && scalar[..last] == order[..last] && scalar[last] == order[last] - 1;
    if scalar.len() > curve.field_len() || bits(scalar) <= bits(order) / 2 || below {
        return Err(ImportError::Invalid("the key's scalar is not a random one"));
    }
    Ok(())
}

/// `secrets` are d, p, q and iqmp, as mpints.
fn import_rsa(
    public: &RsaPublic<'_>,
    certificate: Option<&Certificate<'_>>,
    secrets: &[&[u8]; 4],
    vault: &Vault,
) -> Result<Parts, ImportError> {
    let (n, e) = match (public, certificate.map(|certificate| &certificate.public[..])) {
        (RsaPublic::Numbers { n, e }, None) => (*n, *e),
        (RsaPublic::Certificate(_), Some([e, n])) => (*n, *e),
        _ => return Err(ImportError::Invalid("the certificate is for another key")),
    };
    let (n, e) = (digits(n)?, digits(e)?);
    if !RSA_BITS.contains(&bits(n)) {
        return Err(ImportError::Invalid("an RSA key has 1024 to 16384 bits here"));
    }
    if bits(e) > RSA_EXPONENT_BITS || bits(e) < 2 || e.last().is_some_and(|b| b & 1 == 0) {
        return Err(ImportError::Invalid(
            "the RSA key's public exponent is not an odd number of 2 to 33 bits",
        ));
    }
    let [d, p, q, iqmp] = secrets;
    let numbers = rsa::Numbers { n, e, d: digits(d)?, p: digits(p)?, q: digits(q)?, iqmp: digits(iqmp)? };
    let record = rsa::to_record(&numbers, vault)
        .ok_or(ImportError::Invalid("the RSA key's numbers do not belong together"))?;
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-rsa");
    put_mpint(&mut blob, e);
    put_mpint(&mut blob, n);
    Ok((Algorithm::Rsa { bits: bits(n) }, blob, vault.seal(&record)?))
}

fn import_composite(
    kind: Composite,
    public: &CompositePublic<'_>,
    certificate: Option<&Certificate<'_>>,
    secret: &[u8],
    vault: &Vault,
) -> Result<Parts, ImportError> {
    let public = match (public, certificate.map(|certificate| &certificate.public[..])) {
        (CompositePublic::Halves(public), None) => *public,
        (CompositePublic::Certificate(_), Some([public])) => *public,
        _ => return Err(ImportError::Invalid("the certificate is for another key")),
    };
    let record = composite::to_record(secret, public, vault)
        .ok_or(ImportError::Invalid("the key's halves do not belong together"))?;
    let mut blob = Vec::new();
    put_string(&mut blob, kind.key_type().as_bytes());
    put_string(&mut blob, public);
    Ok((Algorithm::MlDsa44Ed25519(kind), blob, vault.seal(&record)?))
}

#[cfg(test)]
#[path = "import/tests.rs"]
pub(in crate::key) mod tests;
