//! Signatures by FIDO tokens: OpenSSH's own ssh-sk-helper makes them, one process for each.
//!
//! Guarantees: one request at a time for a provider, since two collide on the token; nobody else waits for a touch or a
//! PIN; a helper that crashes, hangs, lies or talks without end costs one request and nothing else; it ends when the
//! client hangs up, at a lock or the key's end, and before a handover; so does whatever is shown for it.
//! Must never: hold a place in the queue while a person types a PIN.
#![forbid(unsafe_code)]

mod helper;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard, Semaphore, SemaphorePermit};

use super::{Client, Shared, asking};
use crate::agent::{Permit, Refusal};
use crate::key::{Provider, Sk, SkFailure};
use crate::message::sk_helper::{SkError, read_answer};
use crate::platform::{clock, sk_helper};

/// Most bytes of messages that wait for tokens, of all clients: thousands of logins, or 32 of the largest. A touch may be
/// long in coming, and peers are many; it is half of the room that large messages in work have, so that others find some.
const MOST_WAITING: usize = 16 * 1024 * 1024;

/// As so many bytes each of them counts at least: there are never more than 256 that wait, and other clients have places.
const LEAST_WAITING: usize = 64 * 1024;

/// Whose turn it is with each provider, and what waits for tokens of any kind.
pub(super) struct Turns {
    providers: Mutex<HashMap<Provider, Weak<Turn<()>>>>,
    room: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { providers: Mutex::default(), room: Semaphore::new(MOST_WAITING) }
    }
}

impl Turns {
    /// Room for a message of such a weight, as long as it waits.
    pub(super) fn admit(&self, weight: usize) -> Result<SemaphorePermit<'_>, SkFailure> {
        let bytes = u32::try_from(weight.max(LEAST_WAITING)).map_err(|_| SkFailure::Crowded)?;
        self.room.try_acquire_many(bytes).map_err(|_| SkFailure::Crowded)
    }

    /// Waits for the next turn, in the order of arrival. It ends when dropped.
    async fn next(&self, provider: &Provider) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let turn = turns.get(provider).and_then(Weak::upgrade).unwrap_or_default();
            turns.insert(provider.clone(), Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }
}

/// Has a token sign `data`, as long as its client waits and the permit holds.
///
/// # Errors
/// Any other end of it.
pub(super) async fn sign(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    permit: &Permit,
    data: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let signed = tokio::select! {
        biased;
        () = client.gone() => Err(SkFailure::Gone.into()),
        () = shared.restart.has_begun() => Err(SkFailure::Restarting.into()),
        refusal = revoked(shared, permit) => Err(refusal.into()),
        signed = signature(shared, client, permit, data) => signed,
    };
    signed.map_err(|end| match end {
        End::Refused(refusal) => refusal,
        End::Failed(failure) => Refusal::Sk { key: permit.fingerprint().to_owned(), failure },
    })
}

/// Returns when the permit holds no more: after a lock, or the key's end.
async fn revoked(shared: &Shared, permit: &Permit) -> Refusal {
    shared.questions.until(|| shared.agent().still_permits(permit, clock::now()).err()).await
}

/// Why there is no signature.
enum End {
    /// The agent, or a person, says no.
    Refused(Refusal),
    /// The token, or the way to it.
    Failed(SkFailure),
}

