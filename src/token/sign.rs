//! Signatures of a token's keys, as SSH writes them (RFC 8332, RFC 5656 section 3.1.2, RFC 8709).
#![forbid(unsafe_code)]

use aws_lc_rs::digest;
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};

use super::message::{Failure, Hash, Kind};
use super::module::{Module, failure, login, other};
use crate::message::{Curve, Reader, put_mpint, put_string};

/// The beginnings of a DigestInfo (RFC 8017 section 9.2, note 1); the digest follows.
const SHA1_INFO: &[u8] = &[0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];
const SHA256_INFO: &[u8] =
    &[0x30, 0x31, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
const SHA512_INFO: &[u8] =
    &[0x30, 0x51, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 0x40];

/// What a key signs with.
#[derive(Clone, Copy)]
enum Scheme {
    Rsa(Hash),
    Ecdsa(Curve),
    Ed25519,
}

impl Scheme {
    fn of(public: &[u8], hash: Hash) -> Option<Self> {
        match Reader::new(public).text().ok()? {
            "ssh-rsa" => Some(Self::Rsa(hash)),
            "ssh-ed25519" => Some(Self::Ed25519),
            name => Curve::ALL.into_iter().find(|curve| curve.key_type() == name).map(Self::Ecdsa),
        }
    }

    fn key_type(self) -> KeyType {
        match self {
            Self::Rsa(_) => KeyType::RSA,
            Self::Ecdsa(_) => KeyType::EC,
            Self::Ed25519 => KeyType::EC_EDWARDS,
        }
    }

    /// The name in the signature.
    fn name(self) -> &'static str {
        match self {
            Self::Rsa(Hash::Sha1) => "ssh-rsa",
            Self::Rsa(Hash::Sha256) => "rsa-sha2-256",
            Self::Rsa(Hash::Sha512) => "rsa-sha2-512",
            Self::Ecdsa(curve) => curve.key_type(),
            Self::Ed25519 => "ssh-ed25519",
        }
    }

    /// The mechanism that every token has, and what it is given: the hash is made here.
    fn single(self, data: &[u8]) -> (Mechanism<'static>, Vec<u8>) {
        let hashed = |algorithm, info: &[u8]| [info, digest::digest(algorithm, data).as_ref()].concat();
        match self {
            Self::Rsa(Hash::Sha1) => {
                (Mechanism::RsaPkcs, hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY, SHA1_INFO))
            }
            Self::Rsa(Hash::Sha256) => (Mechanism::RsaPkcs, hashed(&digest::SHA256, SHA256_INFO)),
            Self::Rsa(Hash::Sha512) => (Mechanism::RsaPkcs, hashed(&digest::SHA512, SHA512_INFO)),
            Self::Ecdsa(Curve::P256) => (Mechanism::Ecdsa, hashed(&digest::SHA256, &[])),
            Self::Ecdsa(Curve::P384) => (Mechanism::Ecdsa, hashed(&digest::SHA384, &[])),
            Self::Ecdsa(Curve::P521) => (Mechanism::Ecdsa, hashed(&digest::SHA512, &[])),
            Self::Ed25519 => (pure_eddsa(), data.to_vec()),
        }
    }

    /// The mechanism that hashes in the token: a login may come between its beginning and the data.
    fn in_parts(self) -> Mechanism<'static> {
        match self {
            Self::Rsa(Hash::Sha1) => Mechanism::Sha1RsaPkcs,
            Self::Rsa(Hash::Sha256) => Mechanism::Sha256RsaPkcs,
            Self::Rsa(Hash::Sha512) => Mechanism::Sha512RsaPkcs,
            Self::Ecdsa(Curve::P256) => Mechanism::EcdsaSha256,
            Self::Ecdsa(Curve::P384) => Mechanism::EcdsaSha384,
            Self::Ecdsa(Curve::P521) => Mechanism::EcdsaSha512,
            Self::Ed25519 => pure_eddsa(),
        }
    }

    /// The signature blob of what the token gave.
    fn blob(self, signature: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, self.name().as_bytes());
        if matches!(self, Self::Ecdsa(_)) {
            // r and s, of the same length.
            let mut numbers = Vec::new();
            let (r, s) = signature.split_at(signature.len() / 2);
            [r, s].into_iter().for_each(|number| put_mpint(&mut numbers, number));
            put_string(&mut blob, &numbers);
        } else {
            put_string(&mut blob, signature);
        }
        blob
    }
}

