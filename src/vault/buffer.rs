//! Buffers for secret bytes: a slot of the region, or wiped heap memory where none is free or large enough.
//!
//! Guarantees: wiped when dropped, and when moved to larger memory; at most the length it grew to is held.
//! Must never: be cloned or formatted.
#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::region::{Region, SLOT_LEN, Slot};
use super::wipe::wipe;

/// The least that a buffer on the heap grows by, so that a byte at a time does not move it each time.
const GROWTH: usize = 1024;

never_copied_or_shown!(Place);

enum Place {
    Region(Slot),
    Heap(Vec<u8>),
}

/// Secret bytes, growing as they arrive, wiped when dropped.
pub struct SecretBuf {
    place: Place,
    len: usize,
}

impl SecretBuf {
    pub(super) fn new(region: &Arc<Region>, expected: usize) -> Self {
        Self::over(if expected <= SLOT_LEN { Region::slot(region) } else { None })
    }

    pub(super) fn for_intake(region: &Arc<Region>, expected: usize) -> Self {
        Self::over(if expected <= SLOT_LEN { Region::slot_for_intake(region) } else { None })
    }

    fn over(slot: Option<Slot>) -> Self {
        Self { place: slot.map_or_else(|| Place::Heap(Vec::new()), Place::Region), len: 0 }
    }

    /// An empty buffer outside the region, for what is private but no secret.
    pub fn on_heap() -> Self {
        Self { place: Place::Heap(Vec::new()), len: 0 }
    }

    /// True where the bytes lie in the region and not on the heap.
    pub fn in_region(&self) -> bool {
        matches!(self.place, Place::Region(_))
    }

    /// Bytes of memory that it holds.
    pub fn capacity(&self) -> usize {
        self.storage().len()
    }

    /// Appends `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) {
        let start = self.len;
        self.resize(start + bytes.len());
        self[start..].copy_from_slice(bytes);
    }

    /// Makes the buffer `len` bytes long; new bytes are zero, dropped ones are wiped.
    pub fn resize(&mut self, len: usize) {
        if len < self.len {
            wipe(&mut self[len..]);
        }
        self.reserve(len);
        self.len = len;
    }

    /// Room for `len` bytes. The old memory is wiped where the bytes must move.
    fn reserve(&mut self, len: usize) {
        if len <= self.storage().len() {
            return;
        }
        let mut larger = vec![0; len.max(self.len + GROWTH).max(self.storage().len() * 2)];
        larger[..self.len].copy_from_slice(self);
        wipe(self.storage_mut());
        self.place = Place::Heap(larger);
    }

    fn storage(&self) -> &[u8] {
        match &self.place {
            Place::Region(slot) => slot.bytes(),
            Place::Heap(bytes) => bytes,
        }
    }

    fn storage_mut(&mut self) -> &mut [u8] {
        match &mut self.place {
            Place::Region(slot) => slot.bytes_mut(),
            Place::Heap(bytes) => bytes,
        }
    }
}

impl Deref for SecretBuf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.storage()[..self.len]
    }
}

impl DerefMut for SecretBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.storage_mut()[..len]
    }
}

impl Drop for SecretBuf {
    fn drop(&mut self) {
        // Bytes past `len` were wiped when the buffer shrank, or never written.
        wipe(self);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Vault, Wish};
    use super::*;

    #[test]
    fn grows_out_of_its_slot_and_keeps_its_bytes() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let mut buffer = vault.buffer(1);
        let bytes: Vec<u8> = (1..=251).cycle().take(SLOT_LEN + 1).collect();
        for byte in &bytes {
            buffer.extend(&[*byte]);
        }
        assert!(!buffer.in_region());
        assert_eq!(buffer[..], bytes);
    }

    #[test]
    fn a_slot_comes_back_empty() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let count =
            (0..100).map(|_| vault.buffer(8)).collect::<Vec<_>>().iter().filter(|b| b.in_region()).count();
        for _ in 0..count {
            vault.buffer(8).extend(b"secret!!");
        }
        let mut all: Vec<_> = (0..count).map(|_| vault.buffer(8)).collect();
        for buffer in &mut all {
            buffer.resize(8);
            assert_eq!(&buffer[..], [0; 8]);
        }
    }

    #[test]
    fn shrinking_wipes_what_it_drops() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let mut buffer = vault.buffer(8);
        buffer.extend(b"secret!!");
        buffer.resize(2);
        buffer.resize(8);
        assert_eq!(&buffer[..], b"se\0\0\0\0\0\0");
    }
}
