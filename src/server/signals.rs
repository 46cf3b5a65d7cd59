//! What a signal means to an agent, which depends on how it was started.
#![forbid(unsafe_code)]

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Mode, Shared};

/// The signals that mean something to an agent.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Returns when the agent is to end.
    pub(super) async fn until_stop(&mut self, shared: &Shared) {
        loop {
            let name = tokio::select! {
                _ = self.term.recv() => "SIGTERM",
                _ = self.int.recv() => "SIGINT",
                () = shared.stop.notified() => "stop",
                _ = self.hup.recv() => {
                    if shared.config.mode != Mode::Terminal {
                        tracing::info!("SIGHUP ignored");
                        continue;
                    }
                    "SIGHUP"
                }
                _ = self.usr1.recv() => {
                    let keys = shared.agent().forget_all();
                    tracing::info!(keys, "all keys forgotten on SIGUSR1");
                    continue;
                }
            };
            tracing::info!("ending on {name}");
            return;
        }
    }
}
