//! PKCS#11 tokens are not used on Windows: libraries are refused.
//!
//! Guarantees that none is ever loaded.
#![forbid(unsafe_code)]
#![allow(clippy::unused_async)] // as on Unix

use std::sync::Arc;

use super::{Client, Shared};
use crate::agent::{Permit, Refusal, Session};
use crate::control::Measure;
use crate::message::{Reply, Request};
use crate::vault::SecretBuf;

const TOKENS: Refusal = Refusal::NotHere("PKCS#11 tokens");

/// The processes of providers: there are none.
#[derive(Default)]
pub(super) struct Processes;

impl Processes {
    /// There is nothing to watch.
    pub(super) fn watch(&self) {}

    /// There is nothing to tell.
    pub(super) fn confinement(&self) -> Option<Measure> {
        None
    }
}

/// Refuses.
pub(super) async fn add(shared: &Arc<Shared>, _: &Client<'_>, session: &Session, _: SecretBuf) -> Reply {
    shared.agent().note(session, TOKENS)
}

/// Refuses.
pub(super) async fn remove(shared: &Arc<Shared>, session: &Session, _: &[u8]) -> Reply {
    shared.agent().note(session, TOKENS)
}

/// Never asked for: no such key is held.
///
/// # Errors
/// Always.
pub(super) async fn sign(_: &Arc<Shared>, _: &Client<'_>, _: &Permit, _: &[u8]) -> Result<Vec<u8>, Refusal> {
    Err(TOKENS)
}

/// There is nothing to end.
pub(super) fn sweep(_: &Shared) {}

/// There is nothing to end.
pub(super) fn sweep_after(_: &Shared, _: &Request<'_>) {}
