//! The questions that wait for an answer, and where people have said that they are.
//!
//! Guarantees: each question has a number that no other ever had in this agent's life, handovers included; an answer
//! reaches the question that it names, or nobody; a question that is over is on no list.
#![forbid(unsafe_code)]
#![cfg_attr(windows, allow(dead_code))] // what tokens need, and a handover: neither is there

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Unanswered;
use super::place::{self, Places};
use crate::control::{OpenQuestion, Registration};
use crate::message::{DecodeError, Reader, put_string, put_u32};
use crate::platform::display::Surroundings;

/// Most questions at once, of all connections: more than a person can keep apart.
pub(super) const MOST_OPEN: usize = 8;
/// As many may be open for a forwarded peer to add one: a hostile host must leave room for the questions of this one.
const MOST_FOR_FORWARDED: usize = 6;
/// So many places that people have registered are remembered: when the last terminal is closed there is the one before.
const MOST_REGISTERED: usize = 8;

/// All of it.
#[derive(Debug)]
pub(in crate::server) struct Questions {
    /// The agent's own environment.
    own: Surroundings,
    inner: Mutex<Inner>,
    /// Keys or the lock may have changed: whoever waits for an answer looks again.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Inner {
    /// That of the last question.
    number: u32,
    open: BTreeMap<u32, Entry>,
    /// The last first.
    registered: Vec<Registration>,
    failure: Option<String>,
}

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    since: Instant,
    place: String,
    /// For an answer by command, where the question is shown on a terminal.
    answer: Option<oneshot::Sender<bool>>,
}

/// A place on the list, given back when dropped.
pub(super) struct Begun<'q> {
    questions: &'q Questions,
    pub(super) number: u32,
}

impl Default for Questions {
    fn default() -> Self {
        Self::of(Surroundings::own())
    }
}

impl Questions {
    /// None yet, in an agent with this environment.
    pub(super) fn of(own: Surroundings) -> Self {
        Self { own, inner: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Looks for places where a person can be asked now.
    pub(super) async fn places(&self) -> Places {
        place::look(&self.own, &self.registered()).await
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys or the lock may have changed.
    pub(in crate::server) fn look_again(&self) {
        self.changed.send_replace(());
    }

    /// Returns what `over` gives, which is asked now and whenever keys or the lock may have changed.
    pub(in crate::server) async fn until<T>(&self, over: impl Fn() -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(end) = over() {
                return end;
            }
            // No error: what tells of changes is our own, and lives as long as this waits.
            let _ = changes.changed().await;
        }
    }

    /// Takes a place on the list.
    pub(super) fn begin(&self, text: &Arc<str>, forwarded: bool) -> Result<Begun<'_>, Unanswered> {
        let most = if forwarded { MOST_FOR_FORWARDED } else { MOST_OPEN };
        let mut inner = self.inner();
        if inner.open.len() >= most {
            return Err(Unanswered::TooMany);
        }
        // Four thousand million questions are never asked.
        inner.number = inner.number.wrapping_add(1);
        let number = inner.number;
        let entry =
            Entry { text: Arc::clone(text), since: Instant::now(), place: String::new(), answer: None };
        inner.open.insert(number, entry);
        Ok(Begun { questions: self, number })
    }

    /// The list, the oldest first.
    pub(in crate::server) fn list(&self) -> Vec<OpenQuestion> {
        let listed = |(number, entry): (&u32, &Entry)| OpenQuestion {
            number: *number,
            text: entry.text.to_string(),
            place: entry.place.clone(),
            answerable: entry.answer.is_some(),
            age_seconds: entry.since.elapsed().as_secs(),
        };
        self.inner().open.iter().map(listed).collect()
    }

    /// Gives the answer to a question on a terminal.
    ///
    /// # Errors
    /// The user's sentence.
    pub(in crate::server) fn answer(&self, number: u32, yes: bool) -> Result<(), String> {
        let mut inner = self.inner();
        let Some(entry) = inner.open.get_mut(&number) else {
            return Err(format!("question {number} is not open"));
        };
        let Some(answer) = entry.answer.take() else {
            return Err(format!("question {number} is answered elsewhere: {}", entry.place));
        };
        answer.send(yes).map_err(|_| format!("question {number} is not open"))
    }

    /// Remembers a place; the one that is named last is the first that is asked at.
    pub(in crate::server) fn register(&self, registration: Registration) {
        let Registration { surroundings, terminal } = registration;
        let checked = Registration { surroundings: surroundings.checked(), terminal };
        let mut inner = self.inner();
        inner.registered.retain(|known| *known != checked);
        inner.registered.insert(0, checked);
        inner.registered.truncate(MOST_REGISTERED);
    }

    /// The places, the last first.
    pub(in crate::server) fn registered(&self) -> Vec<Registration> {
        self.inner().registered.clone()
    }

    /// Keeps why a question was not answered, for `status`, and gives the sentence.
    pub(super) fn failed(&self, why: &Unanswered) -> String {
        let why = why.to_string();
        self.inner().failure = Some(why.clone());
        why
    }

    /// Why the last question that was not answered was not.
    pub(super) fn failure(&self) -> Option<String> {
        self.inner().failure.clone()
    }

    /// Appends what the next program is to know: the numbers that are used up, and the places.
    pub(in crate::server) fn save(&self, out: &mut Vec<u8>) {
        let inner = self.inner();
        put_u32(out, inner.number);
        let registered = serde_json::to_vec(&inner.registered).unwrap_or_default();
        put_string(out, &registered);
    }

    /// Reads what [`Questions::save`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub(in crate::server) fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = reader.u32()?;
        let registered = serde_json::from_slice(reader.string()?)
            .map_err(|_| DecodeError::Invalid("the registered places cannot be read"))?;
        let inner = Inner { number, registered, ..Inner::default() };
        Ok(Self { inner: Mutex::new(inner), ..Self::default() })
    }
}

impl Begun<'_> {
    /// Says where the question is shown.
    pub(super) fn shown_at(&self, place: String) {
        self.change(|entry| (entry.place, entry.answer) = (place, None));
    }

    /// The answer by command, from now on.
    pub(super) fn answer(&self) -> oneshot::Receiver<bool> {
        let (sender, receiver) = oneshot::channel();
        self.change(|entry| entry.answer = Some(sender));
        receiver
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.questions.inner().open.get_mut(&self.number) {
            change(entry);
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.questions.inner().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
