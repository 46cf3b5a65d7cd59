//! Places for clients: how many are served at once, and who gives way to the next when all are taken.
//!
//! Guarantees: whoever connects is served although others hold every place and ask for nothing, or are slow to ask or to
//! listen: of the process that has the most connections, the one that has been so for the longest is closed. It has
//! [`GRACE`] where whoever comes is of a process that has as many.
//! Must never: close a connection whose request is in work.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::platform::socket::Peer;

/// How long a connection may say nothing although its own process wants more of them than there are: one that asks again
/// and again is not cut off by that.
const GRACE: Duration = Duration::from_secs(3);

/// Between two looks whether one has been silent for so long.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// All places.
pub(super) struct Places {
    free: Semaphore,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_number: BTreeMap<u64, Entry>,
    last: u64,
}

struct Entry {
    pid: Option<i32>,
    /// Since when nothing of its is in work; none while something is, or when it was told to leave.
    waits: Option<Instant>,
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
            Err(_) => self.in_the_place_of_another(peer.pid).await?,
        };
        let leave = Arc::new(Notify::new());
        let number = self.taken().enter(peer.pid, &leave);
        Some(Place { places: self, number, leave, _permit: permit })
    }

    async fn in_the_place_of_another(&self, pid: Option<i32>) -> Option<SemaphorePermit<'_>> {
        while !self.taken().make_room(pid) {
            if let Ok(permit) = timeout(LOOK_AGAIN, self.free.acquire()).await {
                return permit.ok();
            }
        }
        self.free.acquire().await.ok()
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
    fn enter(&mut self, pid: Option<i32>, leave: &Arc<Notify>) -> u64 {
        self.last += 1;
        let entry = Entry { pid, waits: Some(Instant::now()), leave: Arc::clone(leave) };
        self.by_number.insert(self.last, entry);
        self.last
    }

    fn set(&mut self, number: u64, at_work: bool) {
        if let Some(entry) = self.by_number.get_mut(&number) {
            entry.waits = (!at_work).then(Instant::now);
        }
    }

    /// Tells one to leave for a connection of the process `pid`, where one can.
    fn make_room(&mut self, pid: Option<i32>) -> bool {
        let mut of_process: HashMap<Option<i32>, usize> = HashMap::new();
        for entry in self.by_number.values() {
            *of_process.entry(entry.pid).or_default() += 1;
        }
        let has = |pid: &Option<i32>| of_process.get(pid).copied().unwrap_or_default();
        let waiting = self.by_number.iter_mut().filter_map(|(number, entry)| {
            let since = entry.waits?;
            let may_stay = has(&entry.pid) <= has(&pid) + 1 && since.elapsed() < GRACE;
            (!may_stay).then_some(((has(&entry.pid), Reverse((since, *number))), entry))
        });
        let Some((_, chosen)) = waiting.max_by_key(|(rank, _)| *rank) else { return false };
        chosen.waits = None;
        chosen.leave.notify_one();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(pid: i32) -> Peer {
        Peer { uid: 0, pid: Some(pid) }
    }

    /// Which of these is told to leave, where one more of the process comes and waits for so long.
    async fn who_leaves(places: &Places, pid: i32, waits: Duration, all: &[Place<'_>]) -> Vec<usize> {
        assert!(timeout(waits, places.take(peer(pid))).await.is_err(), "there was a place");
        let mut left = Vec::new();
        for (number, place) in all.iter().enumerate() {
            if timeout(Duration::ZERO, place.wanted()).await.is_ok() {
                left.push(number);
            }
        }
        left
    }

    async fn taken<'p>(places: &'p Places, pids: &[i32]) -> Vec<Place<'p>> {
        let mut all = Vec::new();
        for pid in pids {
            all.push(places.take(peer(*pid)).await.unwrap());
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_waits_longest_of_the_process_with_the_most_gives_way() {
        let places = Places::new(5);
        let mut all = taken(&places, &[1, 2, 2, 2, 3]).await;
        // The first of the second process was at work since the others were.
        tokio::time::advance(LOOK_AGAIN).await;
        all[1].is_at_work(true);
        all[1].is_at_work(false);
        assert_eq!(who_leaves(&places, 9, LOOK_AGAIN, &all).await, [2]);
        drop(all.remove(2));
        assert!(places.take(peer(9)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn among_its_own_one_has_some_time() {
        let places = Places::new(2);
        let all = taken(&places, &[1, 1]).await;
        assert_eq!(who_leaves(&places, 1, GRACE - LOOK_AGAIN, &all).await, [0; 0]);
        all[0].is_at_work(true);
        all[0].is_at_work(false);
        assert_eq!(who_leaves(&places, 1, 2 * LOOK_AGAIN, &all).await, [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn whose_request_is_in_work_stays() {
        let places = Places::new(2);
        let all = taken(&places, &[1, 1]).await;
        all.iter().for_each(|place| place.is_at_work(true));
        assert_eq!(who_leaves(&places, 2, GRACE * 2, &all).await, [0; 0]);
        all[1].is_at_work(false);
        assert_eq!(who_leaves(&places, 2, GRACE * 2, &all).await, [1]);
    }
}
