//! May this key be used for this request? The only place that can say yes.
//!
//! Guarantees: a [`Permit`] exists only where [`authorize`] made it, and it signs with that key alone.
//! The order: what hides a key comes before what talks about it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Consent, Identity, Question, Refusal, Session};
use crate::key::{Key, Means, SignError};
use crate::vault::Vault;

/// The right to make one signature with one key.
pub struct Permit {
    key: Arc<Key>,
    fingerprint: String,
    flags: u32,
}

impl Permit {
    /// Makes the signature, for [`Means::Here`]. The key is used even if it was removed since: the permit was given
    /// before.
    ///
    /// # Errors
    /// [`SignError`], where the stored key does not open or sign.
    pub fn sign(self, vault: &Vault, data: &[u8]) -> Result<Vec<u8>, SignError> {
        self.key.sign(vault, data, self.flags)
    }

    /// What makes the signature.
    pub fn means(&self) -> Means {
        self.key.means()
    }

    /// The key that the signature is to be made with.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// The flags of the request.
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// The key's fingerprint, for the log.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// What becomes of a request that is not refused.
pub(super) enum Decision {
    /// It may be signed.
    Permit(Permit),
    /// A person is to say so first.
    Ask(Question),
}

/// What a signature is asked for.
pub(super) struct Wanted<'r> {
    /// What is to be signed.
    pub(super) data: &'r [u8],
    /// How.
    pub(super) flags: u32,
    /// What a person said of it, where one was asked.
    pub(super) consent: Option<&'r Consent>,
}

/// Decides on the use of a key.
pub(super) fn authorize(
    identity: &Identity,
    session: &Session,
    wanted: &Wanted<'_>,
) -> Result<Decision, Refusal> {
    let Wanted { data, flags, consent } = *wanted;
    // Where it may be used, and for which user there.
    let user = match &identity.destinations {
        Some(destinations) => Some(
            destinations
                .permit(session, &identity.blob, data)
                .map_err(|reason| Refusal::Destination { key: identity.fingerprint.clone(), reason })?,
        ),
        None => None,
    };
    if identity.confirm && !consent.is_some_and(|consent| consent.serves(identity, data, flags)) {
        return Ok(Decision::Ask(Question::new(identity, user, data, flags)));
    }
    let key = Arc::clone(&identity.key);
    Ok(Decision::Permit(Permit { key, fingerprint: identity.fingerprint.clone(), flags }))
}
