//! The public half of a key file, which needs no passphrase where the file names it.
#![forbid(unsafe_code)]

use super::{Form, Refusal, openssh, ppk, text};
use crate::key;

/// The public key or certificate that a file names: a line as in `.pub` files, OpenSSH's private keys, or PuTTY's.
///
/// # Errors
/// [`Refusal::Encrypted`] where the form may hold it behind the passphrase alone.
pub fn public(file: &[u8]) -> Result<Vec<u8>, Refusal> {
    if let Some(blob) = text::lines(file).find_map(line) {
        return Ok(blob);
    }
    match Form::of_private(file)? {
        Form::OpenSsh => openssh::public(file),
        Form::Putty => ppk::public(file),
        Form::Pem => Err(Refusal::Encrypted),
    }
}

/// The key of a line `TYPE BASE64 COMMENT`.
fn line(line: &[u8]) -> Option<Vec<u8>> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (kind, armoured) = (words.next()?, words.next()?);
    let blob = text::unarmoured([armoured].into_iter()).ok()?;
    let named = crate::message::Reader::new(&blob).string().is_ok_and(|name| name == kind);
    (named && key::is_public_key(&blob)).then(|| blob.to_vec())
}
