//! What the agent and the process of a provider say to each other: frames of a length and a body, one order and one
//! answer at a time.
//!
//! Guarantees: each side reads exactly what it understands, within limits; a PIN is written into memory that is wiped.
//! The version grows with every change: after a restart an agent may meet a process that an older one has started.
#![forbid(unsafe_code)]

use crate::message::{DecodeError, Reader, put_string, put_u32};
use crate::vault::SecretBuf;

/// Version of the messages below.
pub const VERSION: u32 = 2;

/// What a greeting begins with.
const MAGIC: &[u8] = b"myagent token\n";

/// Longest order, in bytes: a sign request of the agent's own limit, and some room.
pub(super) const MAX_ORDER: usize = 264 * 1024;

/// Longest answer, in bytes: a thousand keys of the largest kind.
pub const MAX_REPLY: usize = 4 << 20;

/// Most keys of one provider. OpenSSH's clients show 2048 of all.
pub(super) const MOST_KEYS: usize = 2048;

/// Longest text that is shown, in bytes.
const MAX_TEXT: usize = 300;

const LOAD: u8 = 1;
const SIGN: u8 = 2;
const KEYS: u8 = 1;
const SIGNATURE: u8 = 2;
const FAILED: u8 = 3;

/// The hash of a signature with RSA; it means nothing to other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// `ssh-rsa`
    Sha1 = 1,
    /// `rsa-sha2-256`
    Sha256 = 2,
    /// `rsa-sha2-512`
    Sha512 = 3,
}

/// What the agent asks for. It borrows secrets: not cloned, not formatted.
pub enum Order<'m> {
    /// Load the provider, log in, and say which keys there are.
    Load {
        /// The real path of the provider.
        provider: &'m [u8],
        /// Empty for what can be seen without one.
        pin: &'m [u8],
    },
    /// Sign.
    Sign {
        /// The plain public key.
        public: &'m [u8],
        /// For RSA.
        hash: Hash,
        /// What is signed.
        data: &'m [u8],
        /// Where the token wants the PIN for each signature.
        pin: Option<&'m [u8]>,
    },
}

/// A key that was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The plain public key.
    pub public: Vec<u8>,
    /// What the token calls it; may be empty.
    pub label: Vec<u8>,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything that the text says.
    Other = 1,
    /// The token is not logged in any more, or was taken out.
    LoginNeeded = 2,
    /// This signature needs the PIN.
    PinNeeded = 3,
}

/// What was not done, and the user's sentence about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the agent acts upon.
    pub kind: Kind,
    /// For the log and the status; escaped.
    pub text: String,
}

/// What comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Order::Load`].
    Keys {
        /// In the order of the token.
        keys: Vec<Found>,
        /// What was left out, and why.
        notes: Vec<String>,
        /// Why the process could not close itself further; nothing where it could.
        unconfined: Option<String>,
    },
    /// To [`Order::Sign`]: a signature blob.
    Signature(Vec<u8>),
    /// To either.
    Failed(Failure),
}

/// The first message of a new process.
#[must_use]
pub fn greeting() -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_u32(&mut out, VERSION);
    out
}

/// The version that a greeting says.
///
/// # Errors
/// [`DecodeError`], where it is none.
pub fn version_of(greeting: &[u8]) -> Result<u32, DecodeError> {
    let mut reader = Reader::new(greeting);
    if reader.bytes(MAGIC.len())? != MAGIC {
        return Err(DecodeError::Invalid("the provider's process is of another kind"));
    }
    let version = reader.u32()?;
    reader.end()?;
    Ok(version)
}

impl<'m> Order<'m> {
    /// Appends the body.
    pub fn encode(&self, out: &mut SecretBuf) {
        let string = |out: &mut SecretBuf, bytes: &[u8]| {
            out.extend(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend(bytes);
        };
        match self {
            Self::Load { provider, pin } => {
                out.extend(&[LOAD]);
                string(out, provider);
                string(out, pin);
            }
            Self::Sign { public, hash, data, pin } => {
                out.extend(&[SIGN, *hash as u8]);
                string(out, public);
                string(out, data);
                out.extend(&[u8::from(pin.is_some())]);
                string(out, pin.unwrap_or_default());
            }
        }
    }

    /// How many bytes [`Order::encode`] appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Load { provider, pin } => 9 + provider.len() + pin.len(),
            Self::Sign { public, data, pin, .. } => {
                15 + public.len() + data.len() + pin.map_or(0, <[u8]>::len)
            }
        }
    }

    /// Reads exactly one body.
    ///
    /// # Errors
    /// [`DecodeError`], where it is none.
    pub fn decode(body: &'m [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let order = match reader.u8()? {
            LOAD => Self::Load { provider: reader.string()?, pin: reader.string()? },
            SIGN => {
                let hash = reader.u8()?;
                let hash = [Hash::Sha1, Hash::Sha256, Hash::Sha512].into_iter().find(|h| *h as u8 == hash);
                let hash = hash.ok_or(DecodeError::Invalid("unknown hash"))?;
                let (public, data) = (reader.string()?, reader.string()?);
                let pin = (reader.bool()?, reader.string()?);
                let pin = match pin {
                    (true, pin) => Some(pin),
                    (false, []) => None,
                    (false, _) => return Err(DecodeError::Invalid("a PIN comes unannounced")),
                };
                Self::Sign { public, hash, data, pin }
            }
            unknown => return Err(DecodeError::UnknownType(unknown)),
        };
        reader.end()?;
        Ok(order)
    }
}

