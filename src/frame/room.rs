//! A bound on what one kind of thing may take of memory, over all connections: messages that are half received, answers
//! that are half read.
//!
//! Guarantees: nothing is held before there is room for it; past the limit the connection that has been at it the longest
//! is ended, so neither many peers nor slow ones make the agent grow; a peer that comes to its end is not concerned.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::FrameError;

/// Room for so many bytes.
pub struct Room {
    open: Arc<Mutex<Open>>,
    /// What is held until it is dropped, that of connections that are ending included.
    bytes: Arc<Semaphore>,
    most: usize,
}

/// Those that are not ending: what they hold, and what they wait for.
#[derive(Default)]
struct Open {
    /// By age.
    shares: BTreeMap<u64, Share>,
    bytes: usize,
    next: u64,
}

struct Share {
    bytes: usize,
    evicted: Arc<Notify>,
}

/// One connection's share, of a room or of none. It is counted until dropped; what it is for goes first.
pub struct Ticket(Option<Counted>);

struct Counted {
    open: Arc<Mutex<Open>>,
    room: Arc<Semaphore>,
    most: usize,
    age: u64,
    evicted: Arc<Notify>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// For `most` bytes.
    pub fn of(most: usize) -> Self {
        Self { open: Arc::default(), bytes: Arc::new(Semaphore::new(most)), most }
    }

    /// A share of nothing yet.
    pub fn begin(&self) -> Ticket {
        let mut open = locked(&self.open);
        let (age, evicted) = (open.next, Arc::new(Notify::new()));
        open.next += 1;
        open.shares.insert(age, Share { bytes: 0, evicted: Arc::clone(&evicted) });
        let (open, room) = (Arc::clone(&self.open), Arc::clone(&self.bytes));
        Ticket(Some(Counted { open, room, most: self.most, age, evicted, held: None }))
    }
}

impl Ticket {
    /// Of no room: for what is too small to count.
    pub(super) fn for_nothing() -> Self {
        Self(None)
    }

    /// Returns when there is room for `bytes`, those that it has included.
    ///
    /// # Errors
    /// [`FrameError::Crowded`], where this is the one that must go.
    pub async fn grow_to(&mut self, bytes: usize) -> Result<(), FrameError> {
        match &mut self.0 {
            Some(counted) => counted.grow_to(bytes).await,
            None => Ok(()),
        }
    }

    /// Waits for `work`, unless this is the one that must go.
    ///
    /// # Errors
    /// [`FrameError::Crowded`], where it is.
    pub async fn unless_crowded<T>(&self, work: impl Future<Output = T>) -> Result<T, FrameError> {
        match &self.0 {
            Some(counted) => counted.unless_crowded(work).await,
            None => Ok(work.await),
        }
    }
}

impl Counted {
    async fn grow_to(&mut self, bytes: usize) -> Result<(), FrameError> {
        let had = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.saturating_sub(had);
        if more == 0 {
            return Ok(());
        }
        self.claim(more);
        let more = u32::try_from(more).map_err(|_| FrameError::Crowded)?;
        // It comes: those that were evicted for it end, and what is left is within the limit.
        let room = Arc::clone(&self.room).acquire_many_owned(more);
        let got = self.unless_crowded(room).await?.map_err(|_| FrameError::Crowded)?;
        match &mut self.held {
            Some(held) => held.merge(got),
            None => self.held = Some(got),
        }
        Ok(())
    }

    /// Has the oldest end until there is enough for this one, too.
    fn claim(&self, more: usize) {
        let mut open = locked(&self.open);
        if let Some(share) = open.shares.get_mut(&self.age) {
            share.bytes += more;
            open.bytes += more;
        }
        while open.bytes > self.most {
            let Some((_, oldest)) = open.shares.pop_first() else { break };
            open.bytes -= oldest.bytes;
            oldest.evicted.notify_one();
        }
    }

    async fn unless_crowded<T>(&self, work: impl Future<Output = T>) -> Result<T, FrameError> {
        tokio::select! {
            biased;
            () = self.evicted.notified() => Err(FrameError::Crowded),
            done = work => Ok(done),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = locked(&self.open);
        if let Some(share) = open.shares.remove(&self.age) {
            open.bytes -= share.bytes;
        }
    }
}

fn locked(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
