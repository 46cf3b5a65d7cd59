//! Comparing passwords: one at a time for the whole agent, in the order of arrival, each later the more
//! were wrong.
//!
//! Guarantees: two hundred connections guess no faster than one; nobody but those who guess waits; the password of a
//! client that has hung up keeps none of them waiting.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;

use super::{Client, Shared};
use crate::agent::{Outcome, Refusal, Session};
use crate::message::{Reply, Request};
use crate::platform::clock;
use crate::vault::SecretBuf;

/// Most passwords that wait, the one that is being compared included: more than a person and their
/// programs have, few enough that the wait has an end.
const MOST_WAITING: usize = 16;

/// The queue of passwords.
pub(super) struct Queue {
    places: Semaphore,
    /// First come, first served.
    turn: Mutex<()>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { places: Semaphore::new(MOST_WAITING), turn: Mutex::new(()) }
    }
}

/// Compares the password of an unlock message in its turn.
pub(super) async fn unlock(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    session: &mut Session,
    message: SecretBuf,
) -> Reply {
    let Ok(_place) = shared.unlocks.places.try_acquire() else {
        return shared.agent().note(session, Refusal::TooManyPasswords);
    };
    let turn = async {
        let turn = shared.unlocks.turn.lock().await;
        let delay = shared.agent().unlock_delay();
        tokio::time::sleep(delay).await;
        turn
    };
    let _turn = tokio::select! {
        biased;
        turn = turn => turn,
        // Nothing was compared: whoever leaves learns nothing, and only lets the next one begin to wait.
        () = client.gone() => return shared.agent().note(session, Refusal::HungUp),
    };
    // Decided anew: another password may have opened the lock meanwhile.
    let hash = match Request::decode(&message) {
        Ok(request) => match shared.agent().handle(session, &request, None, clock::now()) {
            Outcome::Unlock(hash) => hash,
            Outcome::Reply(reply) => return reply,
            _ => return Reply::Failure,
        },
        Err(_) => return Reply::Failure,
    };
    let lock = Arc::clone(&hash);
    let compared = spawn_blocking(move || match Request::decode(&message) {
        Ok(Request::Unlock { password }) => lock.matches(password),
        _ => false,
    });
    let matches = compared.await.unwrap_or(false);
    shared.agent().finish_unlock(session, &hash, matches)
}
