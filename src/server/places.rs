//! Places for clients: how many are served at once, and who gives way to the next when all are taken.
//!
//! Guarantees: whoever connects is served although others hold every place and ask for nothing, or are slow to ask or to
//! listen: of the process that has the most connections, the one that has been so for the longest is closed.
//! Must never: close a connection whose request is in work, or one that is alone while others have more.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::platform::socket::Peer;

/// All places.
pub(super) struct Places {
    free: Semaphore,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_number: BTreeMap<u64, Entry>,
    /// Numbers connections and turns alike: the smaller, the longer ago.
    last: u64,
}

struct Entry {
    pid: Option<i32>,
    /// Since when nothing of its is in work; none while something is, or when it was told to leave.
    waits: Option<u64>,
    leave: Arc<Notify>,
}

/// A connection's place, given back when dropped.
pub(super) struct Place<'p> {
    places: &'p Places,
    number: u64,
    leave: Arc<Notify>,
    _permit: SemaphorePermit<'p>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { free: Semaphore::new(most), taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place: at once where one is free, else when somebody has left, who is told to where anybody can be.
    pub(super) async fn take(&self, peer: Peer) -> Option<Place<'_>> {
        let permit = match self.free.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                self.taken().make_room();
                self.free.acquire().await.ok()?
            }
        };
        let leave = Arc::new(Notify::new());
        let number = self.taken().enter(peer.pid, &leave);
        Some(Place { places: self, number, leave, _permit: permit })
    }
}

impl Place<'_> {
    /// Returns when another is to have the place.
    pub(super) async fn wanted(&self) {
        self.leave.notified().await;
    }

    /// Something of its is in work from now on, or no more.
    pub(super) fn is_at_work(&self, at_work: bool) {
        self.places.taken().set(self.number, at_work);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.taken().by_number.remove(&self.number);
    }
}

impl Taken {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn enter(&mut self, pid: Option<i32>, leave: &Arc<Notify>) -> u64 {
        let number = self.next();
        self.by_number.insert(number, Entry { pid, waits: Some(number), leave: Arc::clone(leave) });
        number
    }

    fn set(&mut self, number: u64, at_work: bool) {
        let now = self.next();
        if let Some(entry) = self.by_number.get_mut(&number) {
            entry.waits = (!at_work).then_some(now);
        }
    }

    /// Tells one to leave: of the process with the most that can.
    fn make_room(&mut self) {
        let mut of_process: HashMap<Option<i32>, usize> = HashMap::new();
        for entry in self.by_number.values().filter(|entry| entry.waits.is_some()) {
            *of_process.entry(entry.pid).or_default() += 1;
        }
        let waiting = self.by_number.values_mut().filter_map(|entry| entry.waits.map(|since| (since, entry)));
        let chosen = waiting
            .max_by_key(|(since, entry)| (of_process.get(&entry.pid).copied(), std::cmp::Reverse(*since)));
        if let Some((_, entry)) = chosen {
            entry.waits = None;
            entry.leave.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(pid: i32) -> Peer {
        Peer { uid: 0, pid: Some(pid) }
    }

    /// Whether it was told to leave.
    async fn leaves(place: &Place<'_>) -> bool {
        let none = std::time::Duration::ZERO;
        tokio::time::timeout(none, place.wanted()).await.is_ok()
    }

    /// Which of these leaves for another one.
    async fn who_leaves(places: &Places, all: &[Place<'_>]) -> Vec<usize> {
        let mut waiting = Box::pin(places.take(peer(99)));
        let none = std::time::Duration::ZERO;
        assert!(tokio::time::timeout(none, &mut waiting).await.is_err(), "there was a place");
        let mut left = Vec::new();
        for (number, place) in all.iter().enumerate() {
            if leaves(place).await {
                left.push(number);
            }
        }
        left
    }

    #[tokio::test]
    async fn the_one_that_waits_longest_of_the_process_with_the_most_gives_way() {
        let places = Places::new(4);
        let mut all = Vec::new();
        for pid in [1, 2, 2, 3] {
            all.push(places.take(peer(pid)).await.unwrap());
        }
        assert!(!leaves(&all[1]).await);
        // The first of the second process was at work since the other one was.
        all[1].is_at_work(true);
        all[1].is_at_work(false);
        assert_eq!(who_leaves(&places, &all).await, [2]);
        drop(all.remove(2));
        all.push(places.take(peer(4)).await.unwrap());
        // One each: who has waited longest.
        assert_eq!(who_leaves(&places, &all).await, [0]);
    }

    #[tokio::test]
    async fn whose_request_is_in_work_stays() {
        let places = Places::new(2);
        let all = [places.take(peer(1)).await.unwrap(), places.take(peer(1)).await.unwrap()];
        all[0].is_at_work(true);
        assert_eq!(who_leaves(&places, &all).await, [1]);
        assert_eq!(who_leaves(&places, &all).await, [0; 0]);
        all[0].is_at_work(false);
        assert_eq!(who_leaves(&places, &all).await, [0]);
    }
}
