//! The name of PuTTY's pipe.
//!
//! It has the user's name in it, and a word that the system has encrypted for the processes of one session, hashed: so
//! other users cannot tell it beforehand and take it. It is no secret; who serves it is known by its owner.
#![allow(unsafe_code)]

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use windows_sys::Win32::Security::Authentication::Identity::{GetUserNameExW, NameUserPrincipal};
use windows_sys::Win32::Security::Cryptography::{CRYPTPROTECTMEMORY_CROSS_PROCESS, CryptProtectMemory};
use windows_sys::Win32::System::WindowsProgramming::GetUserNameW;

/// What is encrypted: with its final zero, and more of them up to the block size of that encryption, 16 bytes.
const WORD: [u8; 16] = *b"Pageant\0\0\0\0\0\0\0\0\0";
/// The longest name of a user that is asked for, in units of 16 bits.
const MOST_NAME: usize = 512;

/// More than a domain in reach takes. One out of reach, as on a laptop away from its network, may take longer than
/// anybody waits for an agent.
const PATIENCE: Duration = Duration::from_secs(5);
/// Why there is no path.
const UNNAMED: &str = "the system does not say who you are";
const LATE: &str = "the system has not said who you are: the domain may be out of reach; later: myagent stop, and myagent start";

/// The path of the pipe, for this user in this session.
///
/// # Errors
/// Why there is none: the system does not say who the user is, or not in time.
pub fn path() -> Result<PathBuf, &'static str> {
    let user = in_time(PATIENCE, user).ok_or(LATE)?.ok_or(UNNAMED)?;
    Ok(PathBuf::from(format!(r"\\.\pipe\pageant.{user}.{}", hashed(protected(WORD)))))
}

/// What is answered in time, by a thread that is left to itself where it is not.
fn in_time<T: Send + 'static>(limit: Duration, ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (said, heard) = mpsc::channel();
    thread::Builder::new().spawn(move || drop(said.send(ask()))).ok()?;
    heard.recv_timeout(limit).ok()
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
    fn a_name_that_does_not_come_is_not_waited_for() {
        let (never, waits) = mpsc::channel::<()>();
        assert_eq!(in_time(Duration::ZERO, move || waits.recv()), None);
        drop(never);
        assert_eq!(in_time(Duration::MAX, || 1), Some(1));
    }

    #[test]
    fn the_pipe_has_the_users_name_and_a_hash() {
        let path = path().unwrap().to_str().unwrap().to_owned();
        let (user, hash) = path.strip_prefix(r"\\.\pipe\pageant.").unwrap().rsplit_once('.').unwrap();
        assert!(!user.is_empty() && !user.contains('@'), "{path}");
        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}");
    }
}