fn pure_eddsa() -> Mechanism<'static> {
    Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519))
}

never_copied_or_shown!(Wanted<'static>);

/// What is to be signed, and how.
pub(super) struct Wanted<'m> {
    pub(super) public: &'m [u8],
    pub(super) hash: Hash,
    pub(super) data: &'m [u8],
    pub(super) pin: Option<&'m [u8]>,
}

impl Module {
    /// The signature blob. The agent checks it.
    pub(super) fn sign(&self, wanted: &Wanted<'_>) -> Result<Vec<u8>, Failure> {
        let Wanted { public, hash, data, pin } = *wanted;
        let (Some(held), Some(scheme)) = (self.find(public), Scheme::of(public, hash)) else {
            return Err(other("the provider has no such key"));
        };
        let failed = |error: Error| failure(&error, "the token does not sign");
        // One of its own: what a failed signature leaves behind goes with it.
        let session = self.pkcs11.open_ro_session(held.slot).map_err(failed)?;
        let key = private_key(&session, &held.id, scheme.key_type())?;
        let signature = if always_authenticates(&session, key) {
            let by_itself = self.pkcs11.get_token_info(held.slot).map_err(failed)?;
            if pin.is_none() && !by_itself.protected_authentication_path() {
                return Err(Failure {
                    kind: Kind::PinNeeded,
                    text: "the key wants its PIN each time".into(),
                });
            }
            session.sign_init(&scheme.in_parts(), key).map_err(failed)?;
            login(&session, UserType::ContextSpecific, pin)?;
            session.sign_update(data).and_then(|()| session.sign_final()).map_err(failed)?
        } else {
            let (mechanism, input) = scheme.single(data);
            session.sign(&mechanism, key, &input).map_err(failed)?
        };
        Ok(scheme.blob(&signature))
    }
}

fn private_key(session: &Session, id: &[u8], key_type: KeyType) -> Result<ObjectHandle, Failure> {
    let mut template = vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Id(id.to_vec()),
        Attribute::KeyType(key_type),
        Attribute::Sign(true),
    ];
    // Some tokens do not say what their keys may do.
    for _ in 0..2 {
        let found =
            session.find_objects(&template).map_err(|error| failure(&error, "the token does not sign"))?;
        if let Some(key) = found.first() {
            return Ok(*key);
        }
        template.pop();
    }
    let state = session.get_session_info().map(|info| info.session_state());
    Err(match state {
        Ok(SessionState::RoUser | SessionState::RwUser) => other("the token has no private half of the key"),
        _ => Failure { kind: Kind::LoginNeeded, text: "it was taken out or logged out".to_owned() },
    })
}

fn always_authenticates(session: &Session, key: ObjectHandle) -> bool {
    session
        .get_attributes(key, &[AttributeType::AlwaysAuthenticate])
        .is_ok_and(|attributes| matches!(attributes[..], [Attribute::AlwaysAuthenticate(true)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    #[test]
    fn what_a_token_gives_becomes_what_ssh_verifies() {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        let mut public = Vec::new();
        for field in [b"ecdsa-sha2-nistp256", &b"nistp256"[..], pair.public_key().as_ref()] {
            put_string(&mut public, field);
        }
        let scheme = Scheme::of(&public, Hash::Sha1).unwrap();
        let signature = pair.sign(&random, b"data").unwrap();
        assert!(key::verify(&public, b"data", &scheme.blob(signature.as_ref())));
        assert!(!key::verify(&public, b"other", &scheme.blob(signature.as_ref())));
    }
}
