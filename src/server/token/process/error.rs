//! Why a provider's process gave no answer.
#![forbid(unsafe_code)]

use std::io;
use std::time::Duration;

/// Why a provider's process gave no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::server::token) enum ProcessError {
    /// It could not be started.
    #[error("its process cannot be started: {0}")]
    Start(io::Error),
    /// It is not there any more.
    #[error("its process has ended; ssh-add -s starts a new one")]
    Ended,
    /// It was ended.
    #[error("it took longer than {} seconds and was ended; ssh-add -s starts a new one", .0.as_secs())]
    TimedOut(Duration),
    /// It said what is no answer, and was ended.
    #[error("it was ended, for its answer cannot be understood; ssh-add -s starts a new one")]
    Garbled,
}
