//! Bytes that are no secret, but must not have been changed between a vault and the next one of the same key.
#![forbid(unsafe_code)]

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::rand;

use super::{TAG_LEN, Vault, VaultError, swept};

/// Bytes of a [`Vault::witness`].
pub(crate) const WITNESS_LEN: usize = NONCE_LEN + TAG_LEN;

impl Vault {
    /// What [`Vault::attests`] of these bytes and of no others, here or in the next vault. It hides nothing.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn witness(&self, bytes: &[u8]) -> Result<[u8; WITNESS_LEN], VaultError> {
        let mut witness = [0; WITNESS_LEN];
        let (nonce, tag) = witness.split_at_mut(NONCE_LEN);
        rand::fill(nonce).map_err(|_| VaultError::Random)?;
        let unique = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Damaged)?;
        let made = swept(|| {
            self.cipher()?
                .seal_in_place_separate_tag(unique, Aad::from(bytes), &mut [])
                .map_err(|_| VaultError::Damaged)
        });
        tag.copy_from_slice(made?.as_ref());
        Ok(witness)
    }

    /// Whether `witness` was made of exactly these bytes under the same wrapping key.
    pub fn attests(&self, bytes: &[u8], witness: &[u8; WITNESS_LEN]) -> bool {
        let (nonce, tag) = witness.split_at(NONCE_LEN);
        let Ok(nonce) = Nonce::try_assume_unique_for_key(nonce) else { return false };
        swept(|| {
            let Ok(cipher) = self.cipher() else { return false };
            cipher.open_separate_gather(nonce, Aad::from(bytes), &[], tag, &mut []).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Wish;

    #[test]
    fn these_bytes_and_no_others() {
        let vault = Vault::new(Wish::Locked).unwrap();
        let witness = vault.witness(b"state").unwrap();
        assert!(vault.attests(b"state", &witness));
        assert!(!vault.attests(b"stale", &witness));
        assert!(!vault.attests(b"", &witness));
        assert!(!Vault::new(Wish::Locked).unwrap().attests(b"state", &witness));
        assert_ne!(vault.witness(b"state").unwrap(), witness);
    }
}
