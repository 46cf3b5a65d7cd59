//! One connection, and the SSH sessions that it was bound to (OpenSSH's PROTOCOL.agent section 1).
//!
//! Guarantees: a bind counts only where the host's key signed the session's identifier; a connection once
//! said to be forwarded, or whose bind could not be read, counts as forwarded for ever; a bind that failed is not
//! forgotten either.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Refusal, WallTime};
use crate::key::{self, HostKey};
use crate::message::Reader;

/// The extension's name.
pub(super) const SESSION_BIND: &str = "session-bind@openssh.com";

/// Most binds of a connection: as many hops as OpenSSH allows.
const MOST_BINDS: usize = 16;

/// Most bytes of host keys that a connection is bound to: sixteen certificates of the longest kind in use have 90 KiB.
/// Anybody can make long ones, and each connection keeps its own.
const MOST_KEY_BYTES: usize = 128 * 1024;

/// Of these a connection has so many for itself: a few hops to hosts with the usual keys.
const OWN_KEY_BYTES: usize = 4 * 1024;

/// Most bytes of host keys beyond those, of all connections together.
const MOST_SHARED_KEY_BYTES: usize = 16 * 1024 * 1024;

/// Longest session identifier, in bytes: OpenSSH's bound; a SHA-512 has 64.
const MOST_ID_LEN: usize = 128;

/// One hop that the connection was bound to.
pub(super) struct Bind {
    /// The host's key or certificate, which has signed `id`.
    pub(super) host_key: Box<[u8]>,
    /// What that is.
    pub(super) host: HostKey,
    /// The session's identifier.
    pub(super) id: Box<[u8]>,
    /// It leads on from that host; else a login to it is to follow.
    pub(super) forwarding: bool,
    /// What its key takes of the room for all.
    share: Option<Share>,
}

/// Room for the host keys of all connections, by what is taken of it.
#[derive(Clone, Default)]
pub(super) struct KeyRoom(Arc<AtomicUsize>);

/// Part of it, given back when dropped.
struct Share {
    room: KeyRoom,
    bytes: usize,
}

