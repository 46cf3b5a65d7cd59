//! The agent's own pipes. Nothing of them stays when it ends.
#![forbid(unsafe_code)]

use std::io;
use std::sync::{Mutex, PoisonError};

use super::Config;
use super::ways::Ways;
use crate::control::Way;
use crate::error::Error;
use crate::platform::socket::Incoming;
use crate::platform::{self, BoundSocket};

/// The pipes of an agent.
pub struct Sockets {
    /// For clients.
    pub agent: BoundSocket,
    /// For our own commands.
    pub control: Option<BoundSocket>,
    /// For the clients of others.
    ways: Mutex<Ways>,
}

impl Sockets {
    /// Clients that come in, by the agent's own pipe and by the other ways. Needs a runtime.
    pub(super) fn listen(&self, config: &Config) -> io::Result<Incoming> {
        let (incoming, arrivals) = Incoming::new();
        self.agent.listen(&arrivals)?;
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).listen(&config.places, &arrivals);
        Ok(incoming)
    }

    /// How the other ways are.
    pub(super) fn ways(&self) -> Vec<Way> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// Makes both; the agent's last: where it is, the other is too.
    pub(super) fn bind(config: &Config, bound: Option<BoundSocket>) -> Result<Self, Error> {
        let Config { places, lock, .. } = config;
        let (Some(path), Some(lock)) = (&places.control, lock) else {
            return Err(Error::io("listen without the instance lock", io::ErrorKind::NotFound));
        };
        let control = Some(platform::listen(path, lock)?);
        let agent = match bound {
            Some(bound) => bound,
            None => platform::listen(&places.socket, lock)?,
        };
        Ok(Self { agent, control, ways: Mutex::new(Ways::bind(places)) })
    }
}

/// Has nothing to remove, but says so when the end is near.
pub(super) struct Files<'a>(pub(super) &'a Sockets);

impl Drop for Files<'_> {
    fn drop(&mut self) {
        tracing::debug!(socket = %self.0.agent.path.display(), "no longer served");
    }
}
