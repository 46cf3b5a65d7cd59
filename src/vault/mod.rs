//! Secret memory: what the agent must keep, and nobody else may find.
//!
//! Guarantees: a private key lies on the ordinary heap only as AES-256-GCM ciphertext; the key that opens
//! it lies in one region that swap, core dumps and (with `memfd_secret`) other processes do not reach;
//! plaintext exists in the region (in wiped heap memory where every slot is lent), for as long as one closure
//! runs, and is wiped before the next line, with the stack that the closure used. Parsed RSA keys may stay ready where
//! [`Vault::may_keep`] says that all their memory is secret too.
//! Must never: clone, format or log a secret; refuse a key because a kind of memory cannot be had.
#![deny(unsafe_code)] // but in the children that say so

mod allocator;
#[cfg(test)]
#[cfg(target_os = "linux")]
pub(crate) mod alone;
mod buffer;
mod heap;
#[cfg_attr(windows, path = "windows/mapping.rs")]
mod mapping;
#[cfg(unix)]
#[cfg_attr(not(target_os = "linux"), path = "passage/elsewhere.rs")]
mod passage;
mod region;
mod registers;
mod stack;
mod wipe;
mod witness;

pub use allocator::Wiping;
pub use buffer::SecretBuf;
pub use heap::install as install_heap;
#[cfg(unix)]
pub use passage::Passage;
#[cfg(unix)]
pub(crate) use region::LEAST_LOCKED;
pub use region::{Kind, Wish};
pub use stack::scrubbed;
pub(crate) use stack::swept;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use region::Region;

/// Bytes of the wrapping key: AES-256.
const WRAPPING_KEY_LEN: usize = 32;

/// Bytes that GCM adds to a record.
const TAG_LEN: usize = 16;

/// Why a secret could not be sealed or opened; it carries nothing of the secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The system gave no random bytes.
    #[error("the system's random source failed")]
    Random,
    /// The record is not what this vault sealed.
    #[error("a stored key does not open")]
    Damaged,
    /// No memory at all for the region.
    #[error("no memory for secrets: {0}")]
    Memory(#[from] std::io::Error),
}

/// A secret under the wrapping key. It says nothing without its vault.
pub struct Record {
    nonce: [u8; NONCE_LEN],
    sealed: Box<[u8]>,
}

impl Record {
    /// What it consists of, for a handover: a nonce and the ciphertext with its tag.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        (&self.nonce, &self.sealed)
    }

    /// A record from its parts; none where they cannot be any. Whether it opens shows when it is opened.
    pub fn from_parts(nonce: &[u8], sealed: &[u8]) -> Option<Self> {
        let nonce = nonce.try_into().ok()?;
        (sealed.len() >= TAG_LEN).then(|| Self { nonce, sealed: sealed.into() })
    }

    fn plain_len(&self) -> usize {
        self.sealed.len() - TAG_LEN
    }
}

/// A moment in the life of AWS-LC's memory.
pub struct Keeping {
    outside: usize,
}

/// The region and the wrapping key within it. One per process.
pub struct Vault {
    region: Arc<Region>,
}

impl Vault {
    /// Takes the best memory that is wanted and that the system gives, and makes a new wrapping key in it.
    ///
    /// # Errors
    /// [`VaultError::Memory`] where not even ordinary memory can be mapped, [`VaultError::Random`] without
    /// a random source.
    pub fn new(wish: Wish) -> Result<Self, VaultError> {
        let mut region = Region::new(wish)?;
        swept(|| rand::fill(region.key_mut(WRAPPING_KEY_LEN))).map_err(|_| VaultError::Random)?;
        Ok(Self::over(region))
    }

    fn over(region: Region) -> Self {
        if region.kind() == Kind::MemfdSecret {
            heap::arm();
        }
        Self { region: Arc::new(region) }
    }

    /// A vault that opens the records of the one whose key comes through `passage`.
    ///
    /// # Errors
    /// [`VaultError::Memory`] where no memory can be mapped, or no key came.
    #[cfg(unix)]
    pub fn resume(wish: Wish, passage: Passage) -> Result<Self, VaultError> {
        let mut region = Region::new(wish)?;
        swept(|| passage.into_key(region.key_mut(WRAPPING_KEY_LEN)))?;
        Ok(Self::over(region))
    }

    /// The wrapping key on its way into another program, for [`Vault::resume`]. Whoever has both halves has the keys.
    ///
    /// # Errors
    /// The system's, where there is no memory and no pipe.
    #[cfg(unix)]
    pub fn passage(&self) -> std::io::Result<Passage> {
        swept(|| Passage::new(self.region.key(WRAPPING_KEY_LEN), self.kind() == Kind::MemfdSecret))
    }

    /// What [`Vault::may_keep`] is asked with, from before the key is parsed.
    pub fn keeping(&self) -> Keeping {
        Keeping { outside: heap::given_outside() }
    }

    /// Whether a parsed key may stay in AWS-LC's memory after its use: only where that is secret memory too, to the last
    /// block that was given since.
    pub fn may_keep(&self, since: &Keeping) -> bool {
        let all_inside = since.outside == heap::given_outside();
        self.kind() == Kind::MemfdSecret && all_inside && heap::has_room()
    }

