//! OpenSSH's own key files (its PROTOCOL.key).
//!
//! The fields of a key stand in such a file as in an add message, so they are handed on as they came: the ssh-key crate
//! would refuse one P-256 key in 512, whose scalar is shorter than most, and the composite of ML-DSA-44 and Ed25519. The
//! ciphers and bcrypt are its own.
#![forbid(unsafe_code)]

use ssh_key::{Cipher, Kdf};
use zeroize::Zeroizing;

use super::{Parts, Refusal, text};
use crate::message::{PrivateKey, Reader};

/// The line before the key.
pub(super) const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
/// The line after it.
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
/// What the key begins with.
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Bytes of the tag behind what GCM or Poly1305 has sealed.
const TAG_LEN: usize = 16;
/// Most rounds of bcrypt: ssh-keygen makes 16 or 24, and this many take minutes.
const MOST_ROUNDS: u32 = 16_384;
/// Longest salt, in bytes; ssh-keygen's have 16.
const MOST_SALT: usize = 1024;

/// A file's key, still closed.
struct Container<'c> {
    cipher: &'c [u8],
    kdf: &'c [u8],
    options: &'c [u8],
    public: &'c [u8],
    sealed: &'c [u8],
    tag: &'c [u8],
}

/// Reads a file.
pub(super) fn read(file: &[u8], passphrase: &[u8]) -> Result<Parts, Refusal> {
    let bytes = unarmoured(file)?;
    let container = Container::read(&bytes)?;
    let section = container.open(passphrase)?;
    let mut parts = unpacked(&section, container.cipher != b"none")?;
    parts.public = Some(container.public.to_vec());
    Ok(parts)
}

/// The public key of a file.
pub(super) fn public(file: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(Container::read(&unarmoured(file)?)?.public.to_vec())
}

fn unarmoured(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut ended = false;
    let within = text::lines(file).skip_while(|line| *line != BEGIN).skip(1);
    let bytes = text::unarmoured(within.take_while(|line| {
        ended = *line == END;
        !ended
    }))?;
    if ended { Ok(bytes) } else { Err(Refusal::Damaged("its end is missing")) }
}

impl<'c> Container<'c> {
    fn read(bytes: &'c [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(Refusal::Damaged("it does not begin as such a file does"));
        }
        let (cipher, kdf, options) = (reader.string()?, reader.string()?, reader.string()?);
        if reader.u32()? != 1 {
            return Err(Refusal::Damaged("it does not hold one key"));
        }
        Ok(Self {
            cipher,
            kdf,
            options,
            public: reader.string()?,
            sealed: reader.string()?,
            tag: reader.rest(),
        })
    }

    /// The section with the private half.
    fn open(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let mut section = Zeroizing::new(self.sealed.to_vec());
        if self.cipher == b"none" {
            return if self.tag.is_empty() {
                Ok(section)
            } else {
                Err(Refusal::Damaged("it has bytes at its end"))
            };
        }
        let cipher = std::str::from_utf8(self.cipher).ok().and_then(|name| Cipher::new(name).ok());
        let cipher = cipher.filter(|cipher| cipher.key_and_iv_size().is_some());
        let cipher = cipher.ok_or_else(|| Refusal::Encryption(crate::message::printable(self.cipher)))?;
        if passphrase.is_empty() {
            return Err(Refusal::Encrypted);
        }
        let tag_len = if cipher.has_tag() { TAG_LEN } else { 0 };
        if self.tag.len() != tag_len || section.is_empty() || section.len() % cipher.block_size() != 0 {
            return Err(Refusal::Damaged("its length is not that of its cipher"));
        }
        let (key, iv) =
            self.kdf()?.derive_key_and_iv(cipher, passphrase).map_err(|_| Refusal::WrongPassphrase)?;
        let tag = cipher.has_tag().then(|| self.tag.try_into()).transpose();
        let tag = tag.map_err(|_| Refusal::Damaged("its tag is too short"))?;
        cipher.decrypt(&key, &iv, &mut section, tag).map_err(|_| Refusal::WrongPassphrase)?;
        Ok(section)
    }

    fn kdf(&self) -> Result<Kdf, Refusal> {
        if self.kdf != b"bcrypt" {
            return Err(Refusal::Encryption(crate::message::printable(self.kdf)));
        }
        let mut options = Reader::new(self.options);
        let (salt, rounds) = (options.string()?, options.u32()?);
        options.end()?;
        match (salt.len(), rounds) {
            (1..=MOST_SALT, 1..=MOST_ROUNDS) => Ok(Kdf::Bcrypt { salt: salt.to_vec(), rounds }),
            (1..=MOST_SALT, 1..) => Err(Refusal::Costly("more than 16384 rounds of bcrypt")),
            _ => Err(Refusal::Damaged("its passphrase has no salt or no rounds")),
        }
    }
}

/// The key of an open section, and its comment. What was opened with a wrong passphrase shows at its beginning.
fn unpacked(section: &[u8], sealed: bool) -> Result<Parts, Refusal> {
    let mut reader = Reader::new(section);
    if reader.u32()? != reader.u32()? {
        return Err(if sealed {
            Refusal::WrongPassphrase
        } else {
            Refusal::Damaged("its halves do not agree")
        });
    }
    let start = reader.clone().rest();
    PrivateKey::decode(&mut reader)?;
    let fields = &start[..start.len() - reader.clone().rest().len()];
    let fields = Zeroizing::new(fields.to_vec());
    let comment = reader.string()?.to_vec();
    let padding = reader.rest();
    if !padding.iter().zip(1_u8..).all(|(byte, number)| *byte == number) || padding.len() > u8::MAX.into() {
        return Err(Refusal::Damaged("it is not filled up as it should be"));
    }
    Ok(Parts { fields, certificate: None, public: None, comment })
}
