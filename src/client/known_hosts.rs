//! Hosts' keys in files as sshd(8) describes them (SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! Read here, since the ssh-key crate's reader wants one blank between the words, and a key of a type that it knows.
#![forbid(unsafe_code)]

use aws_lc_rs::hmac;
use ssh_key::encoding::base64::{Base64, Encoding};

use crate::agent::list_matches;
use crate::key;
use crate::message::Reader;

/// A key that a file gives for a host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) key: Vec<u8>,
    /// It is the key of an authority, which signs the host's.
    pub(super) authority: bool,
}

/// The keys for a host, in the order of the file. Lines that cannot be read are passed over, and revoked keys.
pub(super) fn look_up(file: &str, host: &str) -> Vec<Found> {
    file.lines().filter_map(|line| found(line, host)).collect()
}

fn found(line: &str, host: &str) -> Option<Found> {
    let blank = |c: char| c == ' ' || c == '\t';
    let mut words = line.trim_end().split(blank).filter(|word| !word.is_empty());
    let first = words.next()?;
    let (authority, names) = match first {
        "@cert-authority" => (true, words.next()?),
        // `@revoked`, and what is not known.
        _ if first.starts_with(['@', '#']) => return None,
        names => (false, names),
    };
    if !is_of(names, host) {
        return None;
    }
    let kind = words.next()?;
    let key = Base64::decode_vec(words.next()?).ok()?;
    let named = Reader::new(&key).string().is_ok_and(|name| name == kind.as_bytes());
    (named && key::is_public_key(&key)).then_some(Found { key, authority })
}

/// Whether names in a line, which may be one that is hashed, are the host's.
fn is_of(names: &str, host: &str) -> bool {
    let Some(hashed) = names.strip_prefix('|') else {
        return list_matches(&names.to_ascii_lowercase(), host.as_bytes());
    };
    let hashed = hashed.strip_prefix("1|").and_then(|rest| rest.split_once('|'));
    let Some((salt, hash)) = hashed else { return false };
    let (Ok(salt), Ok(hash)) = (Base64::decode_vec(salt), Base64::decode_vec(hash)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, host.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    /// What `ssh-keygen -H` makes of `server`.
    const HASHED: &str = "|1|KDuk+dOzenOf1thCqK2THVetvyo=|Rs/EwRprUdqzp5EXEehU0QXL8ao=";

    #[test]
    fn a_host_is_found_under_each_of_its_names() {
        for (names, host, expected) in [
            ("server", "server", true),
            ("Server,10.0.0.1", "server", true),
            ("*.example.org,!bad.example.org", "good.example.org", true),
            ("*.example.org,!bad.example.org", "bad.example.org", false),
            ("[server]:2222", "[server]:2222", true),
            ("[server]:2222", "server", false),
            ("serve?", "server", true),
            ("#server", "server", false),
            ("|1|x", "server", false),
            ("|2|AAAA|AAAA", "server", false),
        ] {
            assert_eq!(
                look_up(&format!("{names} {KEY}\n"), host).len(),
                usize::from(expected),
                "{names} {host}"
            );
        }
    }

    #[test]
    fn lines_are_read_as_openssh_reads_them() {
        let file = format!(
            "# a comment\n\n \tserver\t{KEY} and\tmore\r\n@cert-authority server {KEY}\n@revoked server {KEY}\n\
             @unknown server {KEY}\nserver ssh-rsa AAAA\nserver\nserver ssh-ed25519\nserver ssh-ed25519 !!!!\n"
        );
        let found = look_up(&file, "server");
        assert_eq!(found.iter().map(|found| found.authority).collect::<Vec<_>>(), [false, true]);
        assert!(found.iter().all(|found| found.key.len() == 51));
    }

    #[test]
    fn a_hashed_name_is_the_hosts_or_another() {
        assert!(is_of(HASHED, "server") && !is_of(HASHED, "servers"));
    }
}
