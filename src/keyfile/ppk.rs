//! PuTTY's key files, versions 2 and 3 (appendix C of its manual).
//!
//! Read here, since the ssh-key crate would need RustCrypto's `rsa` for that, and refuses one Ed25519 key in 512: it takes
//! the seed for a number with its greatest byte first, where zeros at the beginning are wrong. PuTTY's has its least byte
//! first, so that zeros may be missing at its end. AES is that crate's; Argon2 is RustCrypto's; hashes are AWS-LC's.
//! Guarantees: nothing of the private half is looked at before its MAC was right.
#![forbid(unsafe_code)]

mod lines;
mod opening;

use zeroize::Zeroizing;

use super::{Parts, Refusal};
use crate::key;
use crate::message::{CERTIFICATE, Curve, Reader, is_certificate, put_string};
use lines::Lines;

/// What such a file begins with.
pub(super) const MAGIC: &[u8] = b"PuTTY-User-Key-File-";

/// Bytes of an Ed25519 seed.
const SEED_LEN: usize = 32;

/// Reads a file.
pub(super) fn read(file: &[u8], passphrase: &[u8]) -> Result<Parts, Refusal> {
    let lines = Lines::read(file)?;
    let kind = lines.kind.strip_suffix(CERTIFICATE.as_bytes()).unwrap_or(lines.kind);
    // Before a passphrase is asked for.
    let known = matches!(kind, b"ssh-ed25519" | b"ssh-rsa")
        || Curve::ALL.iter().any(|curve| curve.key_type().as_bytes() == kind);
    if !known {
        return Err(Refusal::Type(crate::message::printable(kind)));
    }
    let private = opening::open(&lines, passphrase)?;
    let public = key::plain(&lines.public).ok_or(Refusal::Damaged("its public key cannot be read"))?;
    let fields = fields(kind, &public, &mut Reader::new(&private))?;
    let certificate = Reader::new(&lines.public).string().is_ok_and(is_certificate);
    Ok(Parts {
        fields,
        public: Some(public.to_vec()),
        certificate: certificate.then(|| lines.public.to_vec()),
        comment: lines.comment.to_vec(),
    })
}

/// The public key or certificate of a file.
pub(super) fn public(file: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(Lines::read(file)?.public.to_vec())
}

/// The fields of an add message: both halves, in OpenSSH's order. What fills the private half up is left.
fn fields(kind: &[u8], public: &[u8], private: &mut Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    // Nothing is moved while it grows: the private half is no longer than what was read, and a seed's public half.
    let room = 2 * public.len() + private.clone().rest().len() + 2 * SEED_LEN + 64;
    let mut fields = Zeroizing::new(Vec::with_capacity(room));
    let mut numbers = Reader::new(public);
    if numbers.string()? != kind {
        return Err(Refusal::Damaged("its public key is of another type"));
    }
    put_string(&mut fields, kind);
    match kind {
        b"ssh-rsa" => {
            let (e, n) = (numbers.string()?, numbers.string()?);
            let (d, p, q, iqmp) =
                (private.string()?, private.string()?, private.string()?, private.string()?);
            [n, e, d, iqmp, p, q].into_iter().for_each(|number| put_string(&mut fields, number));
        }
        b"ssh-ed25519" => {
            let (public, seed) = (numbers.string()?, private.string()?);
            let mut secret = Zeroizing::new([0; 2 * SEED_LEN]);
            let whole = secret.get_mut(..seed.len()).filter(|_| seed.len() <= SEED_LEN);
            whole.ok_or(Refusal::Damaged("its private key is too long"))?.copy_from_slice(seed);
            if public.len() != SEED_LEN {
                return Err(Refusal::Damaged("its public key has another length"));
            }
            secret[SEED_LEN..].copy_from_slice(public);
            put_string(&mut fields, public);
            put_string(&mut fields, &*secret);
        }
        _ => {
            let (curve, point) = (numbers.string()?, numbers.string()?);
            [curve, point, private.string()?].into_iter().for_each(|part| put_string(&mut fields, part));
        }
    }
    numbers.end()?;
    Ok(fields)
}
