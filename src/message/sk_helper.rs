//! What ssh-sk-helper is asked and what it answers: OpenSSH's own messages, version 5 (the same from 9.2 to 10.5).
//!
//! Guarantees: an answer is believed only where it is of the one form that the request has, to the last byte.
//! The helper runs foreign code and is trusted with nothing but the request itself.
#![forbid(unsafe_code)]

use super::{DecodeError, Reader};

/// The version of these messages; a helper of another one is of no use.
const VERSION: u8 = 5;

/// The helper's answer that it could not.
const ERROR: u32 = 0;

/// The request for a signature, and the answer to it.
const SIGN: u32 = 1;

/// How much the helper says on standard error: its errors (OpenSSH's LogLevel ERROR). More would be about the keys.
const LOG_LEVEL: u32 = 2;

/// Longest answer, in bytes, with its length: a signature has less than 200.
pub const MOST_ANSWER: usize = 4096;

/// A request for one signature. It borrows secrets: not cloned, not formatted.
pub struct SignRequest<'k> {
    /// The plain key, with its private half as an add message has it.
    pub key: SkKey<'k>,
    /// A library's path, or "internal" for what is built into the helper.
    pub provider: &'k [u8],
    /// What to sign.
    pub data: &'k [u8],
    /// The token's PIN; empty where none is known.
    pub pin: &'k [u8],
}

/// A token's key, as the helper reads it.
#[derive(Clone, Copy)]
pub struct SkKey<'k> {
    /// Type and public half with the application, encoded.
    pub public: &'k [u8],
    /// What the token demands of its user.
    pub flags: u8,
    /// What the token knows the key by.
    pub handle: &'k [u8],
    /// Nothing so far.
    pub reserved: &'k [u8],
}

impl SignRequest<'_> {
    /// Bytes of the message, with its length.
    pub fn encoded_len(&self) -> usize {
        let mut len = 0;
        self.encode(|part| len += part.len());
        len
    }

    /// Gives the message, with its length, to `put`, part by part: it is secret, and the caller knows where to.
    pub fn encode(&self, mut put: impl FnMut(&[u8])) {
        let SignRequest { key: SkKey { public, flags, handle, reserved }, provider, data, pin } = self;
        let key_len = public.len() + 1 + 4 + handle.len() + 4 + reserved.len();
        let strings = key_len + provider.len() + data.len() + pin.len();
        put(&u32_of(HEAD_LEN + 5 * 4 + strings + 4));
        put(&[VERSION]);
        put(&SIGN.to_be_bytes());
        put(&[1]);
        put(&LOG_LEVEL.to_be_bytes());
        put(&u32_of(key_len));
        put(public);
        put(&[*flags]);
        put_string(&mut put, handle);
        put_string(&mut put, reserved);
        put_string(&mut put, provider);
        put_string(&mut put, data);
        // The algorithm is the key's own, and nobody's compatibility asks for anything.
        put_string(&mut put, b"");
        put(&0_u32.to_be_bytes());
        put_string(&mut put, pin);
    }
}

/// Bytes of version, request, and how and what to log.
const HEAD_LEN: usize = 1 + 4 + 1 + 4;

fn put_string(put: &mut impl FnMut(&[u8]), bytes: &[u8]) {
    put(&u32_of(bytes.len()));
    put(bytes);
}

/// Everything here came in frames, so it is far below.
fn u32_of(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// Why the helper made no signature, by its own word (OpenSSH's error numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkError {
    /// A PIN is needed, or the one that was given is wrong.
    #[error("the token wants its PIN")]
    WrongPin,
    /// The provider found no token, or not that one.
    #[error("no token with this key is there")]
    DeviceNotFound,
    /// The token does not know the key.
    #[error("the token does not know this key")]
    KeyNotFound,
    /// The provider, or the token, does not do that.
    #[error("the token or its provider does not support this key")]
    Unsupported,
    /// The token has no PIN, and the key demands one.
    #[error("the key demands a PIN, and none is set on the token")]
    NoPinSet,
    /// The provider cannot be loaded, or nobody touched the token.
    #[error("the provider failed, or the token was not touched in time")]
    Provider,
    /// Any other number.
    #[error("ssh-sk-helper failed with error {0}")]
    Other(u32),
}

impl SkError {
    fn from_number(number: u32) -> Self {
        match number {
            43 => Self::WrongPin,
            60 => Self::DeviceNotFound,
            46 => Self::KeyNotFound,
            59 | 58 | 14 => Self::Unsupported,
            61 => Self::NoPinSet,
            4 => Self::Provider,
            other => Self::Other(other),
        }
    }
}

