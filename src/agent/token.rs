//! Keys on tokens: which of those that a provider has are taken in, and which go with it.
//!
//! Guarantees: a key that is there already stays as it is, with its constraints; only where the process behind it serves
//! no more does it go on behind the new one. All constraints of the request are on every key that is added.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Agent, Constraints, Identity, Moment, Refusal, Session};
use crate::key::Imported;

/// A key that a provider has.
pub struct Offered {
    /// The key, checked.
    pub imported: Imported,
    /// What the token calls it.
    pub comment: Arc<[u8]>,
}

impl Agent {
    /// Takes in what a provider has. `serves` says whether a process does. Gives how many keys are new, or usable again.
    ///
    /// # Errors
    /// [`Refusal`], where nothing was taken in.
    pub fn insert_token(
        &mut self,
        session: &Session,
        keys: Vec<Offered>,
        constraints: &Constraints,
        serves: impl Fn(u64) -> bool,
        now: Moment,
    ) -> Result<usize, Refusal> {
        if self.is_locked() {
            return Err(Refusal::Locked);
        }
        self.keyring.expire(now);
        let expires = constraints.expires(&self.options, now);
        let insert = |key| self.insert_offered(session, key, (constraints, expires), &serves);
        let taken = keys.into_iter().filter_map(insert).count();
        if taken == 0 { Err(Refusal::NothingNew) } else { Ok(taken) }
    }

    fn insert_offered(
        &mut self,
        session: &Session,
        Offered { imported, comment }: Offered,
        (constraints, expires): (&Constraints, Option<Moment>),
        serves: impl Fn(u64) -> bool,
    ) -> Option<()> {
        if let Some(held) = self.keyring.find(&imported.blob) {
            if !held.is_shown_to(session) {
                return None;
            }
            let (old, new) = (held.key.token()?, imported.key.token()?);
            let stays = old.provider != new.provider || serves(old.process);
            let process = new.process;
            return (!stays && self.keyring.move_token(&imported.blob, process)).then_some(());
        }
        let identity = Identity {
            added: 0,
            comment,
            expires,
            confirm: constraints.confirm,
            destinations: constraints.destinations.clone(),
            fingerprint: imported.fingerprint,
            certificate: imported.certificate,
            key: Arc::new(imported.key),
            blob: imported.blob,
        };
        if !self.keyring.has_room_for(&identity) {
            self.note(session, Refusal::Full);
            return None;
        }
        tracing::info!(peer = %session, key = %identity.fingerprint, "key on a token added");
        self.keyring.insert(identity);
        Some(())
    }

    /// Forgets the keys behind a provider that the connection sees, and says how many there were.
    ///
    /// # Errors
    /// [`Refusal::Locked`], also where the lock came while the request was looked at.
    pub fn remove_token(&mut self, session: &Session, provider: &[u8]) -> Result<usize, Refusal> {
        if self.is_locked() {
            return Err(Refusal::Locked);
        }
        let behind = |identity: &&Identity| {
            let token = identity.key.token();
            token.is_some_and(|token| &*token.provider == provider) && identity.is_shown_to(session)
        };
        let blobs: Vec<_> =
            self.keyring.identities().filter(behind).map(|identity| Arc::clone(&identity.blob)).collect();
        blobs.iter().for_each(|blob| drop(self.keyring.remove(blob)));
        tracing::info!(peer = %session, keys = blobs.len(), "keys of a provider removed");
        Ok(blobs.len())
    }

    /// The processes of providers that a key is behind.
    pub fn token_processes(&self) -> BTreeSet<u64> {
        self.keyring.identities().filter_map(|identity| Some(identity.key.token()?.process)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Consent, Options, Outcome};
    use crate::key::TokenKey;
    use crate::message::{Request, put_string};

    fn offered(seed: u8, process: u64) -> Offered {
        let mut public = Vec::new();
        put_string(&mut public, b"ssh-ed25519");
        put_string(&mut public, &[seed; 32]);
        let key = TokenKey { provider: Arc::from(&b"/p"[..]), process, public: public.into() };
        let imported = Imported::on_token(key, None).unwrap();
        Offered { imported, comment: Arc::from(&[seed][..]) }
    }

    fn confirmed() -> Constraints {
        Constraints { confirm: true, ..Constraints::default() }
    }

    #[test]
    fn a_key_stays_as_it_is_and_goes_on_where_its_process_does_not() {
        let (mut agent, session) = (Agent::new(Options::default()), Session::new("test".into()));
        let now = Moment::default();
        let mut add = |keys: Vec<Offered>, constraints: &Constraints, serving: bool| {
            let taken = agent.insert_token(&session, keys, constraints, |_| serving, now);
            let identities = agent.identities().map(|key| (key.confirm, key.key.token().unwrap().process));
            (taken.ok(), identities.collect::<Vec<_>>())
        };
        assert_eq!(add(vec![offered(1, 1)], &confirmed(), true), (Some(1), vec![(true, 1)]));
        assert_eq!(add(vec![offered(1, 2)], &Constraints::default(), true), (None, vec![(true, 1)]));
        let both = vec![offered(1, 2), offered(2, 2)];
        assert_eq!(add(both, &Constraints::default(), true), (Some(1), vec![(true, 1), (false, 2)]));
        // The process behind the first has ended: it keeps its constraint behind the new one.
        let again = vec![offered(1, 3)];
        assert_eq!(add(again, &Constraints::default(), false), (Some(1), vec![(true, 3), (false, 2)]));
        assert_eq!(agent.token_processes().into_iter().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(agent.remove_token(&session, b"/other").ok(), Some(0));
        assert_eq!(agent.remove_token(&session, b"/p").ok(), Some(2));
        assert!(agent.token_processes().is_empty());
    }

    #[test]
    fn a_permit_ends_with_its_key_and_with_a_lock() {
        let (mut agent, mut session) = (Agent::new(Options::default()), Session::new("test".into()));
        let now = Moment::default();
        let mut permit = |agent: &mut Agent| {
            let keys = vec![offered(1, 1)];
            agent.insert_token(&session, keys, &Constraints::default(), |_| true, now).unwrap();
            let blob = offered(1, 1).imported.blob;
            let request = Request::Sign { blob: &blob, data: b"", flags: 0 };
            match agent.handle(&mut session, &request, None::<&Consent>, now) {
                Outcome::Sign(permit) => permit,
                _ => panic!("no permit"),
            }
        };
        let first = permit(&mut agent);
        assert!(agent.still_permits(&first, now).is_ok());
        agent.forget_all();
        assert!(agent.still_permits(&first, now).is_err());
        let second = permit(&mut agent);
        assert!(agent.still_permits(&first, now).is_err(), "the key was added anew");
        assert!(agent.still_permits(&second, now).is_ok());
        let session = Session::new("test".into());
        let _ = agent.finish_lock(&session, crate::agent::PasswordHash::new(b"secret").unwrap());
        assert!(agent.still_permits(&second, now).is_err());
        let late = agent.insert_token(&session, vec![offered(2, 1)], &confirmed(), |_| true, now);
        assert!(matches!(late, Err(Refusal::Locked)));
        assert!(matches!(agent.remove_token(&session, b"/p"), Err(Refusal::Locked)));
        assert_eq!(agent.token_processes().len(), 1);
    }
}
