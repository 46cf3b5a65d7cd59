//! A bound on everything that is half received, over all connections.
//!
//! Guarantees: past the limit the connection with the oldest unfinished message is ended, so neither many
//! peers nor slow ones make the agent grow; a peer that finishes its messages is not concerned.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::FrameError;

/// Most bytes of unfinished messages: 64 of the largest.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What is half received.
pub struct Intake {
    open: Arc<Mutex<Open>>,
    most: usize,
}

#[derive(Default)]
struct Open {
    /// By age.
    messages: BTreeMap<u64, Message>,
    bytes: usize,
    next: u64,
}

struct Message {
    bytes: usize,
    evicted: Arc<Notify>,
}

/// One unfinished message. It is counted until dropped.
pub(super) struct Ticket {
    open: Arc<Mutex<Open>>,
    most: usize,
    age: u64,
    evicted: Arc<Notify>,
}

impl Default for Intake {
    fn default() -> Self {
        Self::with_limit(MOST_BYTES)
    }
}

impl Intake {
    pub(super) fn with_limit(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    pub(super) fn begin(&self) -> Ticket {
        let mut open = locked(&self.open);
        let (age, evicted) = (open.next, Arc::new(Notify::new()));
        open.next += 1;
        open.messages.insert(age, Message { bytes: 0, evicted: Arc::clone(&evicted) });
        Ticket { open: Arc::clone(&self.open), most: self.most, age, evicted }
    }

    /// Waits for `read`, unless this ticket's message is the one that must go.
    pub(super) async fn unless_crowded<T>(
        &self,
        ticket: &Ticket,
        read: impl Future<Output = T>,
    ) -> Result<T, FrameError> {
        tokio::select! {
            biased;
            () = ticket.evicted.notified() => Err(FrameError::Crowded),
            done = read => Ok(done),
        }
    }
}

impl Ticket {
    /// The message has so many bytes now.
    pub(super) fn grown_to(&self, bytes: usize) {
        let mut open = locked(&self.open);
        if let Some(message) = open.messages.get_mut(&self.age) {
            let grown = bytes.saturating_sub(std::mem::replace(&mut message.bytes, bytes));
            open.bytes += grown;
        }
        while open.bytes > self.most {
            let Some((_, oldest)) = open.messages.pop_first() else { break };
            open.bytes -= oldest.bytes;
            oldest.evicted.notify_one();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = locked(&self.open);
        if let Some(message) = open.messages.remove(&self.age) {
            open.bytes -= message.bytes;
        }
    }
}

fn locked(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
