//! Files with a private key, as ssh-keygen, OpenSSL and puttygen write them, read into what an add message carries.
//!
//! Guarantees: a file gives a key whole and checked (its private half fits its public one), or a sentence that says why
//! not and nothing of its contents; a hostile file costs bounded memory and time; what was opened is wiped.
//! Must never: touch the file system, ask for a passphrase, or talk to an agent.
#![deny(unsafe_code)] // but in the child that says so

#[cfg(not(target_os = "freebsd"))]
mod evp;
mod openssh;
#[cfg_attr(target_os = "freebsd", path = "freebsd/pem.rs")]
mod pem;
mod ppk;
mod public;
mod refusal;
mod text;

pub use public::public;
pub use refusal::Refusal;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::key::{self, ImportError};
use crate::message::{
    CompositePublic, EcdsaPublic, PrivateKey, Reader, RsaPublic, SkKind, SkPrivate, is_certificate,
};
use crate::vault::{Vault, scrubbed};

/// The largest file that is read, in bytes: OpenSSH's bound.
pub const MAX_FILE: usize = 1024 * 1024;

/// The longest passphrase, in bytes: OpenSSH's and AWS-LC's buffers hold this and a zero.
pub const MAX_PASSPHRASE: usize = 1023;

never_copied_or_shown!(KeyFile, Parts);

/// What a file's form gives, not yet checked.
struct Parts {
    /// The plain key's fields, as an add message has them.
    fields: Zeroizing<Vec<u8>>,
    /// A certificate that the file holds.
    certificate: Option<Vec<u8>>,
    /// The public key that the file names beside the private one.
    public: Option<Vec<u8>>,
    comment: Vec<u8>,
}

/// A private key out of a file.
pub struct KeyFile {
    fields: Zeroizing<Vec<u8>>,
    /// The plain public key.
    pub public: Arc<[u8]>,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// A certificate that the file holds, as PuTTY's may.
    pub certificate: Option<Vec<u8>>,
    /// Free text, of any encoding; may be empty.
    pub comment: Vec<u8>,
}

/// Reads a file. An empty passphrase is none.
///
/// # Errors
/// [`Refusal`]; [`Refusal::Encrypted`] where a passphrase is needed and none was given.
pub fn read(file: &[u8], passphrase: &[u8], vault: &Vault) -> Result<KeyFile, Refusal> {
    if file.len() > MAX_FILE {
        return Err(Refusal::TooLarge);
    }
    if passphrase.len() > MAX_PASSPHRASE || passphrase.contains(&0) {
        return Err(Refusal::WrongPassphrase);
    }
    scrubbed(|| {
        let parts = match Form::of(file)? {
            Form::OpenSsh => openssh::read(file, passphrase),
            Form::Putty => ppk::read(file, passphrase),
            Form::Pem => pem::read(file, passphrase),
        }?;
        KeyFile::check(parts, vault)
    })
}

impl KeyFile {
    /// Has a key's halves compared, by the agent's own rules.
    fn check(parts: Parts, vault: &Vault) -> Result<Self, Refusal> {
        let imported = {
            let private = decoded(&parts.fields)?;
            key::import(&private, vault).map_err(|error| match error {
                ImportError::Invalid(reason) => Refusal::Unfit(reason),
                error => Refusal::Unchecked(error.to_string()),
            })?
        };
        if parts.public.is_some_and(|public| *public != *imported.blob) {
            return Err(Refusal::Damaged("its public key is another one's"));
        }
        let Parts { fields, certificate, comment, .. } = parts;
        Ok(Self { fields, public: imported.blob, fingerprint: imported.fingerprint, certificate, comment })
    }

    /// The key, to be added.
    ///
    /// # Errors
    /// None in practice: it was read before.
    pub fn plain(&self) -> Result<PrivateKey<'_>, Refusal> {
        decoded(&self.fields)
    }

    /// The key under a certificate.
    ///
    /// # Errors
    /// [`Refusal::ForeignCertificate`], where the certificate is another key's, or none.
    pub fn certified<'c>(&'c self, certificate: &'c [u8]) -> Result<PrivateKey<'c>, Refusal> {
        let is_one = Reader::new(certificate).string().is_ok_and(is_certificate);
        if !is_one || key::plain(certificate).as_deref() != Some(&*self.public) {
            return Err(Refusal::ForeignCertificate);
        }
        Ok(match self.plain()? {
            PrivateKey::Ed25519 { public, secret, .. } => {
                PrivateKey::Ed25519 { certificate: Some(certificate), public, secret }
            }
            PrivateKey::Ecdsa { curve, scalar, .. } => {
                PrivateKey::Ecdsa { curve, public: EcdsaPublic::Certificate(certificate), scalar }
            }
            PrivateKey::Rsa { d, iqmp, p, q, .. } => {
                PrivateKey::Rsa { public: RsaPublic::Certificate(certificate), d, iqmp, p, q }
            }
            PrivateKey::Composite { kind, secret, .. } => {
                PrivateKey::Composite { kind, public: CompositePublic::Certificate(certificate), secret }
            }
            PrivateKey::Sk(sk) => {
                let public = sk.public.filter(|_| sk.kind == SkKind::Ed25519);
                PrivateKey::Sk(SkPrivate { certificate: Some(certificate), public, ..sk })
            }
        })
    }
}

/// The key in these fields, and nothing beside it.
fn decoded(fields: &[u8]) -> Result<PrivateKey<'_>, Refusal> {
    let mut reader = Reader::new(fields);
    let key = PrivateKey::decode(&mut reader)?;
    reader.end()?;
    Ok(key)
}

/// The forms of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    OpenSsh,
    Putty,
    /// PKCS#1, SEC1 or PKCS#8, encrypted or not.
    Pem,
}

impl Form {
    fn of(file: &[u8]) -> Result<Self, Refusal> {
        match Self::of_private(file) {
            Err(Refusal::Unknown) if public(file).is_ok() => Err(Refusal::Public),
            form => form,
        }
    }

    fn of_private(file: &[u8]) -> Result<Self, Refusal> {
        if text::after_blank(file).starts_with(ppk::MAGIC) {
            return Ok(Self::Putty);
        }
        for line in text::lines(file) {
            let form = match line {
                openssh::BEGIN => Ok(Self::OpenSsh),
                b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----" => Err(Refusal::Form("ssh.com's")),
                b"SSH PRIVATE KEY FILE FORMAT 1.1" => Err(Refusal::Form("SSH-1's")),
                line if line.starts_with(b"-----BEGIN ") && line.ends_with(b" PUBLIC KEY-----") => {
                    Err(Refusal::Public)
                }
                line if pem::is_begin(line) => Ok(Self::Pem),
                _ => continue,
            };
            return form;
        }
        Err(Refusal::Unknown)
    }
}
