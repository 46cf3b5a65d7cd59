//! The keys that a client hands over (RFC 9987 section 3.2).
//!
//! The forms differ by type: a plain key brings its public half in fields, a certificate brings it inside
//! the certificate. Numbers stay as they stand on the wire; `key` reads them.
#![forbid(unsafe_code)]

use super::{
    Composite, CompositePublic, Constraint, DecodeError, Reader, SkKind, SkPrivate, number, printable,
    put_string,
};

/// The curves of RFC 5656 that OpenSSH uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The curve's name in a key, "nistp256".
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// The key type, "ecdsa-sha2-nistp256".
    pub fn key_type(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    /// Bytes of a coordinate, and of a padded scalar.
    pub fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The group's order (SEC 2), big-endian.
    pub fn order(self) -> &'static [u8] {
        match self {
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
            Self::P521 => &P521_ORDER,
        }
    }
}

#[rustfmt::skip]
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
#[rustfmt::skip]
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
#[rustfmt::skip]
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09,
    0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38,
    0x64, 0x09,
];

/// What makes a plain type's name a certificate's.
pub const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// True for a certificate's type.
pub fn is_certificate(key_type: &[u8]) -> bool {
    key_type.ends_with(CERTIFICATE.as_bytes()) || Composite::certified(key_type).is_some()
}

