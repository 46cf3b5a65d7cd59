//! The keys, in the order they came, found by blob and by time.
//!
//! Guarantees: looking up costs the same with one key and with ten thousand; a key added again keeps its
//! place and takes its new comment and constraints; an expired key is in no answer.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Destinations, Moment, Session};
use crate::key::Key;
use crate::message::Listed;

/// A key and what was said of it.
pub struct Identity {
    /// Which addition to the keyring it is: the same key added again is another one. Set by [`Keyring::insert`].
    pub added: u64,
    /// What names it: the public key or certificate.
    pub blob: Arc<[u8]>,
    /// Free text of any encoding.
    pub comment: Arc<[u8]>,
    /// SHA-256, of the plain key.
    pub fingerprint: String,
    /// True where `blob` is a certificate.
    pub certificate: bool,
    /// When it is forgotten.
    pub expires: Option<Moment>,
    /// Each use is to be confirmed by a person.
    pub confirm: bool,
    /// Where it may be used; anywhere without any.
    pub destinations: Option<Arc<Destinations>>,
    /// The private half, sealed.
    pub key: Arc<Key>,
}

impl Identity {
    /// Whether the connection sees the key. What it does not see is not there, for whatever it asks.
    pub(super) fn is_shown_to(&self, session: &Session) -> bool {
        self.destinations.as_ref().is_none_or(|destinations| destinations.show_to(session))
    }
}

/// A place in the order of the list.
type Place = u64;

/// All identities of an agent.
#[derive(Default)]
pub struct Keyring {
    identities: BTreeMap<Place, Identity>,
    places: HashMap<Arc<[u8]>, Place>,
    expiries: BTreeSet<(Moment, Place)>,
    next_place: Place,
    additions: u64,
}

impl Keyring {
    /// The identity that `blob` names.
    pub fn find(&self, blob: &[u8]) -> Option<&Identity> {
        self.identities.get(self.places.get(blob)?)
    }

    /// Adds an identity at the end, or in the place of the one with the same blob.
    pub fn insert(&mut self, mut identity: Identity) {
        self.additions += 1;
        identity.added = self.additions;
        let place = self.places.get(&identity.blob).copied().unwrap_or(self.next_place);
        if place == self.next_place {
            self.next_place += 1;
            self.places.insert(Arc::clone(&identity.blob), place);
        }
        let expires = identity.expires;
        let replaced = self.identities.insert(place, identity);
        if let Some(old) = replaced.and_then(|identity| identity.expires) {
            self.expiries.remove(&(old, place));
        }
        self.expiries.extend(expires.map(|moment| (moment, place)));
    }

    /// Puts the key on a token that `blob` names behind another process of its provider's.
    pub(super) fn move_token(&mut self, blob: &[u8], process: u64) -> bool {
        let identity = self.places.get(blob).and_then(|place| self.identities.get_mut(place));
        let moved = identity.and_then(|identity| {
            identity.key = Arc::new(identity.key.moved(process)?);
            Some(())
        });
        moved.is_some()
    }

    /// Forgets the identity that `blob` names.
    pub fn remove(&mut self, blob: &[u8]) -> Option<Identity> {
        let place = self.places.remove(blob)?;
        let identity = self.identities.remove(&place)?;
        if let Some(moment) = identity.expires {
            self.expiries.remove(&(moment, place));
        }
        Some(identity)
    }

    /// Forgets every identity, and says how many there were.
    pub fn clear(&mut self) -> usize {
        let count = self.identities.len();
        self.identities.clear();
        self.places.clear();
        self.expiries.clear();
        count
    }

    /// Forgets the identities whose time is over.
    pub fn expire(&mut self, now: Moment) {
        while let Some(&(moment, place)) = self.expiries.first().filter(|(moment, _)| *moment <= now) {
            self.expiries.remove(&(moment, place));
            if let Some(identity) = self.identities.remove(&place) {
                self.places.remove(&identity.blob);
                tracing::info!(key = %identity.fingerprint, "key expired");
            }
        }
    }

    /// When the next identity expires.
    pub fn next_expiry(&self) -> Option<Moment> {
        self.expiries.first().map(|(moment, _)| *moment)
    }

    /// In their order.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.identities.values()
    }

    /// Blobs and comments, in their order, of what the connection sees.
    pub fn list(&self, session: &Session) -> Vec<Listed> {
        let listed = |identity: &Identity| Listed {
            blob: Arc::clone(&identity.blob),
            comment: Arc::clone(&identity.comment),
        };
        self.identities().filter(|identity| identity.is_shown_to(session)).map(listed).collect()
    }
}
