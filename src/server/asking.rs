//! Asking a person.
//!
//! Guarantees: no way to ask means no.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Client, Shared};
use crate::agent::{Question, Refusal, Session};

/// Asks whether a key may be used. Returns when the person has said yes.
///
/// # Errors
/// Any other end of the question.
pub(super) async fn confirm(
    _shared: &Arc<Shared>,
    _client: &Client,
    _session: &Session,
    question: &Question,
) -> Result<(), Refusal> {
    Err(Refusal::NoWayToAsk(question.fingerprint.clone()))
}
