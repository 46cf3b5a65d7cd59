//! Places for clients: how many are served at once, and who gives way to the next when all are taken.
//!
//! Guarantees: whoever connects is served although others hold every place and ask for nothing, or are slow to ask or to
//! listen: of the process that has the most connections, the one that has been so for the longest is closed. It has
//! [`GRACE`] where whoever comes is of a process that has as many, but not so often that those behind it wait, too.
//! Must never: close a connection whose request is in work.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
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

/// How long one that was told to leave may take: its next request may have come at that moment, and take long.
const LEAVING: Duration = Duration::from_secs(1);

/// Who comes in waits so long at once for others to fall silent, a little longer than [`GRACE`], and then for a fifth of
/// the time: the clients of all other processes may be behind it.
const MOST_PATIENCE: Duration = Duration::from_secs(4);
const REGAINED: u32 = 5;

/// All places.
pub(super) struct Places {
    free: Semaphore,
    taken: Mutex<Taken>,
    patience: Mutex<Patience>,
}

/// How long whoever comes may still be kept waiting for others to fall silent.
struct Patience {
    left: Duration,
    since: Instant,
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
    /// It was told.
    leaves: AtomicBool,
    _permit: SemaphorePermit<'p>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let patience = Mutex::new(Patience { left: MOST_PATIENCE, since: Instant::now() });
        Self { free: Semaphore::new(most), taken: Mutex::default(), patience }
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
        Some(Place { places: self, number, leave, leaves: AtomicBool::new(false), _permit: permit })
    }

    async fn in_the_place_of_another(&self, pid: Option<i32>) -> Option<SemaphorePermit<'_>> {
        loop {
            let patient = self.patience().is_left();
            let told = self.taken().make_room(pid, patient);
            let begun = Instant::now();
            let left = timeout(if told { LEAVING } else { LOOK_AGAIN }, self.free.acquire()).await;
            if !told {
                self.patience().spend(begun.elapsed());
            }
            if let Ok(permit) = left {
                return permit.ok();
            }
        }
    }

    fn patience(&self) -> MutexGuard<'_, Patience> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Patience {
    fn is_left(&mut self) -> bool {
        self.left = MOST_PATIENCE.min(self.left + self.since.elapsed() / REGAINED);
        self.since = Instant::now();
        self.left > LOOK_AGAIN
    }

    fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
        self.since = Instant::now();
    }
}

impl Place<'_> {
    /// Returns when another is to have the place.
    pub(super) async fn wanted(&self) {
        // It stays so, also where something was done before that had come already.
        if !self.leaves.load(Ordering::Relaxed) {
            self.leave.notified().await;
            self.leaves.store(true, Ordering::Relaxed);
        }
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

    /// Tells one to leave for a connection of the process `pid`, where one can. Without patience one that is not the only
    /// one of its process has no time.
    fn make_room(&mut self, pid: Option<i32>, patient: bool) -> bool {
        let mut of_process: HashMap<Option<i32>, usize> = HashMap::new();
        for entry in self.by_number.values() {
            *of_process.entry(entry.pid).or_default() += 1;
        }
        let has = |pid: &Option<i32>| of_process.get(pid).copied().unwrap_or_default();
        let waiting = self.by_number.iter_mut().filter_map(|(number, entry)| {
            let since = entry.waits?;
            let count = has(&entry.pid);
            let has_time = patient || count == 1;
            let may_stay = has_time && count <= has(&pid) + 1 && since.elapsed() < GRACE;
            (!may_stay).then_some(((count, Reverse((since, *number))), entry))
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
        Peer::ours(Some(pid))
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

    /// Uses all places often enough to keep them, while one more of the process waits; which of them are told to leave.
    async fn leave_in_use(pids: &[i32], pid: i32) -> Vec<usize> {
        let places = Places::new(pids.len());
        let all = taken(&places, pids).await;
        let mut left = Vec::new();
        for _ in 0..4 {
            all.iter().for_each(|place| place.is_at_work(true));
            all.iter().for_each(|place| place.is_at_work(false));
            left.extend(who_leaves(&places, pid, GRACE / 2, &all).await);
        }
        left
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_behind_does_not_wait_for_a_process_that_wants_more_than_all() {
        assert_eq!(leave_in_use(&[1, 1], 1).await.first(), Some(&0));
        // The only one of its process keeps it as long as it uses it.
        assert_eq!(leave_in_use(&[1, 2], 3).await, [0; 0]);
    }
}
