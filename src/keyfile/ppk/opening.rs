//! From a passphrase to the private half of a PuTTY key file.
#![forbid(unsafe_code)]

use argon2::{Algorithm, Params, Version};
use aws_lc_rs::{digest, hmac};
use ssh_key::Cipher;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::Refusal;
use super::lines::{Argon2, Lines};
use crate::message::put_string;

/// Most memory of Argon2, in KiB: PuTTY takes 8 MiB, RFC 9106 recommends 64 MiB where memory is short; a file that wants
/// more than 1 GiB would stop the machine rather than a thief.
const MOST_MEMORY: u32 = 1024 * 1024;
/// Most passes times KiB: this takes minutes. PuTTY chooses passes that take a tenth of a second.
const MOST_WORK: u64 = 256 * 1024 * 1024;
/// Most lanes; PuTTY makes 1. They are gone through one after the other.
const MOST_LANES: u32 = 255;

/// Bytes of AES-256's key, of its first block, and of a MAC's key in version 3.
const KEY_LEN: usize = 32;
const IV_LEN: usize = 16;
const MAC_KEY_LEN: usize = 32;

never_copied_or_shown!(Keys);

/// What a passphrase gives.
struct Keys {
    cipher: Zeroizing<[u8; KEY_LEN]>,
    iv: [u8; IV_LEN],
    mac: Zeroizing<Vec<u8>>,
}

/// The private half, its MAC compared.
pub(super) fn open(lines: &Lines<'_>, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let encrypted = match lines.encryption {
        b"none" => false,
        b"aes256-cbc" => true,
        other => return Err(Refusal::Encryption(crate::message::printable(other))),
    };
    if encrypted && passphrase.is_empty() {
        return Err(Refusal::Encrypted);
    }
    let passphrase = if encrypted { passphrase } else { b"" };
    let keys = match (&lines.argon2, lines.version) {
        (Some(argon2), _) => Keys::by_argon2(argon2, passphrase)?,
        (None, 3) => Keys { cipher: Zeroizing::default(), iv: [0; IV_LEN], mac: Zeroizing::default() },
        (None, _) => Keys::by_sha1(passphrase),
    };
    let mut private = Zeroizing::new(lines.private.to_vec());
    if encrypted {
        Cipher::Aes256Cbc
            .decrypt(&*keys.cipher, &keys.iv, &mut private, None)
            .map_err(|_| Refusal::Damaged("its private key is cut off"))?;
    }
    let algorithm = if lines.version == 3 { hmac::HMAC_SHA256 } else { hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY };
    let mac = hmac::sign(&hmac::Key::new(algorithm, &keys.mac), &authenticated(lines, &private));
    if mac.as_ref().ct_eq(&lines.mac).into() {
        return Ok(private);
    }
    Err(if encrypted {
        Refusal::WrongPassphrase
    } else {
        Refusal::Damaged("its MAC is not that of its contents")
    })
}

/// What the MAC is over.
fn authenticated(lines: &Lines<'_>, private: &[u8]) -> Zeroizing<Vec<u8>> {
    let parts = [lines.kind, lines.encryption, lines.comment, &lines.public, private];
    let room = parts.iter().map(|part| 4 + part.len()).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    parts.into_iter().for_each(|part| put_string(&mut bytes, part));
    bytes
}

impl Keys {
    fn by_argon2(how: &Argon2<'_>, passphrase: &[u8]) -> Result<Self, Refusal> {
        let flavour = match how.flavour {
            b"Argon2id" => Algorithm::Argon2id,
            b"Argon2i" => Algorithm::Argon2i,
            b"Argon2d" => Algorithm::Argon2d,
            other => return Err(Refusal::Encryption(crate::message::printable(other))),
        };
        if how.memory > MOST_MEMORY {
            return Err(Refusal::Costly("more than 1 GiB of memory"));
        }
        if u64::from(how.memory) * u64::from(how.passes) > MOST_WORK || how.parallelism > MOST_LANES {
            return Err(Refusal::Costly("more than minutes to check"));
        }
        let mut derived = Zeroizing::new([0; KEY_LEN + IV_LEN + MAC_KEY_LEN]);
        let params = Params::new(how.memory, how.passes, how.parallelism, None);
        params
            .and_then(|params| {
                argon2::Argon2::new(flavour, Version::V0x13, params).hash_password_into(
                    passphrase,
                    &how.salt,
                    &mut *derived,
                )
            })
            .map_err(|_| Refusal::Damaged("its settings of Argon2 are none"))?;
        let (mut cipher, mut iv) = (Zeroizing::new([0; KEY_LEN]), [0; IV_LEN]);
        cipher.copy_from_slice(&derived[..KEY_LEN]);
        iv.copy_from_slice(&derived[KEY_LEN..KEY_LEN + IV_LEN]);
        Ok(Self { cipher, iv, mac: Zeroizing::new(derived[KEY_LEN + IV_LEN..].to_vec()) })
    }

    /// As version 2 does it: SHA-1 over the passphrase, after a number or a name.
    fn by_sha1(passphrase: &[u8]) -> Self {
        let hash = |prefix: &[u8]| {
            let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
            context.update(prefix);
            context.update(passphrase);
            context.finish()
        };
        let (first, second) = (hash(&[0, 0, 0, 0]), hash(&[0, 0, 0, 1]));
        let mut cipher = Zeroizing::new([0; KEY_LEN]);
        let derived = first.as_ref().iter().chain(second.as_ref());
        cipher.iter_mut().zip(derived).for_each(|(to, from)| *to = *from);
        let mac = Zeroizing::new(hash(b"putty-private-key-file-mac-key").as_ref().to_vec());
        Self { cipher, iv: [0; IV_LEN], mac }
    }
}