    /// What kind of memory holds the wrapping key.
    pub fn kind(&self) -> Kind {
        self.region.kind()
    }

    /// The number of the system's error where it refused the better kind that was wanted; 0 where it has none.
    pub fn refused(&self) -> Option<i32> {
        self.region.refused()
    }

    /// An empty buffer for `expected` secret bytes: in the region where a slot is free and large enough,
    /// else on the heap, wiped either way.
    pub fn buffer(&self, expected: usize) -> SecretBuf {
        SecretBuf::new(&self.region, expected)
    }

    /// The same for a message of a peer, who may take its time: such buffers leave slots for keys in use.
    pub fn intake_buffer(&self, expected: usize) -> SecretBuf {
        SecretBuf::for_intake(&self.region, expected)
    }

    /// Puts `plain` under the wrapping key. The copy that is encrypted is made in secret memory.
    ///
    /// # Errors
    /// [`VaultError::Random`] without a random source, [`VaultError::Damaged`] where the cipher refuses.
    pub fn seal(&self, plain: &[u8]) -> Result<Record, VaultError> {
        swept(|| self.seal_in_place(plain))
    }

    fn seal_in_place(&self, plain: &[u8]) -> Result<Record, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| VaultError::Random)?;
        let mut work = self.buffer(plain.len());
        work.extend(plain);
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut work)
            .map_err(|_| VaultError::Damaged)?;
        let mut sealed = Vec::with_capacity(plain.len() + TAG_LEN);
        sealed.extend_from_slice(&work);
        sealed.extend_from_slice(tag.as_ref());
        Ok(Record { nonce, sealed: sealed.into_boxed_slice() })
    }

    /// Shows a record's plaintext to `look`, in secret memory, and wipes it before returning, with the stack.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] where the record was not sealed by this vault.
    pub fn open<T>(&self, record: &Record, look: impl FnOnce(&[u8]) -> T) -> Result<T, VaultError> {
        swept(|| self.opened(record).map(|plain| look(&plain)))
    }

    fn opened(&self, record: &Record) -> Result<SecretBuf, VaultError> {
        let (ciphertext, tag) = record.sealed.split_at(record.plain_len());
        let mut plain = self.buffer(ciphertext.len());
        plain.resize(ciphertext.len());
        self.cipher()?
            .open_separate_gather(
                Nonce::assume_unique_for_key(record.nonce),
                Aad::empty(),
                ciphertext,
                tag,
                &mut plain,
            )
            .map_err(|_| VaultError::Damaged)?;
        Ok(plain)
    }

    /// The cipher is set up anew each time (0.1 us): its round keys live in AWS-LC's heap, which wipes
    /// what it frees, and not a moment longer than one use.
    fn cipher(&self) -> Result<LessSafeKey, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, self.region.key(WRAPPING_KEY_LEN))
            .map_err(|_| VaultError::Damaged)?;
        Ok(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_does_not_show() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        for len in [0, 1, 32, 4096, region::SLOT_LEN, region::SLOT_LEN + 1, 100_000] {
            let plain: Vec<u8> = (1..=251).cycle().take(len).collect();
            let record = vault.seal(&plain).unwrap();
            assert!(len < 16 || !record.sealed.windows(16).any(|w| w == &plain[..16]));
            assert_eq!(vault.open(&record, <[u8]>::to_vec).unwrap(), plain);
        }
    }

    #[test]
    fn another_vaults_or_a_changed_record_does_not_open() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let mut record = vault.seal(b"a secret").unwrap();
        assert!(Vault::new(Wish::Memfd).unwrap().open(&record, |_| ()).is_err());
        record.sealed[0] ^= 1;
        assert!(matches!(vault.open(&record, |_| ()), Err(VaultError::Damaged)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_next_vault_opens_what_this_one_sealed() {
        for wish in [Wish::Memfd, Wish::Locked] {
            let vault = Vault::new(wish).unwrap();
            let record = vault.seal(b"a secret").unwrap();
            let (nonce, sealed) = record.parts();
            let copy = Record::from_parts(nonce, sealed).unwrap();
            let next = Vault::resume(wish, vault.passage().unwrap()).unwrap();
            assert_eq!(next.open(&copy, <[u8]>::to_vec).unwrap(), b"a secret");
            assert_eq!(vault.open(&record, <[u8]>::to_vec).unwrap(), b"a secret");
        }
        assert!(Record::from_parts(&[0; 11], &[0; 16]).is_none());
        assert!(Record::from_parts(&[0; 12], &[0; 15]).is_none());
    }

    #[test]
    fn messages_leave_slots_for_keys_in_use() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let messages: Vec<_> = (0..100).map(|_| vault.intake_buffer(10)).collect();
        assert!(messages[0].in_region() && !messages[99].in_region());
        assert!(vault.buffer(10).in_region());
        drop(messages);
        assert!(vault.intake_buffer(10).in_region());
    }

    #[test]
    fn opening_goes_on_when_every_slot_is_taken() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let record = vault.seal(b"a secret").unwrap();
        let taken: Vec<_> = (0..100).map(|_| vault.buffer(10)).collect();
        assert!(!taken[99].in_region());
        assert_eq!(vault.open(&record, <[u8]>::to_vec).unwrap(), b"a secret");
        drop(taken);
        assert!(vault.buffer(10).in_region());
    }
}
