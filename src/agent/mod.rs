//! The agent: keys, lock and sessions, and the one line that a request goes through.
//!
//! Guarantees: synchronous, without a socket, a clock or an operating system; nothing here waits. What
//! takes time (checking a new key, hashing a password, signing) is handed out as an [`Outcome`] and done
//! while nothing is held; its result comes back through a second call, which decides everything anew.
//! Must never: tell a peer why it was refused, or treat a refused key otherwise than an absent one.
#![forbid(unsafe_code)]

mod adding;
mod consent;
mod destination;
mod fingerprint;
mod keyring;
mod lock;
mod moment;
mod options;
mod pattern;
mod policy;
mod refusal;
mod remote;
mod session;
mod state;
mod token;

pub use adding::Constraints;
pub use consent::{Consent, Question};
pub use destination::Destinations;
pub use keyring::{Identity, Keyring};
pub use lock::PasswordHash;
pub use moment::{Moment, WallTime};
pub use options::{FingerprintHash, Options};
pub use pattern::{list_matches, matches};
pub use policy::Permit;
pub use refusal::{Refusal, Refusals};
pub use session::{Binding, Hop, Session};
pub use token::Offered;

use std::sync::Arc;
use std::time::Duration;

use crate::key;
use crate::message::{DecodeError, Reply, Request, printable};
use crate::vault::Vault;
use lock::Lock;
use policy::{Decision, Wanted};

/// Extensions that `query` names (RFC 9987 section 3.8.1).
const EXTENSIONS: &[&str] = &[session::SESSION_BIND];

/// What becomes of a request.
pub enum Outcome {
    /// The answer.
    Reply(Reply),
    /// May be signed, by the [`Permit::means`].
    Sign(Permit),
    /// A person is to be asked first; then the request is handled again, with their consent.
    Ask(Question),
    /// The session-bind is to be read ([`Binding::read`]), then [`Agent::finish_bind`] called.
    Bind,
    /// The key is to be checked and sealed ([`key::import`]), its constraints read ([`Constraints::of_key`]), then
    /// [`Agent::insert`]ed.
    Import,
    /// The token is to be opened and its keys looked for.
    AddToken,
    /// The token's keys are to be forgotten, and the token closed.
    RemoveToken,
    /// The password is to be hashed ([`PasswordHash::new`]), then [`Agent::finish_lock`]ed.
    Lock,
    /// The password is to be compared with this hash, in turn and after [`Agent::unlock_delay`]; then
    /// [`Agent::finish_unlock`].
    Unlock(Arc<PasswordHash>),
}

/// The state behind every connection.
#[derive(Default)]
pub struct Agent {
    options: Options,
    keyring: Keyring,
    lock: Lock,
    refusals: Refusals,
    /// For the host keys of all connections.
    host_keys: session::KeyRoom,
}

impl Agent {
    /// An agent without keys, unlocked.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Decides one request. Keys whose time is over at `now` are gone before it is looked at. `consent` is what a
    /// person said to the question that the same request led to before.
    pub fn handle(
        &mut self,
        session: &mut Session,
        request: &Request<'_>,
        consent: Option<&Consent>,
        now: Moment,
    ) -> Outcome {
        self.keyring.expire(now);
        if let Err(refusal) = remote::check(session, request, &self.options) {
            return self.refuse(session, refusal);
        }
        if let Some(hash) = self.lock.hash() {
            return self.handle_locked(session, request, hash);
        }
        match request {
            Request::List { .. } => Outcome::Reply(Reply::Identities(self.keyring.list(session))),
            Request::Sign { blob, data, flags } => {
                let consent = consent.filter(|consent| consent.is_of(self.lock.times()));
                self.sign(session, blob, &Wanted { data, flags: *flags, consent })
            }
            Request::Add(_) => Outcome::Import,
            Request::AddToken(_) => Outcome::AddToken,
            Request::RemoveToken { .. } => Outcome::RemoveToken,
            Request::Remove { blob } => self.remove(session, blob),
            Request::RemoveAll { .. } => {
                let keys = self.keyring.clear();
                tracing::info!(peer = %session, keys, "all keys removed");
                Outcome::Reply(Reply::Success)
            }
            Request::Lock { password: [] } => self.refuse(session, Refusal::EmptyPassword),
            Request::Lock { .. } => Outcome::Lock,
            Request::Unlock { .. } => self.refuse(session, Refusal::NotLocked),
            Request::Extension { name, body } => self.extension(session, name, body),
        }
    }

