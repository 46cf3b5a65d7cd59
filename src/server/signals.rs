//! What a signal means to an agent, which depends on how it was started.
//!
//! Guarantees: a signal that comes while nobody is there to act on it, at the start or in the middle of a handover, waits
//! and is acted on afterwards.
#![forbid(unsafe_code)]

use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};

use super::{Ending, Mode, Shared, restart, token};
use crate::platform::signals::{self, Waiting};

/// The signals that mean something to an agent.
pub(super) fn ours() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1].into_iter().collect()
}

/// Keeps the signals waiting until the server acts on them, in a program executed in this one's place too; no other is
/// kept. To be called in the main thread before there is any other, and before anything exists that they should remove.
pub fn hold() {
    signals::hold(&ours());
}

/// What acts on them.
pub(super) struct Signals(Waiting);

impl Signals {
    /// Begins to act on them, those that waited included.
    pub(super) fn catch() -> std::io::Result<Self> {
        Waiting::new(&ours()).map(Self)
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
            let reason = tokio::select! {
                () = &mut ended => "the end of its command",
                signal = self.0.next() => match signal {
                    Signal::SIGUSR1 => {
                        let keys = shared.agent().forget_all();
                        shared.questions.look_again();
                        token::sweep(shared);
                        tracing::info!(keys, "all keys forgotten on SIGUSR1");
                        continue;
                    }
                    Signal::SIGHUP if matches!(shared.config.mode, Mode::Daemon | Mode::Service) => {
                        tokio::spawn(restart_on_hangup(Arc::clone(shared)));
                        continue;
                    }
                    // As OpenSSH's: it is meant for the command that was started from the same terminal.
                    Signal::SIGINT if shared.config.mode == Mode::SshAgent => continue,
                    ending => {
                        tracing::info!("ending on {ending}");
                        return Ending::Stop(Some(ending));
                    }
                },
                () = shared.stop.notified() => "stop",
                candidate = shared.restart.candidate() => return Ending::Restart(candidate),
            };
            tracing::info!("ending on {reason}");
            return Ending::Stop(None);
        }
    }
}

/// Nobody waits for an answer: a failure is in the log and in `status`.
async fn restart_on_hangup(shared: Arc<Shared>) {
    tracing::info!("restarting on SIGHUP");
    match restart::prepare(&shared).await {
        Ok(candidate) => shared.restart.go(candidate),
        Err(reason) => tracing::warn!("no restart on SIGHUP: {reason}"),
    }
}
