//! Keys on a FIDO token, as a client hands them over (OpenSSH's PROTOCOL.u2f).
#![forbid(unsafe_code)]

use super::{Curve, DecodeError, Reader, put_string};

/// The kinds of such keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA with NIST P-256.
    EcdsaP256,
}

impl SkKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ed25519, Self::EcdsaP256];

    /// The key type.
    pub fn key_type(self) -> &'static str {
        match self {
            Self::Ed25519 => "sk-ssh-ed25519@openssh.com",
            Self::EcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// The type of a certificate of such a key.
    pub fn certificate_type(self) -> &'static str {
        match self {
            Self::Ed25519 => "sk-ssh-ed25519-cert-v01@openssh.com",
            Self::EcdsaP256 => "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        }
    }

    /// The kind that a key of type `name` is of, and whether that is a certificate's type.
    pub fn of(name: &str) -> Option<(Self, bool)> {
        let plain = Self::ALL.into_iter().find(|kind| kind.key_type() == name).map(|kind| (kind, false));
        let certified = || Self::ALL.into_iter().find(|kind| kind.certificate_type() == name);
        plain.or_else(|| certified().map(|kind| (kind, true)))
    }
}

/// A FIDO token's key as it came, not yet checked: what the token needs to find it, and no private half.
pub struct SkPrivate<'f> {
    /// Of which kind.
    pub kind: SkKind,
    /// A certificate that holds its public half.
    pub certificate: Option<&'f [u8]>,
    /// The Ed25519 key, or the ECDSA key's point. Of an ECDSA key under a certificate none comes.
    pub public: Option<&'f [u8]>,
    /// Which application's it is, as text.
    pub application: &'f [u8],
    /// What the token demands of its user.
    pub flags: u8,
    /// What the token knows the key by.
    pub handle: &'f [u8],
    /// Nothing so far.
    pub reserved: &'f [u8],
}

impl<'f> SkPrivate<'f> {
    /// Reads what follows the type.
    pub(super) fn decode(
        reader: &mut Reader<'f>,
        kind: SkKind,
        certified: bool,
    ) -> Result<Self, DecodeError> {
        let certificate = if certified { Some(reader.string()?) } else { None };
        let public = match (kind, certified) {
            (SkKind::EcdsaP256, true) => None,
            (SkKind::EcdsaP256, false) if reader.string()? != Curve::P256.name().as_bytes() => {
                return Err(DecodeError::Invalid("the key's curve is not its type's"));
            }
            _ => Some(reader.string()?),
        };
        Ok(Self {
            kind,
            certificate,
            public,
            application: reader.string()?,
            flags: reader.u8()?,
            handle: reader.string()?,
            reserved: reader.string()?,
        })
    }

    /// Appends what follows the type and the certificate.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        if let Some(public) = self.public {
            if self.kind == SkKind::EcdsaP256 {
                put_string(out, Curve::P256.name().as_bytes());
            }
            put_string(out, public);
        }
        put_string(out, self.application);
        out.push(self.flags);
        put_string(out, self.handle);
        put_string(out, self.reserved);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AddIdentity, Constraint, PrivateKey, Request};
    use super::*;
    use proptest::prelude::*;

    fn message(key: SkPrivate<'_>) -> Vec<u8> {
        let constraints = vec![Constraint::SkProvider(b"internal")];
        let add = AddIdentity { constrained: true, key: PrivateKey::Sk(key), comment: b"c", constraints };
        let mut message = Vec::new();
        Request::Add(add).encode(&mut message);
        message
    }

    fn key<'f>(kind: SkKind, certificate: Option<&'f [u8]>, handle: &'f [u8]) -> SkPrivate<'f> {
        let public = (kind == SkKind::Ed25519 || certificate.is_none()).then_some(&b"public"[..]);
        SkPrivate { kind, certificate, public, application: b"ssh:", flags: 1, handle, reserved: b"r" }
    }

    /// Cut anywhere it is refused, but where only its constraint is cut off as a whole.
    #[test]
    fn every_form_gives_itself_back_and_cut_short_nothing() {
        for kind in SkKind::ALL {
            for certificate in [None, Some(&b"a certificate"[..])] {
                let message = message(key(kind, certificate, b"handle"));
                let Ok(Request::Add(add)) = Request::decode(&message) else { panic!("{kind:?} is refused") };
                assert_eq!((add.key.key_type(), add.key.certificate()), (kind.key_type(), certificate));
                let mut again = Vec::new();
                Request::Add(add).encode(&mut again);
                assert_eq!(again, message);
                let constraint = 1 + 4 + super::super::SK_PROVIDER.len() + 4 + "internal".len();
                for end in (0..message.len()).filter(|end| *end != message.len() - constraint) {
                    assert!(Request::decode(&message[..end]).is_err(), "cut after {end} bytes");
                }
            }
        }
    }

    #[test]
    fn another_curve_is_refused() {
        let mut message = message(key(SkKind::EcdsaP256, None, b"handle"));
        let curve = message.windows(8).rposition(|window| window == b"nistp256").unwrap();
        message[curve + 5] = b'3';
        assert!(matches!(Request::decode(&message), Err(DecodeError::Invalid(_))));
    }

    proptest! {
        #[test]
        fn damaged_keys_decode_to_themselves_or_not_at_all(
            certified: bool, ecdsa: bool, handle: Vec<u8>, at: usize, byte: u8,
        ) {
            let kind = SkKind::ALL[usize::from(ecdsa)];
            let mut message = message(key(kind, certified.then_some(&b"certificate"[..]), &handle));
            let at = at % message.len();
            message[at] = byte;
            if let Ok(request) = Request::decode(&message) {
                let mut again = Vec::new();
                request.encode(&mut again);
                prop_assert_eq!(again, message);
            }
        }
    }
}
