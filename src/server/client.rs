//! The peer of a connection, while its request is in work.
#![forbid(unsafe_code)]

use crate::platform::socket::Peer;

/// A peer.
pub(super) struct Client {
    /// Who it was when it connected.
    #[allow(dead_code)] // until questions say who asks
    pub(super) peer: Peer,
}
