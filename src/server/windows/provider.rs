//! No library is loaded on Windows, and no token used.
#![forbid(unsafe_code)]

use super::{Shared, sk};
use crate::agent::Refusal;
use crate::key::{Imported, Provider};

/// Refuses.
///
/// # Errors
/// [`Refusal::NotHere`].
#[allow(clippy::unused_async)] // as on Unix
pub(super) async fn resolve(_: &Shared, _: &[u8]) -> Result<Provider, Refusal> {
    Err(Refusal::NotHere(sk::KEYS))
}

/// Refuses a key that could never sign: it is better not held than offered to every host.
///
/// # Errors
/// [`Refusal::NotHere`].
pub(super) fn require(imported: &Imported) -> Result<(), Refusal> {
    match imported.key.sk() {
        Some(_) => Err(Refusal::NotHere(sk::KEYS)),
        None => Ok(()),
    }
}
