//! A person's yes, and what it is for.
//!
//! Guarantees: a [`Consent`] comes only out of a [`Question`], and serves the one identity and the one request that the
//! question was about: not another key, not the same key added again, not other data, and nothing after a lock.
#![forbid(unsafe_code)]

use std::sync::Arc;

use aws_lc_rs::digest::{Context, Digest, SHA256};

use super::{FingerprintHash, Identity};

/// What a person is to be asked before a signature is made.
pub struct Question {
    consent: Consent,
    /// The key's blob: one question per key and connection.
    pub blob: Arc<[u8]>,
    /// The key's comment, as its owner wrote it: any bytes.
    pub comment: Arc<[u8]>,
    /// SHA-256 fingerprint of the plain key.
    pub fingerprint: String,
    /// For which user the signature logs in somewhere, where it does that.
    pub user: Option<Box<[u8]>>,
}

/// The person's yes.
pub struct Consent {
    added: u64,
    /// How often the agent had been locked before the question.
    locks: u64,
    request: Digest,
}

impl Question {
    pub(super) fn new(identity: &Identity, user: Option<&[u8]>, data: &[u8], flags: u32) -> Self {
        Self {
            consent: Consent { added: identity.added, locks: 0, request: digest(data, flags) },
            blob: Arc::clone(&identity.blob),
            comment: Arc::clone(&identity.comment),
            fingerprint: identity.fingerprint.clone(),
            user: user.map(Into::into),
        }
    }

    /// Binds the consent to the time until the next lock.
    pub(super) fn until_lock(mut self, locks: u64) -> Self {
        self.consent.locks = locks;
        self
    }

    /// Whether `identity` is still the one that the question is about, and no lock has come between.
    pub(super) fn concerns(&self, identity: &Identity, locks: u64) -> bool {
        self.consent.added == identity.added && self.consent.is_of(locks)
    }

    /// The key's fingerprint under this hash, as the person who is asked reads it.
    pub fn fingerprint_by(&self, hash: FingerprintHash) -> String {
        hash.fingerprint(&self.blob).unwrap_or_else(|| self.fingerprint.clone())
    }

    /// To be called when the person has said yes, and never else.
    pub fn granted(self) -> Consent {
        self.consent
    }
}

impl Consent {
    /// False where the agent was locked since the question, be it open again or not.
    pub(super) fn is_of(&self, locks: u64) -> bool {
        self.locks == locks
    }

    pub(super) fn serves(&self, identity: &Identity, data: &[u8], flags: u32) -> bool {
        self.added == identity.added && self.request.as_ref() == digest(data, flags).as_ref()
    }
}

fn digest(data: &[u8], flags: u32) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&flags.to_be_bytes());
    context.update(data);
    context.finish()
}
