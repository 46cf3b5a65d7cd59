//! Taking keys in, with what was demanded of their use.
//!
//! Guarantees: a key is held with every constraint that came, or not at all; a constraint that does not fit the
//! key refuses it. A key that this connection may not see is not replaced over it either.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::{Agent, Destinations, Identity, Moment, Options, Refusal, Session};
use crate::key::{Imported, Sk};
use crate::message::{AddIdentity, Constraint, PrivateKey, Reply};

/// The constraints of keys, taken apart.
#[derive(Default)]
pub struct Constraints {
    /// How long they are held.
    pub lifetime: Option<Duration>,
    /// Each use is to be confirmed by a person.
    pub confirm: bool,
    /// Where they may be used; anywhere without any.
    pub destinations: Option<Arc<Destinations>>,
    /// A provider was named with the key.
    pub provider: bool,
}

impl Constraints {
    /// Those of one key. Verifies every certificate among the destinations' keys: for a thread that may take its
    /// time.
    ///
    /// # Errors
    /// [`Refusal`], where one cannot be read, or is not for such a key.
    pub fn of_key(add: &AddIdentity<'_>) -> Result<Self, Refusal> {
        let mut constraints = Self::default();
        for constraint in &add.constraints {
            match constraint {
                Constraint::AssociatedCerts { .. } => return Err(Refusal::NotToken),
                Constraint::SkProvider(_) if matches!(add.key, PrivateKey::Sk(_)) => {
                    constraints.provider = true;
                }
                Constraint::SkProvider(_) => return Err(Refusal::NotFido),
                other => constraints.take(other)?,
            }
        }
        Ok(constraints)
    }

    /// Takes one of those that any key may have.
    ///
    /// # Errors
    /// [`Refusal`], where it cannot be read.
    pub fn take(&mut self, constraint: &Constraint<'_>) -> Result<(), Refusal> {
        match constraint {
            Constraint::Lifetime(seconds) => self.lifetime = Some(Duration::from_secs((*seconds).into())),
            Constraint::Confirm => self.confirm = true,
            Constraint::Destinations(body) => self.destinations = Some(Arc::new(Destinations::read(body)?)),
            Constraint::AssociatedCerts { .. } | Constraint::SkProvider(_) => return Err(Refusal::NotToken),
        }
        Ok(())
    }

    /// When keys that are added `now` are forgotten. A lifetime that came wins over the owner's, also a longer one.
    pub fn expires(&self, options: &Options, now: Moment) -> Option<Moment> {
        self.lifetime.or(options.default_lifetime).map(|lifetime| now + lifetime)
    }
}

impl Agent {
    /// Takes a checked key in, or refuses it where the agent was locked meanwhile. `constraints` are those of `add`.
    pub fn insert(
        &mut self,
        session: &Session,
        add: &AddIdentity<'_>,
        constraints: Constraints,
        imported: Imported,
        now: Moment,
    ) -> Reply {
        if self.is_locked() {
            return self.note(session, Refusal::Locked);
        }
        // Fails closed: a provider that was named and did not come with the key cannot be kept.
        if constraints.provider && !imported.key.sk().is_some_and(Sk::has_provider) {
            return self.note(session, Refusal::NotFido);
        }
        let Some(comment) = comment(add.comment) else {
            return self.note(session, Refusal::Comment);
        };
        if self.keyring.find(&imported.blob).is_some_and(|held| !held.is_shown_to(session)) {
            return self.note(session, Refusal::Hidden(imported.fingerprint));
        }
        let identity = Identity {
            added: 0,
            comment,
            expires: constraints.expires(&self.options, now),
            confirm: constraints.confirm,
            destinations: constraints.destinations,
            fingerprint: imported.fingerprint,
            certificate: imported.certificate,
            key: Arc::new(imported.key),
            blob: imported.blob,
        };
        if !self.keyring.has_room_for(&identity) {
            return self.note(session, Refusal::Full);
        }
        let lifetime = identity.expires.map(|end| now.until(end));
        tracing::info!(peer = %session, key = %identity.fingerprint, ?lifetime, "key added");
        self.keyring.insert(identity);
        Reply::Success
    }
}

/// A comment as OpenSSH takes it: any bytes, without a NUL but for one that ends it.
fn comment(bytes: &[u8]) -> Option<Arc<[u8]>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    (!bytes.contains(&0)).then(|| bytes.into())
}

#[cfg(test)]
mod tests;
