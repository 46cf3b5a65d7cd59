//! What `-h` says: where a key may be used, and the constraint that binds it to that (OpenSSH's PROTOCOL.agent section 2).
//!
//! Guarantees: a key is bound to the keys of the hosts that were named, or not added at all.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::str::FromStr;

use super::KeyError;
use super::known_hosts::{self, Found};
use crate::error::Error;
use crate::message::put_string;

/// `HOST`, `USER@HOST` or `HOP>USER@HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The host that the key is forwarded to before; from here without one.
    pub from: Option<String>,
    /// A pattern of the accounts on the host; any without one.
    pub user: Option<String>,
    /// The host.
    pub host: String,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = match text.split_once('>') {
            Some((from, to)) => (Some(from), to),
            None => (None, text),
        };
        if from.is_some_and(|from| from.contains('@')) {
            return Err("a user can be named on the last host alone".to_owned());
        }
        let (user, host) = match to.split_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, to),
        };
        let bare = |host: &str| match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(bare) => bare.to_owned(),
            None => host.to_owned(),
        };
        let (from, host) = (from.map(bare), bare(host));
        if host.is_empty() || from.as_ref().is_some_and(String::is_empty) || user.is_some_and(str::is_empty) {
            return Err("expected HOST, USER@HOST or HOP>USER@HOST".to_owned());
        }
        Ok(Self { from, user: user.map(str::to_owned), host })
    }
}

/// What the constraint carries for these destinations, with the hosts' keys of these files; a file that is not there has
/// none.
///
/// # Errors
/// [`KeyError::NoHostKeys`] for a host that none of the files knows.
pub fn constraint(destinations: &[Destination], files: &[PathBuf]) -> Result<Vec<u8>, Error> {
    let mut known = Vec::new();
    for path in files {
        match std::fs::read(path) {
            Ok(bytes) => known.push(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(format!("read {}", path.display()), error)),
        }
    }
    let mut body = Vec::new();
    for destination in destinations {
        put_string(&mut body, &step(destination, &known)?);
    }
    Ok(body)
}

fn step(destination: &Destination, known: &[String]) -> Result<Vec<u8>, Error> {
    let from = match &destination.from {
        Some(host) => hop("", host, known)?,
        // No user, no name, nothing reserved.
        None => vec![0; 12],
    };
    let to = hop(destination.user.as_deref().unwrap_or_default(), &destination.host, known)?;
    let mut step = Vec::new();
    for part in [&from[..], &to, b""] {
        put_string(&mut step, part);
    }
    Ok(step)
}

fn hop(user: &str, host: &str, known: &[String]) -> Result<Vec<u8>, Error> {
    let keys: Vec<Found> = known.iter().flat_map(|file| known_hosts::look_up(file, host)).collect();
    if keys.is_empty() {
        return Err(KeyError::NoHostKeys { host: host.to_owned() }.into());
    }
    let mut hop = Vec::new();
    for part in [user.as_bytes(), host.as_bytes(), b""] {
        put_string(&mut hop, part);
    }
    for Found { key, authority } in keys {
        put_string(&mut hop, &key);
        hop.push(u8::from(authority));
    }
    Ok(hop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_written_as_for_ssh_add() {
        let parsed = |text: &str| text.parse::<Destination>().ok();
        let some = |from: Option<&str>, user: Option<&str>, host: &str| {
            let owned = |text: &str| text.to_owned();
            Some(Destination { from: from.map(owned), user: user.map(owned), host: owned(host) })
        };
        assert_eq!(parsed("host"), some(None, None, "host"));
        assert_eq!(parsed("me@host"), some(None, Some("me"), "host"));
        assert_eq!(parsed("hop>host"), some(Some("hop"), None, "host"));
        assert_eq!(parsed("hop>me@host"), some(Some("hop"), Some("me"), "host"));
        assert_eq!(parsed("[host]:22"), some(None, None, "[host]:22"));
        assert_eq!(parsed("[::1]"), some(None, None, "::1"));
        for wrong in ["", "me@", "@host", ">host", "hop>", "me@hop>host", "hop>@host"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
