//! Locking: a password that was hashed, never the password.
//!
//! Guarantees: the password is kept in no form but a bcrypt hash under a fresh salt, compared in constant
//! time; each wrong password makes every next one wait longer, on whatever connection it comes.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::message::{DecodeError, Reader, put_string, put_u32};
use crate::vault::{Record, Vault, VaultError, scrubbed};

/// Rounds of bcrypt_pbkdf: what ssh-keygen long used for key files, some tenth of a second. A fuzzer, which
/// looks for other things, must not spend its time here.
const ROUNDS: u32 = if cfg!(fuzzing) { 1 } else { 16 };

/// What each wrong password adds to the delay of the next (OpenSSH's figure).
const UNLOCK_DELAY: Duration = Duration::from_millis(100);

/// The most that a password waits (OpenSSH's figure).
const MOST_UNLOCK_DELAY: Duration = Duration::from_secs(10);

/// A password's hash and its salt.
pub struct PasswordHash {
    salt: [u8; 16],
    /// In one place of its own: what is moved by value leaves a copy wherever it was.
    hash: Hash,
}

type Hash = Zeroizing<Box<[u8]>>;

impl PasswordHash {
    /// Hashes a password: slow on purpose, so not on a thread that serves others. None for an empty
    /// password or without a random source.
    pub fn new(password: &[u8]) -> Option<Self> {
        let mut salt = [0; 16];
        rand::fill(&mut salt).ok()?;
        Some(Self { hash: hash(password, &salt)?, salt })
    }

    /// True where `password` is the one that was hashed. As slow as [`PasswordHash::new`].
    pub fn matches(&self, password: &[u8]) -> bool {
        hash(password, &self.salt).is_some_and(|hash| bool::from(hash.ct_eq(&self.hash)))
    }
}

/// Bytes of a hash.
const HASH_LEN: usize = 32;

/// Salt and hash, in this order.
const SAVED_LEN: usize = 16 + HASH_LEN;

impl Lock {
    /// Appends the lock: a sealed hash where it is closed, and the failures.
    ///
    /// # Errors
    /// [`VaultError`], where the hash cannot be sealed.
    pub(super) fn save(&self, vault: &Vault, out: &mut Vec<u8>) -> Result<(), VaultError> {
        out.push(u8::from(self.hash.is_some()));
        if let Some(hash) = &self.hash {
            let mut plain = vault.buffer(SAVED_LEN);
            plain.extend(&hash.salt);
            plain.extend(&hash.hash);
            let record = vault.seal(&plain)?;
            let (nonce, sealed) = record.parts();
            put_string(out, nonce);
            put_string(out, sealed);
        }
        put_u32(out, self.failures);
        Ok(())
    }

    /// Reads what [`Lock::save`] wrote. Whatever cannot be read is an error: a lock is never taken for open.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub(super) fn load(reader: &mut Reader<'_>, vault: &Vault) -> Result<Self, DecodeError> {
        let unreadable = DecodeError::Invalid("the lock cannot be read");
        let hash = if reader.bool()? {
            let record = Record::from_parts(reader.string()?, reader.string()?);
            let opened = record.and_then(|record| {
                let split = |plain: &[u8]| {
                    let (salt, hash) = plain.split_at_checked(16)?;
                    (hash.len() == HASH_LEN).then_some(())?;
                    Some(PasswordHash { salt: salt.try_into().ok()?, hash: Zeroizing::new(hash.into()) })
                };
                vault.open(&record, split).ok()?
            });
            Some(Arc::new(opened.ok_or(unreadable)?))
        } else {
            None
        };
        Ok(Self { hash, failures: reader.u32()?, times: 0 })
    }
}

fn hash(password: &[u8], salt: &[u8; 16]) -> Option<Hash> {
    let mut hash = Zeroizing::new(Box::from([0; HASH_LEN]));
    scrubbed(|| bcrypt_pbkdf::bcrypt_pbkdf(password, salt, ROUNDS, &mut hash)).ok()?;
    Some(hash)
}

never_copied_or_shown!(Lock);

/// Open, or closed by a password; and how often a wrong one came.
#[derive(Default)]
pub(super) struct Lock {
    hash: Option<Arc<PasswordHash>>,
    failures: u32,
    /// How often it was closed.
    times: u64,
}

impl Lock {
    /// What opens it; none where it is open.
    pub(super) fn hash(&self) -> Option<Arc<PasswordHash>> {
        self.hash.clone()
    }

    /// Closes it; false where it was closed already.
    pub(super) fn close(&mut self, hash: PasswordHash) -> bool {
        let open = self.hash.is_none();
        if open {
            self.hash = Some(Arc::new(hash));
            self.times += 1;
        }
        open
    }

    /// Opens it where the password `matches` the hash that is in force. A hash that is not counts as
    /// wrong: the lock was opened and closed anew while the password was compared.
    pub(super) fn open(&mut self, hash: &Arc<PasswordHash>, matches: bool) -> bool {
        if matches && self.hash.as_ref().is_some_and(|current| Arc::ptr_eq(current, hash)) {
            (self.hash, self.failures) = (None, 0);
            return true;
        }
        if !matches {
            self.failures = self.failures.saturating_add(1);
        }
        false
    }

    pub(super) fn times(&self) -> u64 {
        self.times
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn delay(&self) -> Duration {
        UNLOCK_DELAY.saturating_mul(self.failures).min(MOST_UNLOCK_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_matches_itself_alone() {
        let hash = PasswordHash::new(b"\xffcorrect\0").unwrap();
        assert!(hash.matches(b"\xffcorrect\0"));
        assert!(!hash.matches(b"\xffcorrect"));
        assert!(!hash.matches(b""));
        assert!(PasswordHash::new(b"").is_none());
    }

    #[test]
    fn delays_grow_to_the_limit_and_start_anew() {
        let mut lock = Lock::default();
        assert!(lock.close(PasswordHash::new(b"a").unwrap()));
        assert!(!lock.close(PasswordHash::new(b"b").unwrap()));
        let hash = lock.hash().unwrap();
        assert_eq!(lock.delay(), Duration::ZERO);
        for _ in 0..3 {
            assert!(!lock.open(&hash, false));
        }
        assert_eq!(lock.delay(), Duration::from_millis(300));
        for _ in 0..1000 {
            lock.open(&hash, false);
        }
        assert_eq!(lock.delay(), MOST_UNLOCK_DELAY);
        assert!(lock.open(&hash, true));
        assert_eq!((lock.delay(), lock.failures()), (Duration::ZERO, 0));
    }

    #[test]
    fn a_match_of_an_older_lock_does_not_open() {
        let mut lock = Lock::default();
        lock.close(PasswordHash::new(b"a").unwrap());
        let old = lock.hash().unwrap();
        lock.open(&old, true);
        lock.close(PasswordHash::new(b"b").unwrap());
        assert!(!lock.open(&old, true));
        assert!(lock.hash().is_some());
    }
}
