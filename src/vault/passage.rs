//! The way of the wrapping key into the next program of the same process, or into the one that is tried first: in two
//! halves, of which neither says anything.
//!
//! Guarantees: one half passes behind a descriptor, in a page of `memfd_secret(2)` where the vault's own memory is of
//! that kind, else through a pipe, never in a file that has pages of its own; the other in the environment of the
//! program. Other processes can read neither; but where a process is just ending, some kernels (5.6 to 6.8) let others of
//! its user take its descriptors, when its memory is gone. So whoever ends a program on its way gets one half.
//! Must never: exist outside of a handover, or pass twice with the same half.
#![allow(unsafe_code)]

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use aws_lc_rs::rand;
use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat};
use zeroize::Zeroizing;

use super::WRAPPING_KEY_LEN;
use super::mapping::{map_shared, secret_file, unmap};
use super::region::KEY_PAGE;
use super::wipe::wipe;

type Half = Zeroizing<[u8; WRAPPING_KEY_LEN]>;

/// A wrapping key on its way.
pub struct Passage {
    /// What one half is behind.
    pub descriptor: OwnedFd,
    other: Half,
}

impl Passage {
    /// Splits `key`; one half in memory of `memfd_secret(2)` if that is to be.
    pub(super) fn new(key: &[u8], secret: bool) -> io::Result<Self> {
        let mut other = Half::default();
        rand::fill(&mut *other).map_err(io::Error::other)?;
        let mut half = Half::default();
        half.copy_from_slice(key);
        mix(&mut *half, &other);
        Ok(Self { descriptor: put(&*half, secret)?, other })
    }

    /// The half for the environment, as text.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * WRAPPING_KEY_LEN));
        for byte in self.other.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
            }
        }
        text
    }

    /// What has arrived: a descriptor and [`Passage::text`]. None where the text is no such.
    pub fn arrived(descriptor: OwnedFd, text: &str) -> Option<Self> {
        let mut other = Half::default();
        let digits = text.as_bytes();
        if digits.len() != 2 * other.len() || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in other.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            *byte = (digit(digits[0])? << 4) | digit(digits[1])?;
        }
        Some(Self { descriptor, other })
    }

    /// Fills `key` from both halves.
    pub(super) fn into_key(self, key: &mut [u8]) -> io::Result<()> {
        take(self.descriptor, key)?;
        mix(key, &self.other);
        Ok(())
    }
}

fn mix(key: &mut [u8], half: &Half) {
    key.iter_mut().zip(half.iter()).for_each(|(byte, other)| *byte ^= other);
}

/// Puts `half` where [`take`] finds it.
fn put(half: &[u8], secret: bool) -> io::Result<OwnedFd> {
    // The limit on locked memory may be used up to the last page.
    if let Some(file) = secret.then(|| secret_file(KEY_PAGE).ok()).flatten() {
        if with_page(&file, |page| page[..half.len()].copy_from_slice(half)).is_ok() {
            return Ok(file);
        }
    }
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // A pipe takes a page without a reader; the half is shorter.
    std::fs::File::from(writer).write_all(half)?;
    Ok(reader)
}

/// Fills `half` with what [`put`] was given, and wipes that.
fn take(passage: OwnedFd, half: &mut [u8]) -> io::Result<()> {
    let kind = SFlag::from_bits_truncate(fstat(&passage)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFIFO {
        return std::fs::File::from(passage).read_exact(half);
    }
    with_page(&passage, |page| {
        half.copy_from_slice(&page[..half.len()]);
        wipe(page);
    })
}

/// Shows the one page of a secret file to `look`.
fn with_page<T>(file: &OwnedFd, look: impl FnOnce(&mut [u8]) -> T) -> io::Result<T> {
    let base = map_shared(file, KEY_PAGE)?;
    // SAFETY: a page mapped just now and for this alone; the other end of the passage is done, or has not begun.
    let result = look(unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), KEY_PAGE) });
    unmap(base, KEY_PAGE, 0);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_half_is_the_key_and_both_are() {
        let key = [7; WRAPPING_KEY_LEN];
        for secret in [true, false] {
            let (passage, again) = (Passage::new(&key, secret).unwrap(), Passage::new(&key, secret).unwrap());
            assert_ne!(passage.text(), again.text());
            let text = passage.text();
            assert_ne!(*Passage::arrived(again.descriptor, &text).unwrap().other, key);
            let copy = passage.descriptor.try_clone().unwrap();
            let mut taken = [0; WRAPPING_KEY_LEN];
            Passage::arrived(passage.descriptor, &text).unwrap().into_key(&mut taken).unwrap();
            assert_eq!(taken, key);
            // What one half is behind was emptied.
            if secret {
                take(copy, &mut taken).unwrap();
                assert_eq!(taken, [0; WRAPPING_KEY_LEN]);
            }
        }
    }

    #[test]
    fn half_a_text_or_no_digits_are_none() {
        let descriptor = || std::fs::File::open("/dev/null").unwrap().into();
        let long = "0".repeat(2 * WRAPPING_KEY_LEN + 1);
        for text in ["", "00", &long, &"g".repeat(2 * WRAPPING_KEY_LEN), &"\u{e9}".repeat(WRAPPING_KEY_LEN)] {
            assert!(Passage::arrived(descriptor(), text).is_none());
        }
        assert!(Passage::arrived(descriptor(), &"0f".repeat(WRAPPING_KEY_LEN)).is_some());
    }
}