impl Answer {
    /// The body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Keys { keys, notes, unconfined } => {
                out.push(KEYS);
                put_u32(&mut out, u32::try_from(keys.len()).unwrap_or(u32::MAX));
                for key in keys {
                    put_string(&mut out, &key.public);
                    put_string(&mut out, &key.label);
                }
                put_u32(&mut out, u32::try_from(notes.len()).unwrap_or(u32::MAX));
                notes.iter().for_each(|note| put_string(&mut out, note.as_bytes()));
                put_string(&mut out, unconfined.as_deref().unwrap_or_default().as_bytes());
            }
            Self::Signature(blob) => {
                out.push(SIGNATURE);
                put_string(&mut out, blob);
            }
            Self::Failed(Failure { kind, text }) => {
                out.extend([FAILED, *kind as u8]);
                put_string(&mut out, text.as_bytes());
            }
        }
        out
    }

    /// Reads exactly one body. Texts are cut and escaped: a provider may have written them.
    ///
    /// # Errors
    /// [`DecodeError`], where it is none, or says too much.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let answer = match reader.u8()? {
            KEYS => Self::Keys {
                keys: list(&mut reader, |reader| {
                    Ok(Found { public: reader.string()?.into(), label: reader.string()?.into() })
                })?,
                notes: list(&mut reader, |reader| reader.string().map(text))?,
                unconfined: Some(text(reader.string()?)).filter(|reason| !reason.is_empty()),
            },
            SIGNATURE => Self::Signature(reader.string()?.into()),
            FAILED => {
                let kind = reader.u8()?;
                let kind =
                    [Kind::Other, Kind::LoginNeeded, Kind::PinNeeded].into_iter().find(|k| *k as u8 == kind);
                let kind = kind.ok_or(DecodeError::Invalid("unknown kind of failure"))?;
                Self::Failed(Failure { kind, text: text(reader.string()?) })
            }
            unknown => return Err(DecodeError::UnknownType(unknown)),
        };
        reader.end()?;
        Ok(answer)
    }
}

fn list<T>(
    reader: &mut Reader<'_>,
    each: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if count > MOST_KEYS {
        return Err(DecodeError::Invalid("the provider has too many keys"));
    }
    (0..count).map(|_| each(reader)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT)]).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(order: &Order<'_>) -> Vec<u8> {
        let mut out = SecretBuf::on_heap();
        order.encode(&mut out);
        assert_eq!(out.len(), order.encoded_len());
        out.to_vec()
    }

    #[test]
    fn a_greeting_says_its_version_and_nothing_more() {
        assert_eq!(version_of(&greeting()), Ok(VERSION));
        assert!(version_of(&[&greeting()[..], &[0]].concat()).is_err());
        assert!(version_of(&greeting()[1..]).is_err());
    }

    #[test]
    fn a_provider_cannot_say_too_much() {
        let mut many = vec![KEYS];
        put_u32(&mut many, u32::MAX);
        assert!(Answer::decode(&many).is_err());
        let loud = Answer::Failed(Failure { kind: Kind::Other, text: "\x1b[2J".repeat(1000) });
        let Ok(Answer::Failed(said)) = Answer::decode(&loud.encode()) else { panic!() };
        assert!(said.text.len() < 10 * MAX_TEXT && !said.text.contains('\x1b'));
    }

    /// One order has one form: bytes that nothing is made of are none of it.
    #[test]
    fn a_pin_comes_only_where_it_is_announced() {
        let pinned = body(&Order::Sign { public: b"k", hash: Hash::Sha256, data: b"d", pin: Some(b"1234") });
        let announced = pinned.len() - 4 - "1234".len() - 1;
        assert_eq!(pinned[announced], 1);
        let mut silent = pinned.clone();
        silent[announced] = 0;
        assert!(Order::decode(&pinned).is_ok() && Order::decode(&silent).is_err());
    }

    proptest! {
        #[test]
        fn orders_come_out_as_they_went_in(a: Vec<u8>, b: Vec<u8>, pin: Option<Vec<u8>>, cut: usize) {
            let sign = Order::Sign { public: &a, hash: Hash::Sha512, data: &b, pin: pin.as_deref() };
            for order in [Order::Load { provider: &a, pin: &b }, sign] {
                let whole = body(&order);
                prop_assert_eq!(&body(&Order::decode(&whole).unwrap()), &whole);
                prop_assert!(Order::decode(&whole[..cut % whole.len()]).is_err());
                prop_assert!(Order::decode(&[&whole[..], &[0]].concat()).is_err());
            }
        }

        #[test]
        fn answers_come_out_as_they_went_in(public: Vec<u8>, label: Vec<u8>, note in "[a-z ]*", cut: usize) {
            let keys = vec![Found { public: public.clone(), label }];
            let failed = Failure { kind: Kind::PinNeeded, text: note.clone() };
            let unconfined = Some(note.clone()).filter(|reason| !reason.is_empty());
            for answer in [
                Answer::Keys { keys, notes: vec![note], unconfined },
                Answer::Signature(public),
                Answer::Failed(failed),
            ] {
                let whole = answer.encode();
                prop_assert_eq!(Answer::decode(&whole), Ok(answer));
                prop_assert!(Answer::decode(&whole[..cut % whole.len()]).is_err());
                prop_assert!(Answer::decode(&[&whole[..], &[0]].concat()).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (Order::decode(&bytes).is_ok(), Answer::decode(&bytes).is_ok());
        }
    }
}
