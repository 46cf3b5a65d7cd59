//! What a signal means to an agent, which depends on how it was started.
//!
//! Guarantees: a signal that comes while nobody is there to act on it, at the start or in the middle of a handover, waits
//! and is acted on afterwards.
#![forbid(unsafe_code)]

use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal as Name};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Ending, Mode, Shared, restart};

/// The signals that mean something to an agent.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

fn ours() -> SigSet {
    [Name::SIGTERM, Name::SIGINT, Name::SIGHUP, Name::SIGUSR1].into_iter().collect()
}

/// Keeps the signals waiting: in this thread and those that it starts, and in a program executed in its place. To be
/// called in the main thread before there is any other: a signal goes to whichever thread takes it.
pub fn hold() {
    // Fails for no set of existing signals.
    let _ = ours().thread_block();
}

impl Signals {
    /// Begins to act on them, those that waited included.
    pub(super) fn catch() -> std::io::Result<Self> {
        let signals = Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        };
        // Only now: one that came between the handler and its receiver would be lost.
        let _ = ours().thread_unblock();
        Ok(signals)
    }

    /// Returns when the agent is to end, or to go on as another program.
    pub(super) async fn until_ending(&mut self, shared: &Arc<Shared>) -> Ending {
        let ended = async {
            match &shared.config.ends_with {
                Some(life) => life.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(ended);
        loop {
            let name = tokio::select! {
                () = &mut ended => "the end of its command",
                _ = self.term.recv() => "SIGTERM",
                _ = self.int.recv() => "SIGINT",
                () = shared.stop.notified() => "stop",
                candidate = shared.restart.candidate() => return Ending::Restart(candidate),
                _ = self.hup.recv() => {
                    if shared.config.mode != Mode::Terminal {
                        tokio::spawn(restart_on_hangup(Arc::clone(shared)));
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
            return Ending::Stop;
        }
    }
}

/// Nobody waits for an answer: a failure is in the log and in `status`.
async fn restart_on_hangup(shared: Arc<Shared>) {
    tracing::info!("restarting on SIGHUP");
    if let Ok(candidate) = restart::prepare(&shared).await {
        shared.restart.go(candidate);
    }
}
