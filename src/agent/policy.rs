//! May this key be used for this request? The only place that can say yes.
//!
//! Guarantees: a [`Permit`] exists only where [`authorize`] made it, and it signs with that key alone.
//! The order: what hides a key comes before what talks about it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Consent, Identity, Options, Question, Refusal, Session, list_matches};
use crate::key::{Key, Means, SignError, Sk};
use crate::message::Signed;
use crate::vault::Vault;

/// The right to make one signature with one key.
pub struct Permit {
    key: Arc<Key>,
    /// Which addition of it.
    added: u64,
    /// Which lock of the agent came last when it was given.
    locks: u64,
    blob: Arc<[u8]>,
    certificate: bool,
    fingerprint: String,
    user: Option<Box<[u8]>>,
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

    /// Binds it to the time until the next lock.
    pub(super) fn until_lock(mut self, locks: u64) -> Self {
        self.locks = locks;
        self
    }

    /// Whether it is for the very key that `identity` is now, and no lock has come between.
    pub(super) fn is_for(&self, identity: &Identity, locks: u64) -> bool {
        self.added == identity.added && self.locks == locks
    }

    /// What names the key.
    pub(super) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Whether the key is under a certificate.
    pub fn is_certificate(&self) -> bool {
        self.certificate
    }

    /// For which user it logs in, where the key is bound to destinations.
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
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
    options: &Options,
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
    if identity.key.sk().is_some_and(|sk| !is_websafe(sk, &identity.blob, data, options)) {
        return Err(Refusal::NotForSsh(identity.fingerprint.clone()));
    }
    if identity.confirm && !consent.is_some_and(|consent| consent.serves(identity, data, flags)) {
        return Ok(Decision::Ask(Question::new(identity, user, data, flags)));
    }
    Ok(Decision::Permit(Permit {
        key: Arc::clone(&identity.key),
        added: identity.added,
        locks: 0,
        blob: Arc::clone(&identity.blob),
        certificate: identity.certificate,
        fingerprint: identity.fingerprint.clone(),
        user: user.map(Into::into),
        flags,
    }))
}

/// Whether a token's key may sign `data`: one that is not of SSH's applications signs only what no web site takes for
/// its own, a login with this key or an SSHSIG.
fn is_websafe(sk: &Sk, blob: &[u8], data: &[u8], options: &Options) -> bool {
    if !options.restrict_websafe || list_matches(&options.websafe, sk.application()) {
        return true;
    }
    match Signed::read(data) {
        Signed::Userauth(userauth) => userauth.is_by(blob),
        Signed::Sshsig => true,
        Signed::Other => false,
    }
}
