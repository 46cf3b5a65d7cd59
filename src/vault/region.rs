//! One mapping of secret memory: a page for the wrapping key, and slots for secrets in passage.
//!
//! Guarantees: on Linux the pages are `memfd_secret(2)`'s where the system has it (no other process, not
//! even root, reads them; swap and core dumps leave them out), else locked anonymous pages between guard
//! pages, left out of core dumps and emptied in a forked child; wiped before they are given back. Where
//! locking is refused too the pages are used all the same, and [`Kind`] says so.
//! Must never: hand out one slot twice.
#![allow(unsafe_code)]

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::mapping::{guard, lock, map_guarded, map_secret, unmap};
use super::wipe::wipe;

/// Bytes of a slot: the largest RSA key that is accepted (16,384 bits, some 10 KiB) with its framing.
pub(crate) const SLOT_LEN: usize = 16 * 1024;

/// Most slots of a region: 1 MiB, well under the usual limit of 8 MiB of locked memory.
const MOST_SLOTS: usize = 64;

/// Slots to try in turn, where the limit on locked memory is small (64 KiB on old systems).
const SLOT_COUNTS: [usize; 4] = [MOST_SLOTS, 16, 4, LEAST_SLOTS];

/// Fewer would leave none for messages.
const LEAST_SLOTS: usize = 2;

/// Slots where nothing may be locked: what does not count against a limit need not be the least.
const UNLOCKED_SLOTS: usize = 4;

/// The least locked memory that is of use, in bytes.
#[cfg(unix)]
pub(crate) const LEAST_LOCKED: usize = KEY_PAGE + LEAST_SLOTS * SLOT_LEN;

/// One slot in so many, and at least one, is for keys in use alone: messages that peers leave half sent must not
/// push those onto the heap.
const KEPT: usize = 4;

/// Bytes before the first slot: one page, which holds the wrapping key alone.
pub(super) const KEY_PAGE: usize = 4096;

/// What protects the region; `status` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `memfd_secret(2)`: unreadable to every other process, root's included.
    MemfdSecret,
    /// Locked in memory and left out of core dumps.
    Locked,
    /// Left out of core dumps, but the system refused to lock it: it may be swapped.
    Unlocked,
}

/// Which kind is wanted. A better one than the system grants is not missed: the next one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `memfd_secret(2)`; while it exists the machine cannot hibernate.
    Memfd,
    /// Locked pages.
    Locked,
}

/// The mapping. Slots are lent out through an `Arc`, so it outlives each of them.
pub(crate) struct Region {
    base: NonNull<u8>,
    slots: usize,
    kind: Kind,
    /// What the system said to the better kind that was wanted.
    refused: Option<i32>,
    /// One bit per slot, set while it is lent.
    taken: AtomicU64,
}

// SAFETY: the key page is written only through `&mut self`, and each slot only by the one holder of its bit.
unsafe impl Send for Region {}
// SAFETY: as above; `taken` is atomic.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the best kind that is wanted and that the system grants.
    pub(crate) fn new(wish: Wish) -> io::Result<Self> {
        let wanted = if wish == Wish::Memfd { &SLOT_COUNTS[..] } else { &[] };
        let mut refused = None;
        for &slots in wanted {
            match map_secret(KEY_PAGE + slots * SLOT_LEN) {
                Ok(base) => return Ok(Self::over(base, slots, Kind::MemfdSecret, None)),
                Err(error) => refused = Some(number(&error)),
            }
        }
        for slots in SLOT_COUNTS {
            let len = KEY_PAGE + slots * SLOT_LEN;
            let base = map_guarded(len)?;
            match lock(base, len) {
                Ok(()) => return Ok(Self::over(base, slots, Kind::Locked, refused)),
                Err(error) if slots == LEAST_SLOTS => refused = Some(number(&error)),
                Err(_) => {}
            }
            unmap(base, len, guard());
        }
        let base = map_guarded(KEY_PAGE + UNLOCKED_SLOTS * SLOT_LEN)?;
        Ok(Self::over(base, UNLOCKED_SLOTS, Kind::Unlocked, refused))
    }

    fn over(base: NonNull<u8>, slots: usize, kind: Kind, refused: Option<i32>) -> Self {
        // Bits of slots that do not exist count as taken for ever.
        let taken = if slots >= MOST_SLOTS { 0 } else { u64::MAX << slots };
        Self { base, slots, kind, refused, taken: AtomicU64::new(taken) }
    }

    /// Why the system did not give the better kind that was wanted.
    pub(crate) fn refused(&self) -> Option<i32> {
        self.refused
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The first `len` bytes of the key page.
    pub(crate) fn key(&self, len: usize) -> &[u8] {
        // SAFETY: the key page is mapped for the region's life, initialised (zero or key), and only
        // written through `&mut self`.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), len.min(KEY_PAGE)) }
    }

    /// The same, to write the key once.
    pub(crate) fn key_mut(&mut self, len: usize) -> &mut [u8] {
        // SAFETY: as `key`, and `&mut self` excludes every reader.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), len.min(KEY_PAGE)) }
    }

    /// Lends a free slot for a key in use, or nothing where all are lent.
    pub(crate) fn slot(this: &Arc<Self>) -> Option<Slot> {
        Self::slot_but(this, 0)
    }

    /// Lends a free slot that is not kept for keys in use.
    pub(crate) fn slot_for_intake(this: &Arc<Self>) -> Option<Slot> {
        Self::slot_but(this, (1 << (this.slots / KEPT).max(1)) - 1)
    }

    /// Lends a free slot outside of the set `but`.
    fn slot_but(this: &Arc<Self>, but: u64) -> Option<Slot> {
        let taken = this
            .taken
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |bits| {
                let not_ours = bits | but;
                if not_ours == u64::MAX { None } else { Some(bits | (1 << not_ours.trailing_ones())) }
            })
            .ok()?;
        Some(Slot { index: (taken | but).trailing_ones() as usize, region: Arc::clone(this) })
    }

    fn len(&self) -> usize {
        KEY_PAGE + self.slots * SLOT_LEN
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let len = self.len();
        // SAFETY: no slot is lent any more (each holds the Arc), so the whole mapping is ours alone.
        wipe(unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), len) });
        unmap(self.base, len, if self.kind == Kind::MemfdSecret { 0 } else { guard() });
    }
}

never_copied_or_shown!(Region, Slot);

/// [`SLOT_LEN`] bytes of the region, for one holder.
pub(crate) struct Slot {
    region: Arc<Region>,
    index: usize,
}

impl Slot {
    fn start(&self) -> *mut u8 {
        self.region.base.as_ptr().wrapping_add(KEY_PAGE + self.index * SLOT_LEN)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the slot lies within the mapping, which `region` keeps alive, and its bit is ours.
        unsafe { std::slice::from_raw_parts(self.start(), SLOT_LEN) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as `bytes`, and `&mut self` is the only way to this slot.
        unsafe { std::slice::from_raw_parts_mut(self.start(), SLOT_LEN) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The holder wiped what it wrote; see SecretBuf.
        self.region.taken.fetch_and(!(1 << self.index), Ordering::Release);
    }
}

/// The system's number of an error; 0 for what was not asked of the system, which has none of that kind.
fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests;
