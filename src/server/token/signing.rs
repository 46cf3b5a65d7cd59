//! Signing with a key on a token.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::process::{ProcessError, SIGN_LIMIT};
use super::refusal;
use crate::agent::{Permit, Refusal};
use crate::key::rsa_signature_name;
use crate::platform::clock;
use crate::server::{Client, Shared, asking};
use crate::token::{Answer, Failure, Hash, Kind, Order};
use crate::vault::SecretBuf;

/// Has the process of a token's provider sign `data`, as long as the client waits.
///
/// # Errors
/// Any other end of it.
pub(in crate::server) async fn sign(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    permit: &Permit,
    data: &[u8],
) -> Result<Vec<u8>, Refusal> {
    tokio::select! {
        signed = try_sign(shared, client, permit, data) => signed,
        () = client.gone() => Err(Refusal::HungUp),
    }
}

async fn try_sign(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    permit: &Permit,
    data: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let token = permit.key().token().ok_or(Refusal::NoSuchKey)?;
    let hash = match rsa_signature_name(permit.flags()) {
        "rsa-sha2-256" => Hash::Sha256,
        "rsa-sha2-512" => Hash::Sha512,
        _ => Hash::Sha1,
    };
    let failed = |error: ProcessError| refusal(&token.provider, error.to_string());
    let process = shared.tokens.get(token.process).ok_or_else(|| failed(ProcessError::Ended))?;
    let _room =
        shared.turns.admit(client.weight).map_err(|full| refusal(&token.provider, full.to_string()))?;
    let mut pin: Option<SecretBuf> = None;
    loop {
        let order = Order::Sign { public: &token.public, hash, data, pin: pin.as_deref() };
        let turn = process.turn().await;
        // The turn may have come late, and a person may have taken their time.
        shared.agent().still_permits(permit, clock::now())?;
        let answer = process.ask(turn, &shared.vault, &order, SIGN_LIMIT);
        let answer = answer.await.map_err(failed)?;
        // A lock, a removal or an expiry meanwhile wins.
        shared.agent().still_permits(permit, clock::now())?;
        match answer {
            Answer::Signature(signature) if token.has_signed(data, permit.flags(), &signature) => {
                return Ok(signature);
            }
            Answer::Failed(Failure { kind: Kind::PinNeeded, .. }) if pin.is_none() => {
                let text = format!("Enter the PIN for a signature with key {}", permit.fingerprint());
                let holds = || shared.agent().still_permits(permit, clock::now()).is_ok();
                pin = Some(asking::secret(shared, client, holds, &text).await?);
            }
            Answer::Failed(Failure { kind: Kind::LoginNeeded, text }) => {
                process.note_logged_out();
                return Err(refusal(&token.provider, format!("{text}; ssh-add -s asks for its PIN again")));
            }
            Answer::Failed(Failure { text, .. }) => return Err(refusal(&token.provider, text)),
            Answer::Signature(_) | Answer::Keys { .. } => {
                return Err(refusal(&token.provider, "its signature is wrong".to_owned()));
            }
        }
    }
}
