//! The name of PuTTY's pipe.
//!
//! It has the user's name in it, and a word that the system has encrypted for the processes of one session, hashed: so
//! other users cannot tell it beforehand and take it. It is no secret; who serves it is known by its owner.
#![allow(unsafe_code)]

use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use windows_sys::Win32::Security::Authentication::Identity::{GetUserNameExW, NameUserPrincipal};
use windows_sys::Win32::Security::Cryptography::{CRYPTPROTECTMEMORY_CROSS_PROCESS, CryptProtectMemory};
use windows_sys::Win32::System::WindowsProgramming::GetUserNameW;

/// What is encrypted: with its final zero, and more of them up to the block size of that encryption, 16 bytes.
const WORD: [u8; 16] = *b"Pageant\0\0\0\0\0\0\0\0\0";
/// The longest name of a user that is asked for, in units of 16 bits.
const MOST_NAME: usize = 512;

/// The path of the pipe, for this user in this session. None where the system does not say who that is.
#[must_use]
pub fn path() -> Option<PathBuf> {
    Some(PathBuf::from(format!(r"\\.\pipe\pageant.{}.{}", user()?, hashed(protected(WORD)))))
}

/// The word, encrypted where the system does so: PuTTY goes on with it as it is where not, as with a system that has no
/// such function.
fn protected(mut word: [u8; 16]) -> [u8; 16] {
    // SAFETY: a buffer of 16 bytes, which is a whole block.
    let _ = unsafe { CryptProtectMemory(word.as_mut_ptr().cast(), 16, CRYPTPROTECTMEMORY_CROSS_PROCESS) };
    word
}

fn hashed(word: [u8; 16]) -> String {
    // As a string of the SSH protocol: its length comes first.
    let hashed = digest(&SHA256, &[&16_u32.to_be_bytes()[..], &word].concat());
    hashed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The user's name without a domain, as PuTTY has it.
fn user() -> Option<String> {
    let principal = principal().and_then(|name| Some(name.split_once('@')?.0.to_owned()));
    principal.or_else(plain).filter(|name| !name.is_empty())
}

/// That of the directory, such as `name@domain`.
fn principal() -> Option<String> {
    let (mut name, mut length) = ([0; MOST_NAME], u32::try_from(MOST_NAME).ok()?);
    // SAFETY: the buffer is as long as it says.
    let named = unsafe { GetUserNameExW(NameUserPrincipal, name.as_mut_ptr(), &raw mut length) };
    named.then(|| text(&name))
}

/// That of this machine.
fn plain() -> Option<String> {
    let (mut name, mut length) = ([0; MOST_NAME], u32::try_from(MOST_NAME).ok()?);
    // SAFETY: the buffer is as long as it says.
    let named = unsafe { GetUserNameW(name.as_mut_ptr(), &raw mut length) };
    (named != 0).then(|| text(&name))
}

fn text(name: &[u16]) -> String {
    String::from_utf16_lossy(name.split(|&unit| unit == 0).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_hashed_as_putty_does_it() {
        // printf '\0\0\0\20Pageant\0\0\0\0\0\0\0\0\0' | sha256sum
        assert_eq!(hashed(WORD), HASH_OF_THE_WORD);
    }

    const HASH_OF_THE_WORD: &str = "2e9e7389b30cd8240bf15518e9a228d6537dc38d64b2070a189ca2fe5452d492";

    #[test]
    fn the_pipe_has_the_users_name_and_a_hash() {
        let path = path().unwrap().to_str().unwrap().to_owned();
        let (user, hash) = path.strip_prefix(r"\\.\pipe\pageant.").unwrap().rsplit_once('.').unwrap();
        assert!(!user.is_empty() && !user.contains('@'), "{path}");
        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}");
    }
}
