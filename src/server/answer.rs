//! One request, from its bytes to its reply: the agent decides, and what takes time is done elsewhere.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tokio::sync::SemaphorePermit;
use tokio::task::spawn_blocking;

use super::{Client, Shared, asking, provider, sk, token, unlock};
use crate::agent::{Binding, Consent, Constraints, Outcome, PasswordHash, Permit, Refusal, Session};
use crate::key::{self, Cost, Imported, Means, Provider};
use crate::message::{AddIdentity, Constraint, Reply, Request};
use crate::platform::clock;
use crate::vault::{SecretBuf, Vault};

/// Answers one message. Whatever goes wrong, the answer is FAILURE and the next request is served.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    session: &mut Session,
    message: SecretBuf,
) -> Reply {
    #[cfg(all(test, unix))]
    super::accept::tests::may_panic(shared, &message);
    let request = match Request::decode(&message) {
        Ok(request) => request,
        Err(error) => return shared.agent().note(session, Refusal::Message(error)),
    };
    let (mut outcome, consent) = match decide(shared, client, session, &request).await {
        Ok(decided) => decided,
        Err(refusal) => return shared.agent().note(session, refusal),
    };
    let mut _turn = None;
    if matches!(&outcome, Outcome::Sign(permit) if permit.means() == Means::Here(Cost::Huge)) {
        _turn = match turn_with_huge_key(shared, client).await {
            Ok(turn) => Some(turn),
            Err(refusal) => return shared.agent().note(session, refusal),
        };
        outcome = shared.agent().handle(session, &request, consent.as_ref(), clock::now());
    }
    let reply = match outcome {
        Outcome::Reply(reply) => {
            token::sweep_after(shared, &request);
            reply
        }
        // The key was added again while the question was open: it is another one.
        Outcome::Ask(_) => shared.agent().note(session, Refusal::NoSuchKey),
        Outcome::Sign(permit) => sign(shared, client, session, permit, &request).await,
        Outcome::Bind => bind(shared, session, message).await,
        Outcome::Import => import(shared, session, message).await,
        Outcome::AddToken => token::add(shared, client, session, message).await,
        Outcome::RemoveToken => token::remove(shared, session, &message).await,
        Outcome::Lock => lock(shared, session, message).await,
        Outcome::Unlock(_) => unlock::unlock(shared, client, session, message).await,
    };
    // Whatever it was, an open question may have lost its sense by it.
    shared.questions.look_again();
    reply
}

/// What the agent says, after a person was asked where it wants that.
async fn decide(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    session: &mut Session,
    request: &Request<'_>,
) -> Result<(Outcome, Option<Consent>), Refusal> {
    session.set_time(clock::wall());
    let outcome = shared.agent().handle(session, request, None, clock::now());
    let Outcome::Ask(question) = outcome else { return Ok((outcome, None)) };
    asking::confirm(shared, client, session, &question).await?;
    let consent = question.granted();
    // Decided anew: a lock, removal or expiry meanwhile wins.
    session.set_time(clock::wall());
    let outcome = shared.agent().handle(session, request, Some(&consent), clock::now());
    Ok((outcome, Some(consent)))
}

/// Waits for the right to sign with a huge key, as long as the client does.
async fn turn_with_huge_key<'s>(
    shared: &'s Shared,
    client: &Client<'_>,
) -> Result<SemaphorePermit<'s>, Refusal> {
    tokio::select! {
        turn = shared.huge.acquire() => turn.map_err(|_| Refusal::HungUp),
        () = client.gone() => Err(Refusal::HungUp),
    }
}

async fn sign(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    session: &Session,
    permit: Permit,
    request: &Request<'_>,
) -> Reply {
    let Request::Sign { data, .. } = *request else { return Reply::Failure };
    let key = permit.fingerprint().to_owned();
    let signed = match permit.means() {
        Means::Here(Cost::Small) => permit.sign(&shared.vault, data).map_err(Refusal::Sign),
        Means::Here(Cost::Large | Cost::Huge) => {
            let (vault, data) = (Arc::clone(&shared.vault), data.to_vec());
            match spawn_blocking(move || permit.sign(&vault, &data)).await {
                Ok(signed) => signed.map_err(Refusal::Sign),
                Err(_) => return Reply::Failure,
            }
        }
        Means::Sk => sk::sign(shared, client, &permit, data).await,
        Means::Token => token::sign(shared, client, &permit, data).await,
    };
    match signed {
        Ok(signature) => {
            tracing::info!(peer = %session, %key, "signed");
            Reply::Signature(signature)
        }
        Err(refusal) => shared.agent().note(session, refusal),
    }
}

/// Not on a thread that serves others, nor with the agent held: whoever is at the other end chooses the keys' sizes.
async fn bind(shared: &Arc<Shared>, session: &mut Session, message: SecretBuf) -> Reply {
    let read = spawn_blocking(move || match Request::decode(&message) {
        Ok(Request::Extension { body, .. }) => Binding::read(body),
        _ => Binding::UNREADABLE,
    });
    let binding = read.await.unwrap_or(Binding::UNREADABLE);
    shared.agent().finish_bind(session, binding)
}

async fn import(shared: &Arc<Shared>, session: &Session, message: SecretBuf) -> Reply {
    let Ok(Request::Add(add)) = Request::decode(&message) else { return Reply::Failure };
    let provider = match named_provider(&add) {
        Some(name) => provider::resolve(shared, name).await.map(Some),
        None => Ok(None),
    };
    let provider = match provider {
        Ok(provider) => provider,
        Err(refusal) => return shared.agent().note(session, refusal),
    };
    let vault = Arc::clone(&shared.vault);
    let checked = spawn_blocking(move || {
        let checked = match Request::decode(&message) {
            Ok(Request::Add(add)) => check(&add, provider, &vault),
            _ => return None,
        };
        Some((message, checked))
    });
    let Ok(Some((message, checked))) = checked.await else { return Reply::Failure };
    let Ok(Request::Add(add)) = Request::decode(&message) else { return Reply::Failure };
    let reply = match checked {
        Ok((constraints, imported)) => {
            shared.agent().insert(session, &add, constraints, imported, clock::now())
        }
        Err(refusal) => shared.agent().note(session, refusal),
    };
    shared.expiry.notify_one();
    reply
}

/// What of an addition takes time, and can be said without the agent.
fn check(
    add: &AddIdentity<'_>,
    provider: Option<Provider>,
    vault: &Vault,
) -> Result<(Constraints, Imported), Refusal> {
    let constraints = Constraints::of_key(add)?;
    let imported = key::import(&add.key, vault)?;
    provider::require(&imported)?;
    let imported = match provider {
        Some(provider) => imported.with_provider(provider)?,
        None => imported,
    };
    Ok((constraints, imported))
}

fn named_provider<'f>(add: &AddIdentity<'f>) -> Option<&'f [u8]> {
    add.constraints.iter().find_map(|constraint| match constraint {
        Constraint::SkProvider(name) => Some(*name),
        _ => None,
    })
}

async fn lock(shared: &Arc<Shared>, session: &Session, message: SecretBuf) -> Reply {
    // One at a time: many would keep the unlocking password waiting behind hashes that come too late.
    let _turn = shared.locking.acquire().await.ok();
    if shared.agent().is_locked() {
        return shared.agent().note(session, Refusal::Locked);
    }
    let hashed = spawn_blocking(move || match Request::decode(&message) {
        Ok(Request::Lock { password }) => PasswordHash::new(password),
        _ => None,
    });
    match hashed.await {
        Ok(Some(hash)) => shared.agent().finish_lock(session, hash),
        _ => Reply::Failure,
    }
}