/// The public half of an ECDSA key.
pub enum EcdsaPublic<'f> {
    /// The point, uncompressed.
    Point(&'f [u8]),
    /// A certificate that holds it.
    Certificate(&'f [u8]),
}

/// The public half of an RSA key.
pub enum RsaPublic<'f> {
    /// Modulus and public exponent, as mpints.
    Numbers {
        /// Modulus.
        n: &'f [u8],
        /// Public exponent.
        e: &'f [u8],
    },
    /// A certificate that holds them.
    Certificate(&'f [u8]),
}

/// A private key as it came, not yet checked. It borrows secrets: not cloned, not formatted.
#[allow(missing_docs)] // the names of RFC 8017 and RFC 8032
pub enum PrivateKey<'f> {
    /// `secret` is the seed and the public half once more.
    Ed25519 { certificate: Option<&'f [u8]>, public: &'f [u8], secret: &'f [u8] },
    /// `scalar` is an mpint.
    Ecdsa { curve: Curve, public: EcdsaPublic<'f>, scalar: &'f [u8] },
    /// All mpints.
    Rsa { public: RsaPublic<'f>, d: &'f [u8], iqmp: &'f [u8], p: &'f [u8], q: &'f [u8] },
    /// `secret` is ML-DSA's seed and Ed25519's.
    Composite { kind: Composite, public: CompositePublic<'f>, secret: &'f [u8] },
    /// On a FIDO token.
    Sk(SkPrivate<'f>),
}

/// A request to hold a key.
pub struct AddIdentity<'f> {
    /// It came as the message that announces constraints. OpenSSH reads them on both.
    pub constrained: bool,
    /// The key.
    pub key: PrivateKey<'f>,
    /// Free text, of any encoding.
    pub comment: &'f [u8],
    /// In the order they came, each kind once.
    pub constraints: Vec<Constraint<'f>>,
}

impl<'f> AddIdentity<'f> {
    pub(super) fn decode(reader: &mut Reader<'f>, constrained: bool) -> Result<Self, DecodeError> {
        let key = PrivateKey::decode(reader)?;
        let comment = reader.string()?;
        let constraints = Constraint::decode_all(reader)?;
        Ok(Self { constrained, key, comment, constraints })
    }

    /// Appends the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(if self.constrained { number::ADD_ID_CONSTRAINED } else { number::ADD_IDENTITY });
        self.key.encode(out);
        put_string(out, self.comment);
        self.constraints.iter().for_each(|constraint| constraint.encode(out));
    }
}

impl<'f> PrivateKey<'f> {
    /// The plain type's name, without a certificate's ending.
    pub fn key_type(&self) -> &'static str {
        match self {
            Self::Ed25519 { .. } => "ssh-ed25519",
            Self::Ecdsa { curve, .. } => curve.key_type(),
            Self::Rsa { .. } => "ssh-rsa",
            Self::Composite { kind, .. } => kind.key_type(),
            Self::Sk(sk) => sk.kind.key_type(),
        }
    }

    /// The type that it came as, a certificate's where it is one.
    fn full_type(&self) -> String {
        match self {
            Self::Composite { kind, public: CompositePublic::Certificate(_), .. } => {
                kind.certificate_type().into()
            }
            Self::Sk(SkPrivate { kind, certificate: Some(_), .. }) => kind.certificate_type().into(),
            _ if self.certificate().is_some() => format!("{}{CERTIFICATE}", self.key_type()),
            _ => self.key_type().into(),
        }
    }

    /// The certificate that the key came with.
    pub fn certificate(&self) -> Option<&'f [u8]> {
        match self {
            Self::Ed25519 { certificate, .. } | Self::Sk(SkPrivate { certificate, .. }) => *certificate,
            Self::Ecdsa { public: EcdsaPublic::Certificate(blob), .. }
            | Self::Rsa { public: RsaPublic::Certificate(blob), .. }
            | Self::Composite { public: CompositePublic::Certificate(blob), .. } => Some(blob),
            _ => None,
        }
    }

    /// Reads a key as it stands in a message, and in OpenSSH's key files.
    ///
    /// # Errors
    /// [`DecodeError`], where it is none, or of an unknown type.
    pub fn decode(reader: &mut Reader<'f>) -> Result<Self, DecodeError> {
        let full = reader.string()?;
        // By their full names, before an ending is looked for: the experiment's certificates would pass for the
        // standard's.
        if let Some(kind) = Composite::certified(full) {
            let public = CompositePublic::Certificate(reader.string()?);
            return Ok(Self::Composite { kind, public, secret: reader.string()? });
        }
        if let Some(kind) = Composite::plain(full) {
            let public = CompositePublic::Halves(reader.string()?);
            return Ok(Self::Composite { kind, public, secret: reader.string()? });
        }
        let unknown = || DecodeError::UnknownKeyType(printable(full));
        let name = std::str::from_utf8(full).map_err(|_| unknown())?;
        if let Some((kind, certified)) = SkKind::of(name) {
            return Ok(Self::Sk(SkPrivate::decode(reader, kind, certified)?));
        }
        let plain = name.strip_suffix(CERTIFICATE);
        let certificate = if plain.is_some() { Some(reader.string()?) } else { None };
        match plain.unwrap_or(name) {
            "ssh-ed25519" => {
                Ok(Self::Ed25519 { certificate, public: reader.string()?, secret: reader.string()? })
            }
            "ssh-rsa" => Self::decode_rsa(reader, certificate),
            other => {
                let curve = Curve::ALL.into_iter().find(|c| c.key_type() == other).ok_or_else(unknown)?;
                Self::decode_ecdsa(reader, curve, certificate)
            }
        }
    }

    fn decode_rsa(reader: &mut Reader<'f>, certificate: Option<&'f [u8]>) -> Result<Self, DecodeError> {
        let public = match certificate {
            Some(blob) => RsaPublic::Certificate(blob),
            None => RsaPublic::Numbers { n: reader.string()?, e: reader.string()? },
        };
        let (d, iqmp) = (reader.string()?, reader.string()?);
        Ok(Self::Rsa { public, d, iqmp, p: reader.string()?, q: reader.string()? })
    }

    fn decode_ecdsa(
        reader: &mut Reader<'f>,
        curve: Curve,
        certificate: Option<&'f [u8]>,
    ) -> Result<Self, DecodeError> {
        let public = match certificate {
            Some(blob) => EcdsaPublic::Certificate(blob),
            None if reader.string()? == curve.name().as_bytes() => EcdsaPublic::Point(reader.string()?),
            None => return Err(DecodeError::Invalid("the key's curve is not its type's")),
        };
        Ok(Self::Ecdsa { curve, public, scalar: reader.string()? })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, self.full_type().as_bytes());
        if let Some(blob) = self.certificate() {
            put_string(out, blob);
        }
        match self {
            Self::Ed25519 { public, secret, .. } => put_all(out, &[public, secret]),
            Self::Ecdsa { curve, public, scalar } => {
                if let EcdsaPublic::Point(point) = public {
                    put_all(out, &[curve.name().as_bytes(), point]);
                }
                put_string(out, scalar);
            }
            Self::Rsa { public, d, iqmp, p, q } => {
                if let RsaPublic::Numbers { n, e } = public {
                    put_all(out, &[n, e]);
                }
                put_all(out, &[d, iqmp, p, q]);
            }
            Self::Composite { public, secret, .. } => {
                if let CompositePublic::Halves(halves) = public {
                    put_string(out, halves);
                }
                put_string(out, secret);
            }
            Self::Sk(sk) => sk.encode(out),
        }
    }
}

fn put_all(out: &mut Vec<u8>, strings: &[&[u8]]) {
    for string in strings {
        put_string(out, string);
    }
}
