//! What a client demands of a key's use (RFC 9987 section 5, OpenSSH's PROTOCOL.agent sections 2 to 4).
//!
//! Guarantees: each kind comes once; a constraint that is not known refuses the message, since it could not be kept.
#![forbid(unsafe_code)]

use super::{DecodeError, Reader, number, printable, put_string, put_u32};

/// The constraint that names the hosts and users which a key may be used for.
pub const RESTRICT_DESTINATION: &str = "restrict-destination-v00@openssh.com";

/// The constraint that brings certificates for the keys of a token.
pub const ASSOCIATED_CERTS: &str = "associated-certs-v00@openssh.com";

/// The constraint that names the library which speaks to a FIDO token.
pub const SK_PROVIDER: &str = "sk-provider@openssh.com";

/// One constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint<'f> {
    /// Seconds from now until the key is forgotten; 0 forgets it at once.
    Lifetime(u32),
    /// Each use is to be confirmed by a person.
    Confirm,
    /// What [`RESTRICT_DESTINATION`] carries, not taken apart.
    Destinations(&'f [u8]),
    /// What [`ASSOCIATED_CERTS`] carries.
    AssociatedCerts {
        /// Only the certificates are wanted, not the plain keys.
        only: bool,
        /// Strings, each a certificate; not taken apart.
        certificates: &'f [u8],
    },
    /// The library that [`SK_PROVIDER`] names.
    SkProvider(&'f [u8]),
}

impl<'f> Constraint<'f> {
    /// All constraints to the end of the message.
    ///
    /// # Errors
    /// [`DecodeError`], where one is not known, or comes twice.
    pub fn decode_all(reader: &mut Reader<'f>) -> Result<Vec<Self>, DecodeError> {
        let mut constraints: Vec<Self> = Vec::new();
        while !reader.is_empty() {
            let constraint = Self::decode(reader)?;
            let kind = std::mem::discriminant(&constraint);
            if constraints.iter().any(|known| std::mem::discriminant(known) == kind) {
                return Err(DecodeError::DoubledConstraint);
            }
            constraints.push(constraint);
        }
        Ok(constraints)
    }

    /// Fails closed: a constraint that is not known cannot be kept, so the key is refused.
    fn decode(reader: &mut Reader<'f>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            number::CONSTRAIN_LIFETIME => Ok(Self::Lifetime(reader.u32()?)),
            number::CONSTRAIN_CONFIRM => Ok(Self::Confirm),
            number::CONSTRAIN_EXTENSION => Self::decode_extension(reader),
            unknown => Err(DecodeError::UnknownConstraint(unknown.to_string())),
        }
    }

    fn decode_extension(reader: &mut Reader<'f>) -> Result<Self, DecodeError> {
        let name = reader.string()?;
        match std::str::from_utf8(name) {
            Ok(RESTRICT_DESTINATION) => Ok(Self::Destinations(reader.string()?)),
            Ok(ASSOCIATED_CERTS) => {
                Ok(Self::AssociatedCerts { only: reader.bool()?, certificates: reader.string()? })
            }
            Ok(SK_PROVIDER) => Ok(Self::SkProvider(reader.string()?)),
            _ => Err(DecodeError::UnknownConstraint(printable(name))),
        }
    }

    /// Appends the constraint as it came, byte for byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lifetime(seconds) => {
                out.push(number::CONSTRAIN_LIFETIME);
                put_u32(out, *seconds);
            }
            Self::Confirm => out.push(number::CONSTRAIN_CONFIRM),
            Self::Destinations(body) => put_extension(out, RESTRICT_DESTINATION, body),
            Self::AssociatedCerts { only, certificates } => {
                out.push(number::CONSTRAIN_EXTENSION);
                put_string(out, ASSOCIATED_CERTS.as_bytes());
                out.push(u8::from(*only));
                put_string(out, certificates);
            }
            Self::SkProvider(path) => put_extension(out, SK_PROVIDER, path),
        }
    }
}

fn put_extension(out: &mut Vec<u8>, name: &str, body: &[u8]) {
    out.push(number::CONSTRAIN_EXTENSION);
    put_string(out, name.as_bytes());
    put_string(out, body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_gives_itself_back_and_comes_once() {
        let all = [
            Constraint::Lifetime(7),
            Constraint::Confirm,
            Constraint::Destinations(b"body"),
            Constraint::AssociatedCerts { only: true, certificates: b"certs" },
            Constraint::SkProvider(b"internal"),
        ];
        let mut bytes = Vec::new();
        all.iter().for_each(|constraint| constraint.encode(&mut bytes));
        assert_eq!(Constraint::decode_all(&mut Reader::new(&bytes)).unwrap(), all);
        for constraint in all {
            let mut twice = Vec::new();
            constraint.encode(&mut twice);
            let len = twice.len();
            constraint.encode(&mut twice);
            assert_eq!(
                Constraint::decode_all(&mut Reader::new(&twice)).err(),
                Some(DecodeError::DoubledConstraint)
            );
            for cut in 1..len {
                assert!(Constraint::decode_all(&mut Reader::new(&twice[..cut])).is_err());
            }
        }
    }

    #[test]
    fn what_is_not_known_refuses() {
        let mut named = vec![number::CONSTRAIN_EXTENSION];
        put_string(&mut named, b"x@y");
        for unknown in [&[3][..], &[0], &[254], &named] {
            let refused = Constraint::decode_all(&mut Reader::new(unknown));
            assert!(matches!(refused, Err(DecodeError::UnknownConstraint(_))));
        }
    }
}
