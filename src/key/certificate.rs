//! Certificates (OpenSSH's PROTOCOL.certkeys): read for the public half, kept as the bytes that came.
//!
//! Texts in a certificate may be of any encoding, and authorities of any kind: what this agent does not need
//! is passed over by its length.
#![forbid(unsafe_code)]

use crate::message::{
    CERTIFICATE, Composite, Curve, DecodeError, Reader, SkKind, is_certificate, put_string,
};

/// A certificate, taken apart. It borrows from the bytes that came.
pub struct Certificate<'f> {
    /// The plain type of the certified key.
    pub key_type: &'f str,
    /// The fields of the certified key's public half, as the plain key has them after its type.
    pub public: Vec<&'f [u8]>,
    /// What the authority says of the key.
    pub statement: Statement<'f>,
    /// What the authority signed: all but the signature.
    pub signed: &'f [u8],
    /// Its signature, not verified here.
    pub signature: &'f [u8],
}

impl<'f> Certificate<'f> {
    /// Reads exactly `blob`.
    ///
    /// # Errors
    /// [`DecodeError`], where it is none, or of a kind that is not known.
    pub fn read(blob: &'f [u8]) -> Result<Self, DecodeError> {
        const NO_TYPE: DecodeError = DecodeError::Invalid("the certificate is of no known type");
        let mut reader = Reader::new(blob);
        let full = std::str::from_utf8(reader.string()?).map_err(|_| NO_TYPE)?;
        let composite = Composite::certified(full.as_bytes()).map(Composite::key_type);
        let token = SkKind::of(full).filter(|(_, certified)| *certified).map(|(kind, _)| kind.key_type());
        let key_type = composite.or(token).or_else(|| full.strip_suffix(CERTIFICATE)).ok_or(NO_TYPE)?;
        let fields = match key_type {
            _ if composite.is_some() => 1,
            "ssh-ed25519" => 1,
            "ssh-rsa" | "sk-ssh-ed25519@openssh.com" => 2,
            "sk-ecdsa-sha2-nistp256@openssh.com" => 3,
            _ if Curve::ALL.iter().any(|curve| curve.key_type() == key_type) => 2,
            _ => return Err(NO_TYPE),
        };
        let _nonce = reader.string()?;
        let public = (0..fields).map(|_| reader.string()).collect::<Result<_, _>>()?;
        let statement = Statement::read(&mut reader)?;
        let signature = reader.string()?;
        reader.end()?;
        let signed = &blob[..blob.len() - signature.len() - 4];
        Ok(Self { key_type, public, statement, signed, signature })
    }

    /// The certified key as a plain public key.
    pub fn plain(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, self.key_type.as_bytes());
        self.public.iter().for_each(|field| put_string(&mut blob, field));
        blob
    }
}

/// What an authority says of a key.
pub struct Statement<'f> {
    /// For hosts, else for users.
    pub for_host: bool,
    /// The names that it speaks of: a list of strings.
    pub principals: &'f [u8],
    /// First second since 1970 of its time.
    pub valid_after: u64,
    /// First second after its time.
    pub valid_before: u64,
    /// Options that must be understood: a list of pairs.
    pub critical: &'f [u8],
    /// The authority's public key.
    pub authority: &'f [u8],
}

impl<'f> Statement<'f> {
    fn read(reader: &mut Reader<'f>) -> Result<Self, DecodeError> {
        let _serial = reader.bytes(8)?;
        let for_host = match reader.u32()? {
            1 => false,
            2 => true,
            _ => return Err(DecodeError::Invalid("the certificate is for neither users nor hosts")),
        };
        let (_key_id, principals) = (reader.string()?, reader.string()?);
        read_strings(principals, 1)?;
        let (valid_after, valid_before) = (reader.u64()?, reader.u64()?);
        let (critical, extensions, _reserved) = (reader.string()?, reader.string()?, reader.string()?);
        read_strings(critical, 2)?;
        read_strings(extensions, 2)?;
        let authority = reader.string()?;
        if is_certificate(Reader::new(authority).string()?) {
            return Err(DecodeError::Invalid("the certificate's authority is itself certified"));
        }
        Ok(Self { for_host, principals, valid_after, valid_before, critical, authority })
    }
}

/// A list whose entries are so many strings each.
fn read_strings(list: &[u8], each: usize) -> Result<(), DecodeError> {
    let mut reader = Reader::new(list);
    while !reader.is_empty() {
        (0..each).try_for_each(|_| reader.string().map(drop))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::verify::{may_be_signed, verify};
    use crate::message::put_u32;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    fn string(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_string(&mut out, bytes);
        out
    }

    fn pair(seed: u8) -> (Ed25519KeyPair, Vec<u8>) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let blob = [string(b"ssh-ed25519"), string(pair.public_key().as_ref())].concat();
        (pair, blob)
    }

    /// A certificate for key 1 by authority 2, with these texts in it.
    fn certificate(key_id: &[u8], principals: &[u8], kind: u32) -> Vec<u8> {
        certificate_by(&pair(2).1, key_id, principals, kind)
    }

    /// The same, with this as the authority's key.
    fn certificate_by(authority_blob: &[u8], key_id: &[u8], principals: &[u8], kind: u32) -> Vec<u8> {
        let ((key, _), (authority, _)) = (pair(1), pair(2));
        let mut blob = [string(b"ssh-ed25519-cert-v01@openssh.com"), string(b"nonce")].concat();
        blob.extend(string(key.public_key().as_ref()));
        blob.extend([0; 8]);
        put_u32(&mut blob, kind);
        blob.extend(
            [string(key_id), string(principals), vec![0; 16], string(b""), string(b""), string(b"")].concat(),
        );
        blob.extend(string(authority_blob));
        let signature = authority.sign(&blob);
        blob.extend(string(&[string(b"ssh-ed25519"), string(signature.as_ref())].concat()));
        blob
    }

    #[test]
    fn texts_of_any_encoding_are_passed_over() {
        let blob = certificate(b"\xff\xfe", &string(b"\xc3\x28"), 1);
        let read = Certificate::read(&blob).unwrap();
        assert_eq!(
            (read.key_type, read.plain(), read.statement.authority),
            ("ssh-ed25519", pair(1).1, &pair(2).1[..])
        );
        assert!(may_be_signed(&read));
    }

    #[test]
    fn a_wrong_authority_is_seen() {
        let mut blob = certificate(b"id", b"", 2);
        let message = string(b"ssh-ed25519");
        let signature = [message.clone(), string(pair(1).0.sign(b"data").as_ref())].concat();
        assert!(verify(&blob, b"data", &signature));
        *blob.last_mut().unwrap() ^= 1;
        assert!(!may_be_signed(&Certificate::read(&blob).unwrap()));
        assert!(!verify(&blob, b"data", &signature));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let good = certificate(b"id", &string(b"me"), 1);
        assert!(Certificate::read(&good).is_ok());
        for bad in [&good[..good.len() - 1], &[&good[..], &[0]].concat(), &pair(1).1] {
            assert!(Certificate::read(bad).is_err());
        }
        assert!(Certificate::read(&certificate(b"id", b"cut", 1)).is_err());
        assert!(Certificate::read(&certificate(b"id", b"", 3)).is_err());
        // An authority that is itself certified would make a chain.
        assert!(Certificate::read(&certificate_by(&good, b"id", b"", 1)).is_err());
        assert!(Certificate::read(&certificate_by(b"", b"id", b"", 1)).is_err());
    }
}
