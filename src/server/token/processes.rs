//! The processes of all providers.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::process::{Process, Saved};
use crate::control::{Measure, measure};
use crate::message::{DecodeError, Reader, put_string, put_u32, put_u64};
use crate::platform::lasting::Lasting;

/// Most processes at once: more than anybody has tokens.
const MOST: u32 = 64;

/// Most providers that are looked at, at once: each may take two minutes.
const MOST_LOADING: u16 = 8;

/// Those that keys are behind.
pub(in crate::server) struct Processes {
    all: Mutex<BTreeMap<u64, Arc<Process>>>,
    /// No number is used twice, nor by a successor.
    last: AtomicU64,
    /// Those that are ending, and are to be waited for.
    leaving: Mutex<Vec<Lasting>>,
    /// Providers that are being looked at.
    loading: Arc<Semaphore>,
}

/// The right to look at a provider, until the last of what does so has ended: a thread or the start of a process goes on
/// when nobody waits for it any more.
pub(in crate::server) type Look = Arc<OwnedSemaphorePermit>;

impl Default for Processes {
    fn default() -> Self {
        SavedProcesses::default().adopt(Vec::new())
    }
}

impl Processes {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Process>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to look at a provider; none where enough are being looked at.
    pub(in crate::server) fn look(&self) -> Option<Look> {
        Arc::clone(&self.loading).try_acquire_owned().ok().map(Arc::new)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether there is no room for another one.
    pub(super) fn is_full(&self) -> bool {
        self.all().len() >= MOST as usize
    }

    pub(super) fn enter(&self, process: Arc<Process>) {
        self.all().insert(process.id, process);
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<Process>> {
        self.all().get(&id).cloned()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Ends all but these, whatever they are at.
    pub(in crate::server) fn keep(&self, used: &BTreeSet<u64>) {
        self.all().retain(|id, process| {
            let kept = used.contains(id);
            if !kept {
                process.end();
            }
            kept
        });
    }

    /// Begins to look after them in this runtime.
    pub(in crate::server) fn watch(&self) {
        self.all().values().for_each(Process::watch);
        let leaving = std::mem::take(&mut *self.leaving.lock().unwrap_or_else(PoisonError::into_inner));
        for child in leaving {
            tokio::spawn(async move { child.ended().await });
        }
    }

    /// How they are closed, where there are any: the reason of one that is not says it for all.
    pub(in crate::server) fn confinement(&self) -> Option<Measure> {
        let all = self.all();
        let open = all.values().find_map(|process| {
            Some(format!("{}: {}", process.provider.escape_ascii(), process.unconfined()?))
        });
        let detail = "a provider starts nothing more and signals nobody";
        (!all.is_empty()).then(|| measure("providers", detail, open.map_or(Ok(()), Err)))
    }

    /// All of them, in the order of [`Processes::save`].
    pub(in crate::server) fn handed(&self) -> Vec<Arc<Process>> {
        self.all().values().cloned().collect()
    }

    /// Appends what a successor is to know of those that are [`Processes::handed`]; their sockets go beside it.
    pub(in crate::server) fn save(&self, handed: &[Arc<Process>], out: &mut Vec<u8>) {
        put_u64(out, self.last.load(Ordering::Relaxed));
        put_u32(out, u32::try_from(handed.len()).unwrap_or(u32::MAX));
        for saved in handed.iter().map(|process| process.saved()) {
            let Saved { id, provider, pid, version, usable, logged_out, unconfined } = saved;
            put_u64(out, id);
            put_string(out, &provider);
            put_u32(out, pid.unsigned_abs());
            put_u32(out, version);
            out.extend([u8::from(usable), u8::from(logged_out)]);
            put_string(out, unconfined.as_bytes());
        }
    }
}

/// What a predecessor has said of its processes. None of them is touched before [`SavedProcesses::adopt`].
#[derive(Debug, Default)]
pub struct SavedProcesses {
    last: u64,
    all: Vec<Saved>,
}

impl SavedProcesses {
    /// Reads what [`Processes::save`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`], where it was not.
    pub fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let last = reader.u64()?;
        let count = reader.u32()?;
        if count > MOST + u32::from(MOST_LOADING) {
            return Err(DecodeError::Invalid("too many processes of providers"));
        }
        let mut one = || {
            Ok(Saved {
                id: reader.u64()?,
                provider: reader.string()?.into(),
                pid: i32::try_from(reader.u32()?).map_err(|_| DecodeError::Invalid("no process"))?,
                version: reader.u32()?,
                usable: reader.bool()?,
                logged_out: reader.bool()?,
                unconfined: reader.text()?.to_owned(),
            })
        };
        let all = (0..count).map(|_| one()).collect::<Result<_, _>>()?;
        Ok(Self { last, all })
    }

    /// How many sockets belong to them.
    pub(in crate::server) fn sockets(&self) -> usize {
        self.all.len()
    }

    /// Takes them over: only by the process that they are children of.
    pub(in crate::server) fn adopt(self, sockets: Vec<OwnedFd>) -> Processes {
        let (mut all, mut leaving) = (BTreeMap::new(), Vec::new());
        for (saved, socket) in self.all.into_iter().zip(sockets) {
            let (id, provider) = (saved.id, Arc::clone(&saved.provider));
            match Process::adopted(saved, socket) {
                Ok(process) => drop(all.insert(id, process)),
                Err(child) => {
                    leaving.extend(child);
                    tracing::warn!(
                        provider = %provider.escape_ascii(),
                        "the process of a provider cannot be taken over; ssh-add -s starts a new one"
                    );
                }
            }
        }
        Processes {
            all: Mutex::new(all),
            last: AtomicU64::new(self.last),
            leaving: Mutex::new(leaving),
            loading: Arc::new(Semaphore::new(MOST_LOADING.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again_and_touches_nothing() {
        let processes = Processes { last: AtomicU64::new(7), ..Processes::default() };
        let mut out = Vec::new();
        processes.save(&[], &mut out);
        let mut reader = Reader::new(&out);
        let saved = SavedProcesses::load(&mut reader).unwrap();
        assert!(reader.is_empty() && saved.sockets() == 0);
        // Its numbers go on.
        assert_eq!(saved.adopt(Vec::new()).next_id(), 8);
        let mut one = Vec::new();
        put_u64(&mut one, 7);
        put_u32(&mut one, 1);
        put_u64(&mut one, 7);
        put_string(&mut one, b"/p");
        [1, 1].into_iter().for_each(|number| put_u32(&mut one, number));
        one.extend([1, 0]);
        put_string(&mut one, b"no");
        let saved = SavedProcesses::load(&mut Reader::new(&one)).unwrap();
        assert_eq!(saved.sockets(), 1);
        for cut in 0..one.len() {
            assert!(SavedProcesses::load(&mut Reader::new(&one[..cut])).is_err(), "cut after {cut}");
        }
        one[11] = 73;
        assert!(SavedProcesses::load(&mut Reader::new(&one)).is_err());
        // What is no child of this process is not taken over.
        let null = std::fs::File::open("/dev/null").unwrap();
        assert!(saved.adopt(vec![null.into()]).is_empty());
    }
}
