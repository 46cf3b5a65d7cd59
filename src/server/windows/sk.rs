//! FIDO tokens are not used on Windows yet: their keys are refused when they come.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Client, Shared};
use crate::agent::{Permit, Refusal};

/// What such keys are called to whoever brings one.
pub(super) const KEYS: &str = "FIDO keys";

/// Nobody waits for a token.
#[derive(Default)]
pub(super) struct Turns(());

/// Never asked for: no such key is held.
///
/// # Errors
/// Always.
#[allow(clippy::unused_async)] // as on Unix
pub(super) async fn sign(_: &Arc<Shared>, _: &Client<'_>, _: &Permit, _: &[u8]) -> Result<Vec<u8>, Refusal> {
    Err(Refusal::NotHere(KEYS))
}