impl KeyRoom {
    fn share(&self, bytes: usize) -> Option<Share> {
        let taken = |taken: usize| Some(taken + bytes).filter(|taken| *taken <= MOST_SHARED_KEY_BYTES);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).ok()?;
        Some(Share { room: self.clone(), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A session-bind that was read: what it says, or why it cannot be believed.
pub struct Binding {
    forwarding: bool,
    bind: Result<Bind, &'static str>,
}

impl Binding {
    /// One that could not be read, for whatever reason: it counts as forwarding.
    pub const UNREADABLE: Self = Self { forwarding: true, bind: Err("the message cannot be read") };

    /// Reads the extension's body: host key, session identifier, signature, forwarding flag. Verifies up to two
    /// signatures, which takes milliseconds where the keys are large: for a thread that may take its time.
    pub fn read(body: &[u8]) -> Self {
        let mut reader = Reader::new(body);
        let mut next = || reader.string();
        let (Ok(host_key), Ok(id), Ok(signature)) = (next(), next(), next()) else {
            return Self::UNREADABLE;
        };
        let (Ok(forwarding), true) = (reader.u8(), reader.is_empty()) else {
            return Self::UNREADABLE;
        };
        let forwarding = forwarding != 0;
        let bind = if id.len() > MOST_ID_LEN {
            Err("the session identifier is too long")
        } else if !key::verify(host_key, id, signature) {
            Err("the host's signature does not verify")
        } else {
            let host = HostKey::read(host_key);
            Ok(Bind { host_key: host_key.into(), host, id: id.into(), forwarding, share: None })
        };
        Self { forwarding, bind }
    }
}

/// A host on the way of a connection, proven by its key's signature.
pub struct Hop<'s> {
    /// The host's key or certificate.
    pub host_key: &'s [u8],
    /// Requests come from there; else a login there is to follow.
    pub forwarding: bool,
}

/// A peer's connection. What it is called is for the log.
pub struct Session {
    name: String,
    time: Option<WallTime>,
    /// All but the last are forwarding.
    binds: Vec<Bind>,
    attempted: bool,
    failed: bool,
    forwarded: bool,
}

impl Session {
    /// An unbound connection. `name` says who it is: pid and program.
    pub fn new(name: String) -> Self {
        Self { name, time: None, binds: Vec::new(), attempted: false, failed: false, forwarded: false }
    }

    /// Tells when the request in hand is decided. Without it no host's certificate is believed.
    pub fn set_time(&mut self, now: WallTime) {
        self.time = Some(now);
    }

    /// True once any bind, also a failed one, said that the connection is forwarded or could not be read.
    pub fn is_forwarded(&self) -> bool {
        self.forwarded
    }

    /// True once a bind was tried: the connection is an SSH client's, so another host's, or of a program that
    /// behaves like one.
    pub fn is_remote(&self) -> bool {
        self.attempted
    }

    /// True once a bind has failed: where the connection leads is not known from then on.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The hops in their order, the last one the current session.
    pub(super) fn binds(&self) -> &[Bind] {
        &self.binds
    }

    pub(super) fn time(&self) -> Option<WallTime> {
        self.time
    }

    /// The hosts that the connection was bound to, the nearest first.
    pub fn hops(&self) -> impl Iterator<Item = Hop<'_>> {
        self.binds.iter().map(|bind| Hop { host_key: &bind.host_key, forwarding: bind.forwarding })
    }

    /// The same with room for this connection alone.
    #[cfg(test)]
    pub(super) fn bind(&mut self, binding: Binding) -> Result<(), Refusal> {
        self.bind_within(binding, &KeyRoom::default())
    }

    /// Takes what a session-bind says; its host's key is held where there is room for it.
    pub(super) fn bind_within(&mut self, binding: Binding, room: &KeyRoom) -> Result<(), Refusal> {
        self.attempted = true;
        self.forwarded |= binding.forwarding;
        let bound = binding.bind.map_err(Refusal::Bind).and_then(|bind| self.record(bind, room));
        self.failed |= bound.is_err();
        bound
    }

    fn record(&mut self, mut bind: Bind, room: &KeyRoom) -> Result<(), Refusal> {
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
        let held: usize = self.binds.iter().map(|known| known.host_key.len()).sum();
        if held + bind.host_key.len() > MOST_KEY_BYTES {
            return Err(Refusal::Bind("the hosts' keys are too long"));
        }
        if held + bind.host_key.len() > OWN_KEY_BYTES {
            let share = room.share(bind.host_key.len());
            bind.share = Some(share.ok_or(Refusal::Bind("too many long keys of hosts are held already"))?);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(number: u8, len: usize) -> Binding {
        let host_key: Box<[u8]> = vec![number; len].into();
        let host = HostKey::read(&host_key);
        Binding {
            forwarding: true,
            bind: Ok(Bind { host_key, host, id: [number].into(), forwarding: true, share: None }),
        }
    }

    /// Short keys are bound whatever others hold.
    #[test]
    fn long_keys_of_hosts_share_one_room() {
        let (room, largest) = (KeyRoom::default(), MOST_KEY_BYTES);
        let mut sessions: Vec<Session> = Vec::new();
        for _ in 0..MOST_SHARED_KEY_BYTES / largest {
            let mut session = Session::new(String::new());
            assert!(session.bind_within(binding(1, largest), &room).is_ok());
            assert!(session.bind_within(binding(2, 1), &room).is_err(), "it has its own bound, too");
            sessions.push(session);
        }
        let mut late = Session::new(String::new());
        assert!(late.bind_within(binding(1, OWN_KEY_BYTES), &room).is_ok());
        let refused = late.bind_within(binding(2, 1), &room);
        assert!(refused.is_err_and(|refusal| refusal.to_string().contains("held already")));
        assert!(late.has_failed() && late.is_forwarded());
        sessions.pop();
        let mut later = Session::new(String::new());
        assert!(later.bind_within(binding(1, largest), &room).is_ok());
    }
}