    /// Locked, the agent shows no key and does nothing but bind sessions and compare passwords.
    fn handle_locked(
        &mut self,
        session: &mut Session,
        request: &Request<'_>,
        hash: Arc<PasswordHash>,
    ) -> Outcome {
        match request {
            Request::List { .. } => Outcome::Reply(Reply::Identities(Vec::new())),
            Request::Unlock { password: [] } => self.refuse(session, Refusal::EmptyPassword),
            Request::Unlock { .. } => Outcome::Unlock(hash),
            Request::Extension { name, .. } if *name == session::SESSION_BIND.as_bytes() => Outcome::Bind,
            _ => self.refuse(session, Refusal::Locked),
        }
    }

    fn sign(&mut self, session: &Session, blob: &[u8], wanted: &Wanted<'_>) -> Outcome {
        let Some(identity) = self.keyring.find(blob) else {
            return self.refuse(session, Refusal::NoSuchKey);
        };
        match policy::authorize(identity, session, &self.options, wanted) {
            Ok(Decision::Permit(permit)) => Outcome::Sign(permit.until_lock(self.lock.times())),
            Ok(Decision::Ask(question)) => Outcome::Ask(question.until_lock(self.lock.times())),
            Err(refusal) => self.refuse(session, refusal),
        }
    }

    fn remove(&mut self, session: &Session, blob: &[u8]) -> Outcome {
        let Some(identity) = self.keyring.find(blob) else {
            return self.refuse(session, Refusal::NoSuchKey);
        };
        let key = identity.fingerprint.clone();
        if !identity.is_shown_to(session) {
            return self.refuse(session, Refusal::Hidden(key));
        }
        self.keyring.remove(blob);
        tracing::info!(peer = %session, %key, "key removed");
        Outcome::Reply(Reply::Success)
    }

    fn extension(&mut self, session: &Session, name: &[u8], body: &[u8]) -> Outcome {
        match std::str::from_utf8(name) {
            Ok("query") if body.is_empty() => Outcome::Reply(Reply::Query(EXTENSIONS)),
            Ok("query") => {
                self.note(session, Refusal::Message(DecodeError::Leftover));
                Outcome::Reply(Reply::ExtensionFailure)
            }
            Ok(session::SESSION_BIND) => Outcome::Bind,
            _ => self.refuse(session, Refusal::UnknownExtension(printable(name))),
        }
    }

    /// Binds the connection to a session, or remembers that it could not be, locked or not.
    pub fn finish_bind(&mut self, session: &mut Session, binding: Binding) -> Reply {
        match session.bind_within(binding, &self.host_keys) {
            Ok(()) => Reply::Success,
            Err(refusal) => {
                self.note(session, refusal);
                Reply::ExtensionFailure
            }
        }
    }

    /// Whether a permit still holds that was given before a person or a token was waited for: not after a lock,
    /// opened or not, nor when the key is gone or was added anew.
    ///
    /// # Errors
    /// The [`Refusal`], where it does not.
    pub fn still_permits(&mut self, permit: &Permit, now: Moment) -> Result<(), Refusal> {
        self.keyring.expire(now);
        if self.is_locked() {
            return Err(Refusal::Locked);
        }
        let holds = |identity: &Identity| permit.is_for(identity, self.lock.times());
        if self.keyring.find(permit.blob()).is_some_and(holds) { Ok(()) } else { Err(Refusal::NoSuchKey) }
    }

    /// Locks, unless another lock came first.
    pub fn finish_lock(&mut self, session: &Session, hash: PasswordHash) -> Reply {
        if !self.lock.close(hash) {
            return self.note(session, Refusal::Locked);
        }
        tracing::info!(peer = %session, "locked");
        Reply::Success
    }

