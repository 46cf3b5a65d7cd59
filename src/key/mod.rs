//! Private keys: checked when they come, sealed while they stay, opened for one signature.
//!
//! Guarantees: a key is held only where its private half makes its public half, checked by AWS-LC at that
//! moment; the private half goes from the frame into a [`Record`] and is in the clear afterwards only
//! inside [`Key::sign`], or in secret memory where the vault keeps a parsed RSA key; the public blob is the one canonical encoding, or the certificate as it came.
//! Must never: sign with RSA through anything but AWS-LC (RUSTSEC-2023-0071 is about another one).
#![deny(unsafe_code)] // forbidden but in the children that say so

mod bignum;
mod certificate;
mod composite;
mod description;
mod ecdsa;
mod ed25519;
mod fingerprint;
mod host;
mod import;
mod mldsa;
mod number;
mod public;
mod rsa;
mod sign;
mod sk;
mod sk_failure;
mod state;
mod token;
mod verify;

pub use certificate::{Certificate, Statement};
pub use description::describe;
pub use fingerprint::{md5, plain};
pub use host::HostKey;
pub use import::{Imported, import};
pub use sign::{Cost, Means, SignError};
pub use sk::{Provider, Sk};
pub use sk_failure::SkFailure;
pub use token::{TokenKey, certified_key, rsa_signature_name};
pub use verify::{is_public_key, verify};

use std::sync::OnceLock;

use crate::message::{Composite, Curve, DecodeError};
use crate::vault::Record;

/// Which algorithm a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8709).
    Ed25519,
    /// ECDSA (RFC 5656).
    Ecdsa(Curve),
    /// RSA with a modulus of so many bits (RFC 8332, RFC 4253).
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
    /// ML-DSA-44 and Ed25519 together, under one of the names of their type.
    MlDsa44Ed25519(Composite),
    /// Ed25519 on a FIDO token (OpenSSH's PROTOCOL.u2f).
    SkEd25519,
    /// ECDSA with NIST P-256 on a FIDO token.
    SkEcdsa,
}

impl Algorithm {
    /// The name that `ssh-add -l` shows.
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ED25519",
            Self::Ecdsa(_) => "ECDSA",
            Self::Rsa { .. } => "RSA",
            Self::MlDsa44Ed25519(_) => "MLDSA44-ED25519",
            Self::SkEd25519 => "ED25519-SK",
            Self::SkEcdsa => "ECDSA-SK",
        }
    }

    /// The size that `ssh-add -l` shows, in bits.
    pub fn bits(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ecdsa(Curve::P256) | Self::SkEd25519 | Self::SkEcdsa => 256,
            Self::Ecdsa(Curve::P384) => 384,
            Self::Ecdsa(Curve::P521) => 521,
            Self::Rsa { bits } => bits,
            // What OpenSSH shows, since it must show something.
            Self::MlDsa44Ed25519(_) => 512,
        }
    }
}

/// A private key under the vault's wrapping key.
pub struct Key {
    algorithm: Algorithm,
    held: Held,
}

never_copied_or_shown!(Held);

/// Where the private half is.
enum Held {
    /// Here.
    Sealed {
        record: Record,
        /// An RSA key as AWS-LC has it, where the vault lets it stay between signatures.
        kept: OnceLock<rsa::Rsa>,
    },
    /// On a FIDO token.
    Sk(Sk),
    /// On a PKCS#11 token.
    Token(TokenKey),
}

impl Key {
    fn new(algorithm: Algorithm, record: Record) -> Self {
        Self { algorithm, held: Held::Sealed { record, kept: OnceLock::new() } }
    }

    fn on_token(sk: Sk) -> Self {
        Self { algorithm: sk.algorithm(), held: Held::Sk(sk) }
    }

    /// What is known of it, where it lives on a FIDO token.
    pub fn sk(&self) -> Option<&Sk> {
        match &self.held {
            Held::Sk(sk) => Some(sk),
            Held::Sealed { .. } | Held::Token(_) => None,
        }
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Why a key is refused when it comes.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The halves do not belong together, or one of them is no key at all.
    #[error("{0}")]
    Invalid(&'static str),
    /// The certificate cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(#[from] DecodeError),
    /// The vault could not take it.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
