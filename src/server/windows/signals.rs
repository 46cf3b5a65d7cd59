//! What ends an agent on Windows.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Ending, Shared};
use crate::platform::signals::Waiting;

/// Nothing is lost of what comes before anybody acts on it: a pipe leaves nothing behind.
pub fn hold() {}

/// What acts on it.
pub(super) struct Signals(Waiting);

impl Signals {
    /// Begins to act on it.
    pub(super) fn catch() -> std::io::Result<Self> {
        Waiting::new().map(Self)
    }

    /// Returns when the agent is to end.
    pub(super) async fn until_ending(&mut self, shared: &Arc<Shared>) -> Ending {
        let ended = async {
            match &shared.config.ends_with {
                Some(life) => life.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ended => {
                tracing::info!("ending on the end of its command");
                Ending::Stop(None)
            }
            signal = self.0.next() => {
                tracing::info!("ending on {signal}");
                Ending::Stop(Some(signal))
            }
            () = shared.stop.notified() => {
                tracing::info!("ending on stop");
                Ending::Stop(None)
            }
        }
    }
}
