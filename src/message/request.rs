//! Requests: what a client may ask (RFC 9987 section 3).
#![forbid(unsafe_code)]

use super::{AddIdentity, AddToken, DecodeError, Reader, number, put_string, put_u32};

/// One request, borrowing from its frame.
pub enum Request<'f> {
    /// List the keys. Bytes after the type are ignored, as OpenSSH does: they change no answer.
    List {
        /// Those bytes.
        ignored: &'f [u8],
    },
    /// Sign `data` with the key that `blob` names.
    Sign {
        /// The public key, opaque.
        blob: &'f [u8],
        /// What to sign.
        data: &'f [u8],
        /// Which hash, for RSA (section 3.6.1).
        flags: u32,
    },
    /// Hold a key.
    Add(AddIdentity<'f>),
    /// Use the keys of a token.
    AddToken(AddToken<'f>),
    /// Forget the keys of a token.
    RemoveToken {
        /// The library that speaks to it.
        provider: &'f [u8],
        /// Not looked at.
        pin: &'f [u8],
    },
    /// Forget the key that `blob` names.
    Remove {
        /// The public key, opaque.
        blob: &'f [u8],
    },
    /// Forget every key. The SSH1 form means the same to OpenSSH's agent.
    RemoveAll {
        /// It came as message 9.
        ssh1: bool,
    },
    /// Refuse everything until the password comes again.
    Lock {
        /// At least one byte, of any kind.
        password: &'f [u8],
    },
    /// Serve again.
    Unlock {
        /// The password given to lock.
        password: &'f [u8],
    },
    /// An extension (section 3.8).
    Extension {
        /// What it is called; the names of this agent are UTF-8, others are refused by any name.
        name: &'f [u8],
        /// What it carries, in a form of its own.
        body: &'f [u8],
    },
}

impl<'f> Request<'f> {
    /// Decodes one message: the frame's bytes without the length.
    ///
    /// # Errors
    /// [`DecodeError`], each of which is answered with FAILURE.
    pub fn decode(message: &'f [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(message);
        let request = match reader.u8()? {
            number::REQUEST_IDENTITIES => Self::List { ignored: reader.rest() },
            number::SIGN_REQUEST => {
                Self::Sign { blob: reader.string()?, data: reader.string()?, flags: reader.u32()? }
            }
            number::ADD_IDENTITY => Self::Add(AddIdentity::decode(&mut reader, false)?),
            number::ADD_ID_CONSTRAINED => Self::Add(AddIdentity::decode(&mut reader, true)?),
            number::ADD_SMARTCARD_KEY => Self::AddToken(AddToken::decode(&mut reader, false)?),
            number::ADD_SMARTCARD_KEY_CONSTRAINED => Self::AddToken(AddToken::decode(&mut reader, true)?),
            number::REMOVE_SMARTCARD_KEY => {
                Self::RemoveToken { provider: reader.string()?, pin: reader.string()? }
            }
            number::REMOVE_IDENTITY => Self::Remove { blob: reader.string()? },
            number::REMOVE_ALL_RSA_IDENTITIES => Self::RemoveAll { ssh1: true },
            number::REMOVE_ALL_IDENTITIES => Self::RemoveAll { ssh1: false },
            number::LOCK => Self::Lock { password: reader.string()? },
            number::UNLOCK => Self::Unlock { password: reader.string()? },
            number::EXTENSION => Self::Extension { name: reader.string()?, body: reader.rest() },
            unknown => return Err(DecodeError::UnknownType(unknown)),
        };
        reader.end()?;
        Ok(request)
    }

    /// Appends the message that this request was decoded from, byte for byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::List { ignored } => {
                out.push(number::REQUEST_IDENTITIES);
                out.extend_from_slice(ignored);
            }
            Self::Sign { blob, data, flags } => {
                out.push(number::SIGN_REQUEST);
                put_string(out, blob);
                put_string(out, data);
                put_u32(out, *flags);
            }
            Self::Add(add) => add.encode(out),
            Self::AddToken(add) => add.encode(out),
            Self::RemoveToken { provider, pin } => {
                put_named(out, number::REMOVE_SMARTCARD_KEY, provider);
                put_string(out, pin);
            }
            Self::Remove { blob } => put_named(out, number::REMOVE_IDENTITY, blob),
            Self::RemoveAll { ssh1: true } => out.push(number::REMOVE_ALL_RSA_IDENTITIES),
            Self::RemoveAll { ssh1: false } => out.push(number::REMOVE_ALL_IDENTITIES),
            Self::Lock { password } => put_named(out, number::LOCK, password),
            Self::Unlock { password } => put_named(out, number::UNLOCK, password),
            Self::Extension { name, body } => {
                put_named(out, number::EXTENSION, name);
                out.extend_from_slice(body);
            }
        }
    }
}

fn put_named(out: &mut Vec<u8>, message_type: u8, string: &[u8]) {
    out.push(message_type);
    put_string(out, string);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_that_no_agent_answers_any_more() {
        for old in [1, 3, 7, 8, 24] {
            assert_eq!(Request::decode(&[old]).err(), Some(DecodeError::UnknownType(old)));
        }
        assert_eq!(Request::decode(&[]).err(), Some(DecodeError::Short));
    }

    #[test]
    fn a_byte_too_many_is_refused_but_on_a_list() {
        assert!(matches!(Request::decode(&[11, 1, 2]), Ok(Request::List { ignored: &[1, 2] })));
        for message in [&[19, 0][..], &[9, 0], &[22, 0, 0, 0, 1, 97, 0], &[18, 0, 0, 0, 0, 0]] {
            assert_eq!(Request::decode(message).err(), Some(DecodeError::Leftover));
        }
    }

    fn gives_itself_back(message: &[u8]) {
        if let Ok(request) = Request::decode(message) {
            let mut again = Vec::new();
            request.encode(&mut again);
            assert_eq!(again, message);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_themselves_or_not_at_all(message: Vec<u8>) {
            gives_itself_back(&message);
        }

        #[test]
        fn sign_requests_decode_to_themselves(blob: Vec<u8>, data: Vec<u8>, flags: u32) {
            let mut message = Vec::new();
            Request::Sign { blob: &blob, data: &data, flags }.encode(&mut message);
            prop_assert!(Request::decode(&message).is_ok());
            gives_itself_back(&message);
            message.pop();
            prop_assert!(Request::decode(&message).is_err());
        }
    }
}
