//! The keys of a PKCS#11 token (RFC 9987 sections 3.2.6 and 3.4).
#![forbid(unsafe_code)]

use super::{Constraint, DecodeError, Reader, number, put_string};

/// A request to use the keys of a token. It borrows a secret, the PIN: not cloned, not formatted.
pub struct AddToken<'f> {
    /// It came as the message that announces constraints. OpenSSH reads them on that one alone.
    pub constrained: bool,
    /// The library that speaks to the token, by its path.
    pub provider: &'f [u8],
    /// May be empty.
    pub pin: &'f [u8],
    /// In the order they came, each kind once.
    pub constraints: Vec<Constraint<'f>>,
}

impl<'f> AddToken<'f> {
    pub(super) fn decode(reader: &mut Reader<'f>, constrained: bool) -> Result<Self, DecodeError> {
        let (provider, pin) = (reader.string()?, reader.string()?);
        let constraints = if constrained { Constraint::decode_all(reader)? } else { Vec::new() };
        Ok(Self { constrained, provider, pin, constraints })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(if self.constrained {
            number::ADD_SMARTCARD_KEY_CONSTRAINED
        } else {
            number::ADD_SMARTCARD_KEY
        });
        put_string(out, self.provider);
        put_string(out, self.pin);
        self.constraints.iter().for_each(|constraint| constraint.encode(out));
    }
}