    /// How long the next password must wait before it is compared.
    pub fn unlock_delay(&self) -> Duration {
        self.lock.delay()
    }

    /// Unlocks where `matches` was found true of the `hash` that is still in force.
    pub fn finish_unlock(&mut self, session: &Session, hash: &Arc<PasswordHash>, matches: bool) -> Reply {
        if !self.lock.open(hash, matches) {
            return self.note(session, Refusal::WrongPassword);
        }
        tracing::info!(peer = %session, "unlocked");
        Reply::Success
    }

    /// Whether a yes to `question` would still mean anything: not after a lock, opened or not, nor when the key is gone or was added
    /// anew.
    pub fn still_asks(&mut self, question: &Question, now: Moment) -> bool {
        self.keyring.expire(now);
        let asks = |identity: &Identity| question.concerns(identity, self.lock.times());
        !self.is_locked() && self.keyring.find(&question.blob).is_some_and(asks)
    }

    /// Forgets every key, locked or not, and says how many there were.
    pub fn forget_all(&mut self) -> usize {
        self.keyring.clear()
    }

    /// Forgets the keys whose time is over, and says when the next one's will be.
    pub fn expire(&mut self, now: Moment) -> Option<Moment> {
        self.keyring.expire(now);
        self.keyring.next_expiry()
    }

    /// The keys in their order, for `status`; none while locked.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        let shown = if self.is_locked() { 0 } else { usize::MAX };
        self.keyring.identities().take(shown)
    }

    /// True from a lock to its unlock.
    pub fn is_locked(&self) -> bool {
        self.lock.hash().is_some()
    }

    /// Wrong passwords since the last right one.
    pub fn failed_unlocks(&self) -> u32 {
        self.lock.failures()
    }

    /// The last refusals, for `status`.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    fn refuse(&mut self, session: &Session, refusal: Refusal) -> Outcome {
        Outcome::Reply(self.note(session, refusal))
    }

    /// Keeps and logs why a request is refused, and gives the answer that tells the peer nothing.
    pub fn note(&mut self, session: &Session, refusal: Refusal) -> Reply {
        tracing::warn!(peer = %session, "refused: {refusal}");
        self.refusals.keep(session, &refusal);
        Reply::Failure
    }

    /// The whole line at once, slow parts included, for tests and fuzzing: one message in, one frame out.
    pub fn answer(
        &mut self,
        vault: &Arc<Vault>,
        session: &mut Session,
        message: &[u8],
        now: Moment,
    ) -> Vec<u8> {
        let request = match Request::decode(message) {
            Ok(request) => request,
            Err(error) => return self.note(session, Refusal::Message(error)).to_frame(),
        };
        let reply = match (self.handle(session, &request, None, now), &request) {
            (Outcome::Reply(reply), _) => reply,
            (Outcome::Sign(permit), Request::Sign { data, .. }) => {
                permit.sign(vault, data).map_or(Reply::Failure, Reply::Signature)
            }
            (Outcome::Ask(question), _) => self.note(session, Refusal::NoWayToAsk(question.fingerprint)),
            (Outcome::Import, Request::Add(add)) => {
                match (Constraints::of_key(add), key::import(&add.key, vault)) {
                    (Ok(constraints), Ok(imported)) => self.insert(session, add, constraints, imported, now),
                    (Err(refusal), _) => self.note(session, refusal),
                    (_, Err(error)) => self.note(session, Refusal::Key(error)),
                }
            }
            (Outcome::Bind, Request::Extension { body, .. }) => {
                self.finish_bind(session, Binding::read(body))
            }
            (Outcome::Lock, Request::Lock { password }) => match PasswordHash::new(password) {
                Some(hash) => self.finish_lock(session, hash),
                None => Reply::Failure,
            },
            (Outcome::Unlock(hash), Request::Unlock { password }) => {
                self.finish_unlock(session, &hash, hash.matches(password))
            }
            _ => Reply::Failure,
        };
        reply.to_frame()
    }
}

#[cfg(test)]
mod tests;
