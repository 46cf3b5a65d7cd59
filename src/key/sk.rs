//! Keys that live on a FIDO token: what is known of them here, and what ssh-sk-helper must be told to use them.
//!
//! Guarantees: the key handle lies in a [`Record`] like any private half, and is in the clear only in the request that
//! goes to the helper, in secret memory; a signature is given out only where the key made it of that very data.
//! Must never: know a PIN for longer than one request.
#![forbid(unsafe_code)]

use super::certificate::Certificate;
use super::public::Public;
use super::verify::verify;
use super::{Algorithm, ImportError};
use crate::message::sk_helper::{SignRequest, SkKey};
use crate::message::{Curve, DecodeError, Reader, SkKind, SkPrivate, put_string};
use crate::vault::{Record, SecretBuf, Vault, VaultError};

/// The token wants to be touched (OpenSSH's PROTOCOL.u2f).
const USER_PRESENCE: u8 = 0x01;

/// What the helper calls the provider that is built into it.
const INTERNAL: &str = "internal";

const OTHER_KEY: ImportError = ImportError::Invalid("the certificate is for another key");

const NO_KEY: ImportError = ImportError::Invalid("the key's public half is none of its type");

/// Who talks to the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// What ssh-sk-helper has built in.
    Internal,
    /// A library that the helper loads: a path without a symbolic link, which the agent's list allows.
    Library(Box<[u8]>),
}

impl Provider {
    /// Whether a client that wrote `name` means the built-in one: in any case of letters, as for OpenSSH.
    pub fn is_internal(name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(INTERNAL.as_bytes())
    }

    /// Its name, as the helper reads it.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Internal => INTERNAL.as_bytes(),
            Self::Library(path) => path,
        }
    }
}

/// A token's key.
pub struct Sk {
    algorithm: Algorithm,
    /// The plain public key: type, point, application.
    public: Box<[u8]>,
    application: Box<[u8]>,
    /// What the token demands of its user.
    flags: u8,
    /// The one that came with it, where one did.
    provider: Option<Provider>,
    /// Key handle and what is reserved, as two strings.
    record: Record,
}

impl Sk {
    /// Checks the key and seals its handle.
    pub(super) fn import(
        private: &SkPrivate<'_>,
        certificate: Option<&Certificate<'_>>,
        vault: &Vault,
    ) -> Result<Self, ImportError> {
        let public = plain(private, certificate)?;
        let SkPrivate { application, flags, handle, reserved, .. } = *private;
        let (algorithm, named) = read_public(&public).ok_or(NO_KEY)?;
        if named != application {
            return Err(OTHER_KEY);
        }
        // The helper takes it as text that a zero byte ends.
        if application.contains(&0) {
            return Err(ImportError::Invalid("the key's application holds a zero byte"));
        }
        let mut secret = vault.buffer(8 + handle.len() + reserved.len());
        for part in [handle, reserved] {
            secret.extend(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            secret.extend(part);
        }
        let (record, application) = (vault.seal(&secret)?, application.into());
        Ok(Self { algorithm, public: public.into(), application, flags, provider: None, record })
    }

    pub(super) fn set_provider(&mut self, provider: Provider) {
        self.provider = Some(provider);
    }

    /// What it signs with.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The plain public key.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Which application's it is: OpenSSH makes keys of "ssh:" and what follows, web sites have others.
    pub fn application(&self) -> &[u8] {
        &self.application
    }

    /// Who talks to its token. A key that came without a provider has the built-in one: OpenSSH's agent takes such a
    /// key and cannot use it.
    pub fn provider(&self) -> &Provider {
        self.provider.as_ref().unwrap_or(&Provider::Internal)
    }

    /// Whether it came with a provider.
    pub fn has_provider(&self) -> bool {
        self.provider.is_some()
    }

    /// Whether its token must be touched for each signature.
    pub fn wants_touch(&self) -> bool {
        self.flags & USER_PRESENCE != 0
    }

    /// What ssh-sk-helper is told to sign `data`, in secret memory. `pin` is empty where none is known.
    ///
    /// # Errors
    /// [`VaultError`], where the record does not open.
    pub fn request(&self, vault: &Vault, data: &[u8], pin: &[u8]) -> Result<SecretBuf, VaultError> {
        let encoded = vault.open(&self.record, |secret| {
            let mut secret = Reader::new(secret);
            let (handle, reserved) = (secret.string().ok()?, secret.string().ok()?);
            let key = SkKey { public: &self.public, flags: self.flags, handle, reserved };
            let request = SignRequest { key, provider: self.provider().name(), data, pin };
            let mut message = vault.buffer(request.encoded_len());
            request.encode(|part| message.extend(part));
            Some(message)
        })?;
        encoded.ok_or(VaultError::Damaged)
    }

    /// Appends the key for the next program; what is sealed stays so.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        put_string(out, &self.public);
        out.push(self.flags);
        out.push(u8::from(self.provider.is_some()));
        put_string(out, self.provider().name());
        let (nonce, sealed) = self.record.parts();
        put_string(out, nonce);
        put_string(out, sealed);
    }

    /// Reads what [`Sk::save`] wrote.
    pub(super) fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let public = reader.string()?;
        let (algorithm, application) =
            read_public(public).ok_or(DecodeError::Invalid("a token's key is none"))?;
        let flags = reader.u8()?;
        let (given, name) = (reader.bool()?, reader.string()?);
        let provider =
            if Provider::is_internal(name) { Provider::Internal } else { Provider::Library(name.into()) };
        let record = Record::from_parts(reader.string()?, reader.string()?);
        Ok(Self {
            algorithm,
            public: public.into(),
            application: application.into(),
            flags,
            provider: given.then_some(provider),
            record: record.ok_or(DecodeError::Invalid("a record is too short"))?,
        })
    }

    /// Whether the record opens in `vault`.
    pub(super) fn opens(&self, vault: &Vault) -> bool {
        vault.open(&self.record, |_| ()).is_ok()
    }

    /// Whether `signature` (a signature blob) is this key's, of `data`.
    pub fn has_signed(&self, data: &[u8], signature: &[u8]) -> bool {
        verify(&self.public, data, signature)
    }
}

/// The plain public key, as it came or as the certificate has it: the same where both are there.
fn plain(private: &SkPrivate<'_>, certificate: Option<&Certificate<'_>>) -> Result<Vec<u8>, ImportError> {
    let certified = certificate.map(Certificate::plain);
    let came = private.public.map(|public| {
        let mut plain = Vec::new();
        put_string(&mut plain, private.kind.key_type().as_bytes());
        if private.kind == SkKind::EcdsaP256 {
            put_string(&mut plain, Curve::P256.name().as_bytes());
        }
        put_string(&mut plain, public);
        put_string(&mut plain, private.application);
        plain
    });
    match (came, certified) {
        (Some(came), Some(certified)) if came != certified => Err(OTHER_KEY),
        (came, certified) => came.or(certified).ok_or(NO_KEY),
    }
}

/// What the key signs with, and its application.
fn read_public(blob: &[u8]) -> Option<(Algorithm, &[u8])> {
    match Public::read(blob)? {
        Public::SkEd25519 { application, .. } => Some((Algorithm::SkEd25519, application)),
        Public::SkEcdsa { application, .. } => Some((Algorithm::SkEcdsa, application)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "sk/tests.rs"]
mod tests;
