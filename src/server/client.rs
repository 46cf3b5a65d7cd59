//! The peer of a connection, while its request is in work.
#![forbid(unsafe_code)]

use crate::platform::hangup;
use crate::platform::socket::{Accepted, Peer};

/// A peer.
pub(super) struct Client<'c> {
    /// Who it was when it connected.
    pub(super) peer: Peer,
    /// What its message takes of memory, about.
    #[cfg_attr(windows, allow(dead_code))] // what waits for tokens counts
    pub(super) weight: usize,
    stream: &'c Accepted,
}

impl<'c> Client<'c> {
    /// The one at the other end of `stream`, with a message of such a weight.
    pub(super) fn new(peer: Peer, stream: &'c Accepted, weight: usize) -> Self {
        Self { peer, weight, stream }
    }

    /// Returns when it has hung up, whatever it has sent before: nobody waits for the answer any more. One that closes
    /// its sending half alone counts as gone, too.
    pub(super) async fn gone(&self) {
        hangup::hung_up(self.stream).await;
    }
}
