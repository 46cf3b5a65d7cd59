//! The keys, in the order they came, found by blob and by time.
//!
//! Guarantees: looking up costs the same with one key and with ten thousand; a key added again keeps its
//! place and takes its new comment and constraints; an expired key is in no answer; all keys together stay within
//! [`MOST_HELD`], comments and constraints included, whoever adds them.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Destinations, Moment, Session};
use crate::key::Key;
use crate::message::Listed;

/// Most bytes that all keys may take: some twenty thousand of the usual size. OpenSSH's agent has no such bound, and any
/// program of the user may use up memory anyhow; but what ends then is chosen by the system, and would be the agent.
const MOST_HELD: usize = 32 * 1024 * 1024;

/// What a key takes beside its own bytes: its places in the lists, the smaller parts of it.
const KEY_OVERHEAD: usize = 1024;

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

    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize {
        let destinations = self.destinations.as_ref().map_or(0, |destinations| destinations.as_bytes().len());
        KEY_OVERHEAD + self.blob.len() + self.comment.len() + destinations + self.key.weight()
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
    /// What all of them weigh.
    held: usize,
}

impl Keyring {
    /// The identity that `blob` names.
    pub fn find(&self, blob: &[u8]) -> Option<&Identity> {
        self.identities.get(self.places.get(blob)?)
    }

    /// Whether there is room for an identity, in the place of the one with the same blob.
    pub(super) fn has_room_for(&self, identity: &Identity) -> bool {
        let replaced = self.find(&identity.blob).map_or(0, Identity::weight);
        self.held.saturating_sub(replaced) + identity.weight() <= MOST_HELD
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
        self.held += identity.weight();
        let replaced = self.identities.insert(place, identity);
        self.held = self.held.saturating_sub(replaced.as_ref().map_or(0, Identity::weight));
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
        self.held = self.held.saturating_sub(identity.weight());
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
        self.held = 0;
        count
    }

    /// Forgets the identities whose time is over.
    pub fn expire(&mut self, now: Moment) {
        while let Some(&(moment, place)) = self.expiries.first().filter(|(moment, _)| *moment <= now) {
            self.expiries.remove(&(moment, place));
            if let Some(identity) = self.identities.remove(&place) {
                self.held = self.held.saturating_sub(identity.weight());
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

#[cfg(test)]
mod tests;
