//! What a fingerprint is made of.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ptr;

use aws_lc_sys as c;

use super::certificate::Certificate;
use crate::message::{Reader, is_certificate};

/// The plain public key of `blob`, which may be a certificate for it. None where that cannot be read.
pub fn plain(blob: &[u8]) -> Option<Cow<'_, [u8]>> {
    let kind = Reader::new(blob).string().ok()?;
    if !is_certificate(kind) {
        return Some(Cow::Borrowed(blob));
    }
    Some(Cow::Owned(Certificate::read(blob).ok()?.plain()))
}

/// MD5, for people who compare fingerprints as OpenSSH showed them until 2015; nothing depends on it.
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    // SAFETY: gives a description that stays for ever.
    let md5 = unsafe { c::EVP_get_digestbynid(c::NID_md5) };
    let (from, to) = (bytes.as_ptr().cast(), out.as_mut_ptr());
    // SAFETY: reads `len` bytes and writes 16, both of which are there; keeps no pointer.
    unsafe { c::EVP_Digest(from, bytes.len(), to, ptr::null_mut(), md5, ptr::null_mut()) };
    out
}
