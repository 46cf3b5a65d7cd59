//! Why requests are refused: for the user's eyes (`status`, the log), never for the peer's.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::Session;
use crate::key::{ImportError, SignError, SkFailure};
use crate::message::DecodeError;

/// Refusals that `status` can show; older ones are in the log.
const MOST_KEPT: usize = 8;

/// A reason, as the user reads it. None of them carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The message cannot be decoded.
    #[error("{0}")]
    Message(#[from] DecodeError),
    /// The key that came is none.
    #[error("{0}")]
    Key(#[from] ImportError),
    /// A held key failed.
    #[error("{0}")]
    Sign(#[from] SignError),
    /// Only unlocking helps.
    #[error("the agent is locked")]
    Locked,
    /// Unlocking an open agent.
    #[error("the agent is not locked")]
    NotLocked,
    /// A password of no bytes.
    #[error("the password is empty")]
    EmptyPassword,
    /// The password is not the one of the lock.
    #[error("wrong password")]
    WrongPassword,
    /// More passwords wait than are queued.
    #[error("too many passwords are waiting to be compared")]
    TooManyPasswords,
    /// Nobody can be asked.
    #[error("key {0} must be confirmed, and there is no way to ask")]
    NoWayToAsk(String),
    /// The key is bound to destinations, and this use is for none of them.
    #[error("key {key} may not be used here: {reason}")]
    Destination {
        /// Its fingerprint.
        key: String,
        /// What is amiss.
        reason: &'static str,
    },
    /// A forwarded peer asks what only local ones may.
    #[error("a forwarded peer may not {0}, unless the agent is started with --allow-remote-admin")]
    RemoteAdmin(&'static str),
    /// A peer that was bound to a session wants a library loaded.
    #[error("a remote peer may not name a library, unless the agent is started with -O allow-remote-pkcs11")]
    RemoteProvider,
    /// Certificates that belong to the keys of a token came with another key.
    #[error("a constraint is for the keys of a token, and this is none")]
    NotToken,
    /// A library for FIDO tokens came with another key.
    #[error("a library for FIDO tokens is named, and the key is on none")]
    NotFido,
    /// A question that did not end with a yes.
    #[error("key {key} was not confirmed: {why}")]
    NotConfirmed {
        /// Its fingerprint.
        key: String,
        /// The user's sentence.
        why: String,
    },
    /// A secret that nobody entered.
    #[error("{0}")]
    NothingEntered(String),
    /// A provider that is not there, or not on the list.
    #[error("provider {0}")]
    Provider(String),
    /// A token's key of another application than SSH's own is to sign what is not SSH's.
    #[error("key {0} is not of an SSH application, and signs logins and SSH signatures only")]
    NotForSsh(String),
    /// A FIDO token gave no signature.
    #[error("key {key}: {failure}")]
    Sk {
        /// Its fingerprint.
        key: String,
        /// Why.
        failure: SkFailure,
    },
    /// What became of a PKCS#11 provider.
    #[error("provider {provider}: {reason}")]
    Token {
        /// Its real path.
        provider: String,
        /// Why; it may have said so itself, and is escaped.
        reason: String,
    },
    /// A provider whose keys are all there.
    #[error("the provider has no key that is not here already")]
    NothingNew,
    /// A provider that no key here is behind.
    #[error("no key of that provider is here")]
    NoSuchProvider,
    /// More than are kept, or looked at, at once.
    #[error("too many providers are in use")]
    TooManyProviders,
    /// Something that this system's agent has not.
    #[error("on this system the agent has no {0}")]
    NotHere(&'static str),
    /// The client does not wait for its answer.
    #[error("the client has hung up")]
    HungUp,
    /// The blob names no key here.
    #[error("no such key")]
    NoSuchKey,
    /// A key that this connection does not see: to the peer it is not there.
    #[error("key {0} is bound to destinations, and this connection leads to none of them")]
    Hidden(String),
    /// A comment with a NUL in it.
    #[error("the comment holds a zero byte")]
    Comment,
    /// A connection that was ended because others needed what it held.
    #[error("connection closed: {0}")]
    Closed(String),
    /// No room for another key.
    #[error("the keys that are held take all the memory there is for them; ssh-add -d makes room")]
    Full,
    /// An extension that this agent does not have.
    #[error("extension {0} is not supported")]
    UnknownExtension(String),
    /// A session-bind that cannot be believed.
    #[error("session-bind: {0}")]
    Bind(&'static str),
}

/// The last few refusals.
#[derive(Default)]
pub struct Refusals(VecDeque<String>);

impl Refusals {
    pub(super) fn keep(&mut self, session: &Session, refusal: &Refusal) {
        self.push(format!("{session}: {refusal}"));
    }

    pub(super) fn push(&mut self, line: String) {
        if self.0.len() == MOST_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
