//! The agent's two sockets, and their files.
//!
//! Guarantees: where one cannot be bound the other's file does not stay; what a service manager made stays.
#![forbid(unsafe_code)]

use super::Config;
use crate::error::Error;
use crate::platform::{self, BoundSocket};

/// The two sockets of an agent.
pub struct Sockets {
    /// For clients.
    pub agent: BoundSocket,
    /// For our own commands.
    pub control: BoundSocket,
}

impl Sockets {
    /// Binds both; the agent socket only where no service manager has done so, and last: where it is, the other is too.
    pub(super) fn bind(config: &Config, activated: Option<BoundSocket>) -> Result<Self, Error> {
        let Config { places, lock, .. } = config;
        let control = platform::listen(&places.control, lock)?;
        match activated.map_or_else(|| platform::listen(&places.socket, lock), Ok) {
            Ok(agent) => Ok(Self { agent, control }),
            Err(error) => {
                unlink(&control);
                Err(error)
            }
        }
    }
}

/// Removes the files of the sockets when dropped, however the server ends.
pub(super) struct Files<'a>(pub(super) &'a Sockets);

impl Drop for Files<'_> {
    fn drop(&mut self) {
        unlink(&self.0.agent);
        unlink(&self.0.control);
    }
}

fn unlink(socket: &BoundSocket) {
    if let Err(error) = socket.unlink() {
        tracing::warn!(socket = %socket.path.display(), "the socket stays: {error}");
    }
}
