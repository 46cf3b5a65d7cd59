//! What may be held of messages, over all connections, from their first byte to their answer.
//!
//! Guarantees: what is half received is bounded, and so is what is whole and in work; a large message for which there is
//! no room among those in work waits, where it is still one of those that may be ended.
#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::room::{Room, Ticket};
use super::{FrameError, SMALL};
use crate::vault::SecretBuf;

/// Most bytes of unfinished messages: 64 of the largest.
const MOST_RECEIVING: usize = 16 * 1024 * 1024;

/// Most bytes of whole messages that are large, with the copy that slow work makes of them: 64 of the largest, and twice
/// what may wait for tokens.
const MOST_IN_WORK: usize = 32 * 1024 * 1024;

/// Room for messages.
pub struct Intake {
    receiving: Room,
    work: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self::with_limits(MOST_RECEIVING, MOST_IN_WORK)
    }
}

impl Intake {
    pub(super) fn with_limits(receiving: usize, work: usize) -> Self {
        Self { receiving: Room::of(receiving), work: Arc::new(Semaphore::new(work)) }
    }

    /// For a message that is to have so many bytes.
    pub(super) fn begin(&self, wanted: usize) -> Ticket {
        if wanted <= SMALL { Ticket::for_nothing() } else { self.receiving.begin() }
    }

    /// Takes a whole message on, when there is room for it.
    pub(super) async fn admit(&self, message: SecretBuf, ticket: Ticket) -> Result<Received, FrameError> {
        if message.len() <= SMALL {
            return Ok(Received { message, work: None });
        }
        let weight = u32::try_from(message.capacity() + message.len()).unwrap_or(u32::MAX);
        let turn = ticket.unless_crowded(Arc::clone(&self.work).acquire_many_owned(weight)).await?;
        let work = turn.map_err(|_| FrameError::Crowded)?;
        Ok(Received { message, work: Some(work) })
    }
}

/// A whole message, and its place among those in work.
pub struct Received {
    message: SecretBuf,
    work: Option<OwnedSemaphorePermit>,
}

never_copied_or_shown!(Received);

impl Received {
    /// About how many bytes it takes, a copy included.
    pub fn weight(&self) -> usize {
        self.work.as_ref().map_or(self.message.len(), OwnedSemaphorePermit::num_permits)
    }

    /// The message, and what is to be held until it is answered.
    pub fn into_parts(self) -> (SecretBuf, Option<OwnedSemaphorePermit>) {
        (self.message, self.work)
    }
}

impl Deref for Received {
    type Target = SecretBuf;
    fn deref(&self) -> &SecretBuf {
        &self.message
    }
}