/// Reads an answer, with its length: the signature blob, or the helper's own word on why there is none.
///
/// # Errors
/// [`DecodeError`] for what is no answer to [`SignRequest`].
pub fn read_answer(answer: &[u8]) -> Result<Result<&[u8], SkError>, DecodeError> {
    let mut whole = Reader::new(answer);
    let mut body = Reader::new(whole.string()?);
    whole.end()?;
    if body.u8()? != VERSION {
        return Err(DecodeError::Invalid("ssh-sk-helper is of another version"));
    }
    let said = match body.u32()? {
        SIGN => Ok(body.string()?),
        ERROR => Err(SkError::from_number(body.u32()?)),
        _ => return Err(DecodeError::Invalid("ssh-sk-helper answers something else")),
    };
    body.end()?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(request: &SignRequest<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        request.encode(|part| out.extend_from_slice(part));
        out
    }

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&u32_of(bytes.len())[..], bytes].concat()
    }

    fn answer(version: u8, kind: u32, rest: &[u8]) -> Vec<u8> {
        string(&[&[version][..], &kind.to_be_bytes(), rest].concat())
    }

    /// What the helper reads, field by field, in the order in which it reads them.
    #[test]
    fn a_request_is_what_the_helper_reads() {
        let key =
            SkKey { public: b"type, point, application", flags: 0x25, handle: b"handle", reserved: b"r" };
        let request = SignRequest { key, provider: b"internal", data: b"data", pin: b"1234" };
        let bytes = encoded(&request);
        assert_eq!(bytes.len(), request.encoded_len());
        let mut whole = Reader::new(&bytes);
        let mut body = Reader::new(whole.string().unwrap());
        whole.end().unwrap();
        assert_eq!((body.u8().unwrap(), body.u32().unwrap()), (5, 1));
        assert_eq!((body.u8().unwrap(), body.u32().unwrap()), (1, LOG_LEVEL));
        let key = [&b"type, point, application\x25"[..], &string(b"handle"), &string(b"r")].concat();
        assert_eq!(body.string().unwrap(), key);
        for part in [&b"internal"[..], b"data", b""] {
            assert_eq!(body.string().unwrap(), part);
        }
        assert_eq!((body.u32().unwrap(), body.string().unwrap()), (0, &b"1234"[..]));
        body.end().unwrap();
    }

    #[test]
    fn answers_are_believed_to_the_last_byte_only() {
        let good = answer(5, SIGN, &string(b"signature"));
        assert_eq!(read_answer(&good), Ok(Ok(&b"signature"[..])));
        for end in 0..good.len() {
            assert!(read_answer(&good[..end]).is_err(), "cut after {end} bytes");
        }
        assert_eq!(read_answer(&[&good[..], &[0]].concat()), Err(DecodeError::Leftover));
        for bad in [
            answer(4, SIGN, &string(b"signature")),
            answer(6, SIGN, &string(b"signature")),
            answer(5, 2, &string(b"signature")),
            answer(5, SIGN, &[string(b"signature"), vec![0]].concat()),
            answer(5, SIGN, &[0xff, 0xff, 0xff, 0xff]),
            answer(5, ERROR, &[0, 0, 0, 43, 0]),
        ] {
            assert!(read_answer(&bad).is_err());
        }
    }

    #[test]
    fn errors_have_their_sentences() {
        for (number, error) in [
            (43, SkError::WrongPin),
            (60, SkError::DeviceNotFound),
            (59, SkError::Unsupported),
            (4, SkError::Provider),
            (0, SkError::Other(0)),
            (u32::MAX, SkError::Other(u32::MAX)),
        ] {
            assert_eq!(read_answer(&answer(5, ERROR, &u32::to_be_bytes(number))), Ok(Err(error)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(bytes: Vec<u8>) {
            if let Ok(Ok(signature)) = read_answer(&bytes) {
                prop_assert_eq!(answer(5, SIGN, &string(signature)), bytes);
            }
        }

        #[test]
        fn a_damaged_answer_is_none_or_another_signature(at in 0_usize..30, bit in 0_u8..8) {
            let mut bytes = answer(5, SIGN, &string(b"a signature"));
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(Ok(signature)) = read_answer(&bytes) {
                prop_assert!(at >= 13 && signature != b"a signature");
            }
        }

        #[test]
        fn the_length_is_right(handle: Vec<u8>, provider: Vec<u8>, data: Vec<u8>, pin: Vec<u8>) {
            let key = SkKey { public: b"key", flags: 1, handle: &handle, reserved: b"" };
            let request = SignRequest { key, provider: &provider, data: &data, pin: &pin };
            let bytes = encoded(&request);
            prop_assert_eq!(bytes.len(), request.encoded_len());
            let body = Reader::new(&bytes).string().map(<[u8]>::len);
            prop_assert_eq!(body, Ok(bytes.len() - 4));
        }
    }
}