impl From<SkFailure> for End {
    fn from(failure: SkFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The signature: without a PIN, and where the token wants one, with it.
async fn signature(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    permit: &Permit,
    data: &[u8],
) -> Result<Vec<u8>, End> {
    let Some(sk) = permit.key().sk() else { return Err(Refusal::NoSuchKey.into()) };
    let _room = shared.turns.admit(client.weight)?;
    let signed = match attempt(shared, permit, sk, data, b"").await {
        Err(End::Failed(SkFailure::Said(SkError::WrongPin))) => {
            let holds = || shared.agent().still_permits(permit, clock::now()).is_ok();
            let pin = asking::secret(shared, client, holds, &pin_text(permit, sk)).await?;
            attempt(shared, permit, sk, data, &pin).await
        }
        signed => signed,
    };
    // The signature is the last word of a token, not of the agent: a lock or a removal meanwhile wins.
    shared.agent().still_permits(permit, clock::now())?;
    match signed {
        Err(End::Failed(SkFailure::Said(SkError::WrongPin))) => Err(SkFailure::WrongPin.into()),
        signed => signed,
    }
}

/// One helper's work, in its turn. `pin` is empty where none is known.
async fn attempt(
    shared: &Arc<Shared>,
    permit: &Permit,
    sk: &Sk,
    data: &[u8],
    pin: &[u8],
) -> Result<Vec<u8>, End> {
    let _turn = shared.turns.next(sk.provider()).await;
    // It may have been long in coming.
    shared.agent().still_permits(permit, clock::now())?;
    let program = sk_helper::find().map_err(SkFailure::NoHelper)?;
    let request = sk.request(&shared.vault, data, pin).map_err(SkFailure::Vault)?;
    let _notice = sk.wants_touch().then(|| asking::notify(shared, &touch_text(permit)));
    let answer = helper::ask(&program, request, pin.is_empty()).await?;
    let signature = read_answer(&answer).map_err(SkFailure::Answer)?.map_err(SkFailure::Said)?;
    if !sk.has_signed(data, signature) {
        return Err(SkFailure::Wrong.into());
    }
    Ok(signature.to_vec())
}

/// OpenSSH's sentence for the person who is to touch the token.
fn touch_text(permit: &Permit) -> String {
    let login = permit.user().map(|user| format!("\n{}", asking::login_of(user))).unwrap_or_default();
    format!("Confirm user presence for key {} {}{login}", type_name(permit), permit.fingerprint())
}

/// OpenSSH's sentence for the person who is to type the token's PIN.
fn pin_text(permit: &Permit, sk: &Sk) -> String {
    let touch = if sk.wants_touch() { " and confirm user presence" } else { "" };
    format!("Enter PIN{touch} for {} key {}: ", type_name(permit), permit.fingerprint())
}

/// OpenSSH's name for the key's type.
fn type_name(permit: &Permit) -> String {
    let ending = if permit.is_certificate() { "-CERT" } else { "" };
    format!("{}{ending}", permit.key().algorithm().short_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{self, Intake, Received};
    use crate::vault::{Vault, Wish};
    use std::future::pending;
    use std::time::Duration;
    use tokio::time::timeout;

    #[test]
    fn so_much_may_wait_and_no_more() {
        let (turns, largest) = (Turns::default(), 512 * 1024);
        let mut waiting: Vec<_> = (0..32).map(|_| turns.admit(largest).unwrap()).collect();
        assert!(matches!(turns.admit(0), Err(SkFailure::Crowded)));
        waiting.pop();
        assert!(turns.admit(largest).is_ok());
        waiting.clear();
        let small: Vec<_> = (0..=256).filter_map(|_| turns.admit(0).ok()).collect();
        assert_eq!(small.len(), 256);
    }

    /// A message of so many bytes, where there is room for it.
    async fn received(intake: &Intake, len: usize) -> Option<Received> {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let message = [&u32::try_from(len).unwrap().to_be_bytes()[..], &vec![13; len]].concat();
        let mut stream = &message[..];
        let read = frame::read(&mut stream, &vault, intake, pending());
        timeout(Duration::from_secs(1), read).await.ok()?.unwrap()
    }

    /// Whoever wants no token has room for a large message, however many wait for a touch.
    #[tokio::test(start_paused = true)]
    async fn those_that_wait_for_tokens_leave_room_for_others() {
        for len in [5_000, 66_000, 132_000, 262_144] {
            let (turns, intake) = (Turns::default(), Intake::default());
            let mut waiting = Vec::new();
            loop {
                let message = received(&intake, len).await.expect("no room for others");
                let Ok(turn) = turns.admit(message.weight()) else { break };
                waiting.push((message, turn));
            }
            assert!(waiting.len() >= 32, "{} of {len} bytes", waiting.len());
        }
    }

    #[tokio::test]
    async fn turns_come_in_order_and_are_the_providers_own() {
        let turns = Turns::default();
        let library = Provider::Library(b"/usr/lib/x.so"[..].into());
        let first = turns.next(&Provider::Internal).await;
        let _other = turns.next(&library).await;
        let mut second = Box::pin(turns.next(&Provider::Internal));
        let mut third = Box::pin(turns.next(&Provider::Internal));
        let waits = Duration::from_millis(1);
        assert!(timeout(waits, &mut second).await.is_err() && timeout(waits, &mut third).await.is_err());
        // Who leaves is passed over.
        drop(second);
        drop(first);
        drop(third.await);
        assert_eq!(turns.providers.lock().unwrap().len(), 2);
        drop(turns.next(&library));
        drop(turns.next(&Provider::Internal).await);
        let _all = turns.next(&Provider::Internal).await;
        assert_eq!(turns.providers.lock().unwrap().len(), 2);
    }
}
