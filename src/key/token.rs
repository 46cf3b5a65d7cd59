//! Keys whose private half is on a PKCS#11 token, behind a process of their provider's.
//!
//! Guarantees: a public half is taken in its one canonical encoding alone; a signature is given on only where it is one
//! of the asked data by this very key, in the form that was asked for, whatever the provider did.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::certificate::Certificate;
use super::import::fingerprint;
use super::number::bits;
use super::public::Public;
use super::sign::rsa_scheme;
use super::verify::{may_be_signed, verify};
use super::{Algorithm, Held, ImportError, Imported, Key};
use crate::message::{Reader, put_mpint, put_string};

/// Where a key is.
pub struct TokenKey {
    /// The real path of the provider.
    pub provider: Arc<[u8]>,
    /// Which process of this agent holds the provider.
    pub process: u64,
    /// The plain public key, by which the process knows it.
    pub public: Box<[u8]>,
}

impl Key {
    /// The place of a key that is on a token.
    pub fn token(&self) -> Option<&TokenKey> {
        match &self.held {
            Held::Token(token) => Some(token),
            _ => None,
        }
    }

    /// The same key behind another process of its provider. None for a key that is on no token.
    pub(crate) fn moved(&self, process: u64) -> Option<Self> {
        let TokenKey { provider, public, .. } = self.token()?;
        let held = TokenKey { provider: Arc::clone(provider), process, public: public.clone() };
        Some(Self { algorithm: self.algorithm, held: Held::Token(held) })
    }
}

impl TokenKey {
    /// Whether `signature` is what a request with these flags asks for.
    pub fn has_signed(&self, data: &[u8], flags: u32, signature: &[u8]) -> bool {
        let Ok(name) = Reader::new(signature).string() else { return false };
        let Ok(key_type) = Reader::new(&self.public).string() else { return false };
        let wanted = if key_type == b"ssh-rsa" { rsa_signature_name(flags).as_bytes() } else { key_type };
        name == wanted && verify(&self.public, data, signature)
    }
}

impl Imported {
    /// A key on a token; under `certificate`, where there is one for it.
    ///
    /// # Errors
    /// [`ImportError`], where the public half is none, or the certificate is for another key.
    pub fn on_token(token: TokenKey, certificate: Option<&[u8]>) -> Result<Self, ImportError> {
        let algorithm = algorithm(&token.public)?;
        let fingerprint = fingerprint(&token.public)?;
        if let Some(blob) = certificate {
            let read = Certificate::read(blob)?;
            if read.plain() != *token.public {
                return Err(ImportError::Invalid("the certificate is for another key"));
            }
            if !may_be_signed(&read) {
                return Err(ImportError::Invalid("the certificate's signature is not its authority's"));
            }
        }
        Ok(Self {
            blob: certificate.unwrap_or(&token.public).into(),
            fingerprint,
            certificate: certificate.is_some(),
            key: Key { algorithm, held: Held::Token(token) },
        })
    }
}

/// The plain public key that a certificate is for. None where it cannot be read.
pub fn certified_key(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(Certificate::read(certificate).ok()?.plain())
}

/// The name of the signature that a request with these flags asks of an RSA key.
pub fn rsa_signature_name(flags: u32) -> &'static str {
    rsa_scheme(flags).0
}

/// What the plain public key is for, where it is in the one encoding of its kind.
fn algorithm(public: &[u8]) -> Result<Algorithm, ImportError> {
    const NO_KEY: ImportError = ImportError::Invalid("the token's key is in no form that is known here");
    let (algorithm, again) = match Public::read(public).ok_or(NO_KEY)? {
        Public::Ed25519(_) => (Algorithm::Ed25519, public.to_vec()),
        Public::Ecdsa(curve, _) => (Algorithm::Ecdsa(curve), public.to_vec()),
        Public::Rsa { e, n } => (Algorithm::Rsa { bits: bits(n) }, {
            let mut again = Vec::new();
            put_string(&mut again, b"ssh-rsa");
            put_mpint(&mut again, e);
            put_mpint(&mut again, n);
            again
        }),
        _ => return Err(NO_KEY),
    };
    if again == public { Ok(algorithm) } else { Err(NO_KEY) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Means;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

    fn token(public: &[u8]) -> TokenKey {
        TokenKey { provider: Arc::from(&b"/p"[..]), process: 1, public: public.into() }
    }

    fn blob(fields: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        fields.iter().for_each(|field| put_string(&mut out, field));
        out
    }

    #[test]
    fn only_what_the_key_has_signed_goes_out() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let key = token(&blob(&[b"ssh-ed25519", pair.public_key().as_ref()]));
        let good = blob(&[b"ssh-ed25519", pair.sign(b"data").as_ref()]);
        assert!(key.has_signed(b"data", 0, &good));
        assert!(!key.has_signed(b"other", 0, &good));
        assert!(!key.has_signed(b"data", 0, &[&good[..], &[0]].concat()));
        let other = Ed25519KeyPair::from_seed_unchecked(&[4; 32]).unwrap();
        assert!(!key.has_signed(b"data", 0, &blob(&[b"ssh-ed25519", other.sign(b"data").as_ref()])));
        assert!(!key.has_signed(b"data", 0, &blob(&[b"ssh-rsa", pair.sign(b"data").as_ref()])));
        assert!(!key.has_signed(b"data", 0, &[]));
    }

    #[test]
    fn a_key_is_where_it_was_after_a_handover() {
        let public = blob(&[b"ssh-ed25519", &[1; 32]]);
        let key = Imported::on_token(token(&public), None).unwrap().key.moved(9).unwrap();
        let mut state = Vec::new();
        key.save(&mut state);
        let read = Key::load(&mut Reader::new(&state)).unwrap();
        let place = read.token().unwrap();
        assert_eq!((&*place.provider, place.process, &*place.public), (&b"/p"[..], 9, &public[..]));
        assert_eq!((read.algorithm(), read.means()), (Algorithm::Ed25519, Means::Token));
        for cut in 0..state.len() {
            assert!(Key::load(&mut Reader::new(&state[..cut])).is_err());
        }
    }

    #[test]
    fn a_public_half_has_one_form() {
        let pair =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let modulus = [&[0][..], &[0xc5; 256]].concat();
        let large = [&[0][..], &[0xc5; 2048]].concat();
        let good: [&[&[u8]]; 4] = [
            &[b"ssh-ed25519", &[1; 32]],
            &[b"ecdsa-sha2-nistp256", b"nistp256", point],
            &[b"ssh-rsa", &[1, 0, 1], &modulus],
            &[b"ssh-rsa", &[1, 0, 1], &large],
        ];
        for fields in good {
            assert!(Imported::on_token(token(&blob(fields)), None).is_ok());
            assert!(Imported::on_token(token(&[&blob(fields)[..], &[0]].concat()), None).is_err());
        }
        let bad: [&[&[u8]]; 6] = [
            &[b"ssh-ed25519", &[1; 31]],
            &[b"ssh-dss", &[1; 32]],
            &[b"ecdsa-sha2-nistp256", b"nistp384", point],
            &[b"ecdsa-sha2-nistp256", b"nistp256", &point[1..]],
            &[b"ssh-rsa", &[0, 1, 0, 1], &modulus],
            &[b"ssh-rsa", &[1, 0, 1], &[0x45; 64]],
        ];
        for fields in bad {
            assert!(Imported::on_token(token(&blob(fields)), None).is_err(), "{fields:?}");
        }
    }
}
