//! Adding the keys of a provider.
#![forbid(unsafe_code)]

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::process::{LOAD_LIMIT, ProcessError};
use super::processes::Look;
use super::wish::Wish;
use super::{Process, apart, refusal, sweep};
use crate::agent::{Refusal, Session};
use crate::message::{Reply, Request};
use crate::platform::clock;
use crate::server::{Client, Shared, provider};
use crate::token::{Answer, Failure, Found, Order};
use crate::vault::SecretBuf;

/// Answers a request to add the keys of a provider.
pub(in crate::server) async fn add(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    session: &Session,
    message: SecretBuf,
) -> Reply {
    let added = tokio::select! {
        added = try_add(shared, session, message) => added,
        () = client.gone() => Err(Refusal::HungUp),
    };
    sweep(shared);
    match added {
        Ok(()) => Reply::Success,
        Err(refusal) => shared.agent().note(session, refusal),
    }
}

async fn try_add(shared: &Arc<Shared>, session: &Session, message: SecretBuf) -> Result<(), Refusal> {
    let right = shared.tokens.look().ok_or(Refusal::TooManyProviders)?;
    let options = shared.agent().options().clone();
    let (message, wish, path) = apart(&right, move || {
        let Ok(Request::AddToken(add)) = Request::decode(&message) else {
            return Err(Refusal::NoSuchProvider);
        };
        let (wish, path) = (Wish::read(&add)?, provider::allowed(&options, add.provider)?);
        let path: Arc<[u8]> = path.as_os_str().as_bytes().into();
        Ok((message, wish, path))
    })
    .await?;
    let Ok(Request::AddToken(add)) = Request::decode(&message) else { return Err(Refusal::NoSuchProvider) };
    let (mut trial, keys) = look(shared, session, &right, &path, add.pin).await?;
    let place = Arc::clone(&trial.process);
    let (offered, constraints) =
        apart(&right, move || Ok((wish.offered(&place, keys), wish.constraints))).await?;
    let note = |refusal| shared.agent().note(session, refusal);
    let offered = offered.into_iter().filter_map(|key| key.map_err(note).ok()).collect();
    trial.passed = true;
    let serves = |id| shared.tokens.get(id).is_some_and(|process| process.serves());
    let mut agent = shared.agent();
    // In one step: a process that no key is behind would be ended.
    shared.tokens.enter(Arc::clone(&trial.process));
    agent.insert_token(session, offered, &constraints, serves, clock::now())?;
    shared.expiry.notify_one();
    Ok(())
}

/// Starts a process for the provider, and asks what it has.
async fn look(
    shared: &Shared,
    session: &Session,
    right: &Look,
    path: &Arc<[u8]>,
    pin: &[u8],
) -> Result<(Trial, Vec<Found>), Refusal> {
    if shared.tokens.is_full() {
        return Err(Refusal::TooManyProviders);
    }
    let failed = |error: ProcessError| refusal(path, error.to_string());
    let process = Process::start(shared.tokens.next_id(), Arc::clone(path), right).await.map_err(failed)?;
    let trial = Trial { process: Arc::clone(&process), passed: false };
    let turn = process.turn().await;
    let order = Order::Load { provider: path, pin };
    let (keys, mut notes) =
        match process.ask(turn, &shared.vault, &order, LOAD_LIMIT).await.map_err(failed)? {
            Answer::Keys { keys, notes, unconfined } => {
                unconfined.into_iter().for_each(|reason| process.note_unconfined(reason));
                (keys, notes)
            }
            Answer::Failed(Failure { text, .. }) => return Err(refusal(path, text)),
            Answer::Signature(_) => return Err(refusal(path, "it gave no keys".to_owned())),
        };
    let last = if keys.is_empty() {
        Some(notes.pop().unwrap_or_else(|| "it shows no key".to_owned()))
    } else {
        None
    };
    for note in notes {
        shared.agent().note(session, refusal(path, note));
    }
    last.map_or(Ok((trial, keys)), |last| Err(refusal(path, last)))
}

/// A process that is ended at once where nobody waits any more for what it has.
struct Trial {
    process: Arc<Process>,
    passed: bool,
}

impl Drop for Trial {
    fn drop(&mut self) {
        if !self.passed {
            self.process.end();
        }
    }
}
