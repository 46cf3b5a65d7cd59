//! One connection, and the SSH sessions that it was bound to (OpenSSH's PROTOCOL.agent section 1).
//!
//! Guarantees: a bind counts only where the host's key signed the session's identifier; a connection once
//! said to be forwarded, or whose bind could not be read, counts as forwarded for ever.
#![forbid(unsafe_code)]

use std::fmt;

use super::Refusal;
use crate::key;
use crate::message::Reader;

/// The extension's name.
pub(super) const SESSION_BIND: &str = "session-bind@openssh.com";

/// Most binds of a connection: as many hops as OpenSSH allows.
const MOST_BINDS: usize = 16;

/// Longest session identifier, in bytes: OpenSSH's bound; a SHA-512 has 64.
const MOST_ID_LEN: usize = 128;

/// One hop that the connection was bound to.
struct Bind {
    host_key: Box<[u8]>,
    id: Box<[u8]>,
    forwarding: bool,
}

/// A peer's connection. What it is called is for the log.
pub struct Session {
    name: String,
    binds: Vec<Bind>,
    forwarded: bool,
}

impl Session {
    /// An unbound connection. `name` says who it is: pid and program.
    pub fn new(name: String) -> Self {
        Self { name, binds: Vec::new(), forwarded: false }
    }

    /// True once any bind, also a failed one, said that the connection is forwarded or could not be read.
    pub fn is_forwarded(&self) -> bool {
        self.forwarded
    }

    /// Binds the connection to a session: host key, session identifier, signature, forwarding flag.
    pub(super) fn bind(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let mut reader = Reader::new(body);
        let mut next = || reader.string();
        let (Ok(host_key), Ok(id), Ok(signature)) = (next(), next(), next()) else {
            return self.unreadable();
        };
        let (Ok(forwarding), true) = (reader.u8(), reader.is_empty()) else {
            return self.unreadable();
        };
        let forwarding = forwarding != 0;
        self.forwarded |= forwarding;
        if id.len() > MOST_ID_LEN {
            return Err(Refusal::Bind("the session identifier is too long"));
        }
        if !key::verify(host_key, id, signature) {
            return Err(Refusal::Bind("the host's signature does not verify"));
        }
        self.record(Bind { host_key: host_key.into(), id: id.into(), forwarding })
    }

    fn unreadable(&mut self) -> Result<(), Refusal> {
        self.forwarded = true;
        Err(Refusal::Bind("the message cannot be read"))
    }

    fn record(&mut self, bind: Bind) -> Result<(), Refusal> {
        if self.binds.last().is_some_and(|last| !last.forwarding) {
            return Err(Refusal::Bind("the connection is bound to a session that is not forwarded"));
        }
        if let Some(known) = self.binds.iter().find(|known| known.id == bind.id) {
            // The same bind again says nothing new; another host cannot have the same session.
            return if known.host_key == bind.host_key {
                Ok(())
            } else {
                Err(Refusal::Bind("another host has this session"))
            };
        }
        if self.binds.len() == MOST_BINDS {
            return Err(Refusal::Bind("too many hops"));
        }
        self.binds.push(bind);
        Ok(())
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
