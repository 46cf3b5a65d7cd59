//! A private key on its way into the next program: what it is, and its record, sealed as it lies in memory.
#![forbid(unsafe_code)]

use super::{Algorithm, Held, Imported, Key, Sk, TokenKey};
use crate::message::{Composite, Curve, DecodeError, Reader, put_string, put_u32, put_u64};
use crate::vault::Record;

const ED25519: u8 = 1;
const ECDSA: u8 = 2;
const RSA: u8 = 3;
const SK: u8 = 4;
const COMPOSITE: u8 = 6;
const TOKEN: u8 = 5;

impl Key {
    /// Appends the key: an algorithm, and the two parts of its record. No secret is in the clear.
    pub fn save(&self, out: &mut Vec<u8>) {
        let record = match &self.held {
            Held::Sealed { record, .. } => record,
            Held::Sk(sk) => {
                out.push(SK);
                return sk.save(out);
            }
            Held::Token(token) => {
                out.push(TOKEN);
                return token.save(out);
            }
        };
        match self.algorithm {
            Algorithm::Ed25519 => out.push(ED25519),
            Algorithm::Ecdsa(curve) => {
                out.push(ECDSA);
                put_string(out, curve.name().as_bytes());
            }
            Algorithm::Rsa { bits } => {
                out.push(RSA);
                put_u32(out, u32::try_from(bits).unwrap_or(u32::MAX));
            }
            Algorithm::MlDsa44Ed25519(kind) => {
                out.push(COMPOSITE);
                put_string(out, kind.key_type().as_bytes());
            }
            // Those are never sealed here.
            Algorithm::SkEd25519 | Algorithm::SkEcdsa => {}
        }
        let (nonce, sealed) = record.parts();
        put_string(out, nonce);
        put_string(out, sealed);
    }

    /// About how many bytes of memory it takes: as many as on its way; and an RSA key what may stay of it between
    /// signatures, two dozen numbers of its length.
    pub fn weight(&self) -> usize {
        let kept = if let Algorithm::Rsa { bits } = self.algorithm { bits / 8 * 24 } else { 0 };
        match &self.held {
            Held::Sealed { record, .. } => record.parts().1.len() + kept,
            Held::Sk(_) | Held::Token(_) => {
                let mut saved = Vec::new();
                self.save(&mut saved);
                saved.len()
            }
        }
    }

    /// Reads what [`Key::save`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`], where it was not.
    pub fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let algorithm = match reader.u8()? {
            ED25519 => Algorithm::Ed25519,
            ECDSA => {
                let name = reader.text()?;
                let curve = Curve::ALL.into_iter().find(|curve| curve.name() == name);
                Algorithm::Ecdsa(curve.ok_or(DecodeError::Invalid("unknown curve"))?)
            }
            TOKEN => return TokenKey::load(reader),
            RSA => Algorithm::Rsa { bits: usize::try_from(reader.u32()?).unwrap_or(usize::MAX) },
            COMPOSITE => {
                let kind = Composite::plain(reader.string()?);
                Algorithm::MlDsa44Ed25519(kind.ok_or(DecodeError::Invalid("unknown composite"))?)
            }
            SK => return Ok(Self::on_token(Sk::load(reader)?)),
            _ => return Err(DecodeError::Invalid("unknown kind of key")),
        };
        let (nonce, sealed) = (reader.string()?, reader.string()?);
        let record =
            Record::from_parts(nonce, sealed).ok_or(DecodeError::Invalid("a record is too short"))?;
        Ok(Self::new(algorithm, record))
    }

    /// Whether the record opens in `vault`, which it does where nothing was changed on its way.
    pub fn opens(&self, vault: &crate::vault::Vault) -> bool {
        match &self.held {
            Held::Sealed { record, .. } => vault.open(record, |_| ()).is_ok(),
            Held::Sk(sk) => sk.opens(vault),
            Held::Token(_) => true,
        }
    }
}

impl TokenKey {
    fn save(&self, out: &mut Vec<u8>) {
        put_string(out, &self.provider);
        put_u64(out, self.process);
        put_string(out, &self.public);
    }

    fn load(reader: &mut Reader<'_>) -> Result<Key, DecodeError> {
        let (provider, process, public) = (reader.string()?.into(), reader.u64()?, reader.string()?.into());
        let read = Imported::on_token(Self { provider, process, public }, None);
        read.map(|imported| imported.key).map_err(|_| DecodeError::Invalid("a token's key is none"))
    }
}
