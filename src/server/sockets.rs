//! The agent's sockets, and their files.
//!
//! Guarantees: where one cannot be bound the other's file does not stay; what a service manager made stays; an agent
//! without the instance lock has no control socket.
#![forbid(unsafe_code)]

use super::Config;
use crate::control::Way;
use crate::error::Error;
use crate::platform::socket::Incoming;
use crate::platform::{self, BoundSocket};
use std::io;
use std::os::fd::AsFd;

/// Descriptors that an agent has open in the end beside its sockets and what it was born with, and some for clients: with
/// one too few it would start, and never accept anybody.
const NEEDED: usize = 14;

/// The sockets of an agent.
pub struct Sockets {
    /// For clients.
    pub agent: BoundSocket,
    /// For our own commands, where the agent can be restarted.
    pub control: Option<BoundSocket>,
}

impl Sockets {
    /// Clients that come in at the agent socket. Needs a runtime.
    pub(super) fn listen(&self, _: &Config) -> io::Result<Incoming> {
        self.agent.to_tokio()
    }

    /// Whether there are other ways for clients: none.
    pub(super) fn ways(&self) -> Vec<Way> {
        Vec::new()
    }

    /// Binds both; the agent socket only where that is not done yet, and last: where it is, the other is too.
    pub(super) fn bind(config: &Config, bound: Option<BoundSocket>) -> Result<Self, Error> {
        let Config { places, lock, .. } = config;
        let (Some(path), Some(lock)) = (&places.control, lock) else {
            let missing = || Error::io("listen without the instance lock", io::ErrorKind::NotFound);
            let agent = bound.ok_or_else(missing)?;
            return room_beside(&agent).map(|()| Self { agent, control: None });
        };
        let control = platform::listen(path, lock)?;
        let listening = || platform::listen(&places.socket, lock);
        match room_beside(&control).and_then(|()| bound.map_or_else(listening, Ok)) {
            Ok(agent) => Ok(Self { agent, control: Some(control) }),
            Err(error) => {
                unlink(&control);
                Err(error)
            }
        }
    }
}

/// Whether there may be as many descriptors as an agent needs.
fn room_beside(socket: &BoundSocket) -> Result<(), Error> {
    let tried: io::Result<Vec<_>> = (0..NEEDED).map(|_| socket.as_fd().try_clone_to_owned()).collect();
    tried.map(drop).map_err(|error| Error::io("open as many files as an agent needs (see ulimit -n)", error))
}

/// Removes the files of the sockets when dropped, however the server ends.
pub(super) struct Files<'a>(pub(super) &'a Sockets);

impl Drop for Files<'_> {
    fn drop(&mut self) {
        unlink(&self.0.agent);
        self.0.control.iter().for_each(unlink);
    }
}

fn unlink(socket: &BoundSocket) {
    if let Err(error) = socket.unlink() {
        tracing::warn!(socket = %socket.path.display(), "the socket stays: {error}");
    }
}
