//! May this key be used for this request? The only place that can say yes.
//!
//! Guarantees: a [`Permit`] exists only where [`authorize`] made it, and it signs with that key alone.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Identity, Refusal};
use crate::key::{Cost, Key, SignError};
use crate::vault::Vault;

/// The right to make one signature with one key.
pub struct Permit {
    key: Arc<Key>,
    fingerprint: String,
    flags: u32,
}

impl Permit {
    /// Makes the signature. The key is used even if it was removed since: the permit was given before.
    ///
    /// # Errors
    /// [`SignError`], where the stored key does not open or sign.
    pub fn sign(self, vault: &Vault, data: &[u8]) -> Result<Vec<u8>, SignError> {
        self.key.sign(vault, data, self.flags)
    }

    /// What the signature costs, and so where it may be made.
    pub fn cost(&self) -> Cost {
        self.key.cost()
    }

    /// The key's fingerprint, for the log.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Decides on the use of a key. Fails closed: what must be confirmed is refused while there is no way to
/// ask a person.
pub(super) fn authorize(identity: &Identity, flags: u32) -> Result<Permit, Refusal> {
    if identity.confirm {
        return Err(Refusal::NoWayToAsk(identity.fingerprint.clone()));
    }
    Ok(Permit { key: Arc::clone(&identity.key), fingerprint: identity.fingerprint.clone(), flags })
}
