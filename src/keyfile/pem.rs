//! PEM files: PKCS#1, SEC1 and PKCS#8, encrypted by PBES2, PKCS#12's ways or OpenSSL's old one.
//!
//! AWS-LC reads them, since RustCrypto's readers would put its `rsa` beside a private key. It derives with at most 100 million
//! rounds, which take about a minute, and has no scrypt.
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

use super::evp::{Evp, Failure, Kind};
use super::{Parts, Refusal, text};
use crate::message::{Curve, put_mpint, put_string};

/// A name, and the DER of the object identifier that a file has for it.
type Named = (&'static [u8], &'static str);

/// Types of keys that are of no use here.
const TYPES: [Named; 4] = [
    (&[0x06, 0x03, 0x2b, 0x65, 0x6e], "X25519"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x6f], "X448"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x71], "Ed448"),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a], "ECDSA with secp256k1"),
];

/// Ways from a passphrase to a key that AWS-LC does not go; those that OpenSSL and ssh-keygen go by themselves it does.
const DERIVATIONS: [Named; 3] = [
    (&[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b], "scrypt"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0a], "PBKDF2 by SHA-384"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b], "PBKDF2 by SHA-512"),
];

/// What is said of others.
const UNNAMED: &str = "other than RSA, ECDSA (P-256, P-384, P-521) and Ed25519";

/// Whether a line begins a private key.
pub(super) fn is_begin(line: &[u8]) -> bool {
    line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")
}

/// Reads a file.
pub(super) fn read(file: &[u8], passphrase: &[u8]) -> Result<Parts, Refusal> {
    let encrypted = text::lines(file)
        .any(|line| line == b"-----BEGIN ENCRYPTED PRIVATE KEY-----" || line == b"Proc-Type: 4,ENCRYPTED");
    if text::lines(file).any(|line| line == b"-----BEGIN DSA PRIVATE KEY-----") {
        return Err(Refusal::Type("ssh-dss".to_owned()));
    }
    if encrypted && passphrase.is_empty() {
        return Err(Refusal::Encrypted);
    }
    let key = Evp::from_pem(file, passphrase).map_err(|failure| match failure {
        Failure::Armour => Refusal::Damaged("its lines are cut off, or not base64"),
        Failure::Encryption => {
            Refusal::Encryption(named(file, &DERIVATIONS).unwrap_or("an unknown cipher").to_owned())
        }
        Failure::Type => unknown_type(file),
        Failure::Other if encrypted => Refusal::WrongPassphrase,
        Failure::Other => Refusal::Damaged("its key's fields are not those of its type"),
    })?;
    Ok(Parts { fields: fields(&key, file)?, certificate: None, public: None, comment: Vec::new() })
}

fn unknown_type(file: &[u8]) -> Refusal {
    Refusal::Type(named(file, &TYPES).unwrap_or(UNNAMED).to_owned())
}

/// What a file names that AWS-LC does not know. A type that is encrypted stays hidden.
fn named(file: &[u8], names: &[Named]) -> Option<&'static str> {
    let body = text::lines(file).skip_while(|line| !is_begin(line)).skip(1);
    let der = text::unarmoured(body.take_while(|line| !line.starts_with(b"-"))).ok()?;
    let has = |id: &[u8]| der.windows(id.len()).any(|window| window == id);
    names.iter().find(|(id, _)| has(id)).map(|(_, name)| *name)
}

/// The fields of an add message.
fn fields(key: &Evp, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let lost = || Refusal::Damaged("its key's fields are not those of its type");
    let mut fields = Zeroizing::new(Vec::new());
    match key.kind() {
        Kind::Rsa => {
            let numbers = key.rsa().ok_or_else(lost)?;
            fields.reserve_exact(16 + numbers.iter().map(|digits| 5 + digits.len()).sum::<usize>());
            put_string(&mut fields, b"ssh-rsa");
            numbers.iter().for_each(|digits| put_mpint(&mut fields, digits));
        }
        Kind::Ec(nid) => {
            let curve = Curve::ALL.into_iter().find(|curve| super::evp::nid(*curve) == nid);
            let curve = curve.ok_or_else(|| unknown_type(file))?;
            let (point, scalar) = key.ec().ok_or_else(lost)?;
            fields.reserve_exact(64 + point.len() + scalar.len());
            put_string(&mut fields, curve.key_type().as_bytes());
            put_string(&mut fields, curve.name().as_bytes());
            put_string(&mut fields, &point);
            put_mpint(&mut fields, &scalar);
        }
        Kind::Ed25519 => {
            let secret = key.ed25519().ok_or_else(lost)?;
            fields.reserve_exact(128 + secret.len());
            put_string(&mut fields, b"ssh-ed25519");
            put_string(&mut fields, &secret[secret.len() / 2..]);
            put_string(&mut fields, &*secret);
        }
        Kind::Dsa => return Err(Refusal::Type("ssh-dss".to_owned())),
        Kind::Other => return Err(unknown_type(file)),
    }
    Ok(fields)
}
