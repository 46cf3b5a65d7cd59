//! The messages of RFC 9987, as strict as they are defined.
//!
//! Guarantees: a request is decoded from exactly the bytes of one frame and borrows from them; every byte
//! is accounted for ([`Request::encode`] gives the same bytes back); nothing is copied or interpreted that
//! the answer does not need: key blobs that name a key are opaque bytes.
//! Must never: read past the frame, allocate by a length that a peer announced, keep a secret.
#![forbid(unsafe_code)]

mod composite;
mod constraint;
mod identity;
mod reader;
mod reply;
mod request;
mod signed;
mod sk;
pub mod sk_helper;
mod token;

pub use composite::{Composite, CompositePublic};
pub use constraint::{ASSOCIATED_CERTS, Constraint, RESTRICT_DESTINATION, SK_PROVIDER};
pub use identity::{AddIdentity, CERTIFICATE, Curve, EcdsaPublic, PrivateKey, RsaPublic, is_certificate};
pub use reader::{Reader, put_mpint, put_string, put_u32, put_u64};
pub use reply::{Listed, Reply};
pub use request::Request;
pub use signed::{Signed, Userauth};
pub use sk::{SkKind, SkPrivate};
pub use token::AddToken;

/// Message numbers (RFC 9987 section 6.1).
pub mod number {
    #![allow(missing_docs)] // the RFC's own names
    pub const FAILURE: u8 = 5;
    pub const SUCCESS: u8 = 6;
    pub const REMOVE_ALL_RSA_IDENTITIES: u8 = 9;
    pub const REQUEST_IDENTITIES: u8 = 11;
    pub const IDENTITIES_ANSWER: u8 = 12;
    pub const SIGN_REQUEST: u8 = 13;
    pub const SIGN_RESPONSE: u8 = 14;
    pub const ADD_IDENTITY: u8 = 17;
    pub const REMOVE_IDENTITY: u8 = 18;
    pub const REMOVE_ALL_IDENTITIES: u8 = 19;
    pub const ADD_SMARTCARD_KEY: u8 = 20;
    pub const REMOVE_SMARTCARD_KEY: u8 = 21;
    pub const LOCK: u8 = 22;
    pub const UNLOCK: u8 = 23;
    pub const ADD_ID_CONSTRAINED: u8 = 25;
    pub const ADD_SMARTCARD_KEY_CONSTRAINED: u8 = 26;
    pub const EXTENSION: u8 = 27;
    pub const EXTENSION_FAILURE: u8 = 28;
    pub const EXTENSION_RESPONSE: u8 = 29;
    pub const CONSTRAIN_LIFETIME: u8 = 1;
    pub const CONSTRAIN_CONFIRM: u8 = 2;
    pub const CONSTRAIN_EXTENSION: u8 = 255;
}

/// Types whose body may hold a private key, a password or a PIN: it is received into secret memory.
pub fn carries_secret(message_type: u8) -> bool {
    use number::*;
    matches!(
        message_type,
        ADD_IDENTITY
            | ADD_SMARTCARD_KEY
            | REMOVE_SMARTCARD_KEY
            | LOCK
            | UNLOCK
            | ADD_ID_CONSTRAINED
            | ADD_SMARTCARD_KEY_CONSTRAINED
    )
}

/// Why a message is not one that this agent answers; every one of these is FAILURE to the peer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A field reaches past the end of the message.
    #[error("message ends in the middle of a field")]
    Short,
    /// Bytes are left when every field is read.
    #[error("message has bytes after its last field")]
    Leftover,
    /// The message type is none that this agent answers.
    #[error("message type {0} is not supported")]
    UnknownType(u8),
    /// The key type is none that this agent holds.
    #[error("key type {0} is not supported")]
    UnknownKeyType(String),
    /// A constraint that is not known cannot be kept, so the key is refused.
    #[error("constraint {0} is not supported")]
    UnknownConstraint(String),
    /// Two constraints of one kind: which one was meant cannot be known.
    #[error("the same constraint comes twice")]
    DoubledConstraint,
    /// A field holds what it must not.
    #[error("{0}")]
    Invalid(&'static str),
}

/// A name that a peer chose, cut and escaped so that it may be written to a log.
pub fn printable(name: &[u8]) -> String {
    /// Longer than any name in use, short enough for a line.
    const MOST: usize = 80;
    name[..name.len().min(MOST)].escape_ascii().to_string()
}
