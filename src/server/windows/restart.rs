//! No agent on Windows goes on as another program: its keys end with it.
//!
//! Guarantees that whoever asks for that learns that nothing has changed.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::Notify;

use super::Shared;
use crate::platform::socket::Accepted;

/// A program that goes on: there is none.
pub(super) type Candidate = Infallible;

/// What is known of restarts: that there are none.
#[derive(Default)]
pub(super) struct Restart {
    /// A connection has ended.
    pub(super) closed: Notify,
}

/// A connection's view of it.
pub(super) struct Closing;

impl Closing {
    /// Connections end with their clients alone.
    pub(super) async fn wait(&mut self) {
        pending::<()>().await;
    }

    /// What has arrived at the connection.
    pub(super) fn arrived(&self) -> Arrived {
        Arrived
    }

    /// The connection has said something.
    pub(super) fn heard(&mut self) {}
}

/// What has arrived at a connection and is not read yet.
pub(super) struct Arrived;

impl Arrived {
    /// At once: whoever reads looks first, and a pipe that is being read cannot be asked.
    #[allow(clippy::unused_async)] // as on Unix
    pub(super) async fn read(&self) {}
}

impl Restart {
    /// Never.
    pub(super) fn closing(&self, _: &Accepted) -> Closing {
        Closing
    }

    /// Never.
    pub(super) async fn has_begun(&self) {
        pending::<()>().await;
    }

    /// None.
    pub(super) fn failure(&self) -> Option<String> {
        None
    }

    /// There is none.
    pub(super) fn go(&self, candidate: Candidate) {
        match candidate {}
    }
}

/// Says that it cannot be.
///
/// # Errors
/// The user's sentence, always.
#[allow(clippy::unused_async)] // as on Unix
pub(super) async fn prepare(_: &Arc<Shared>) -> Result<Candidate, String> {
    Err("on Windows no other program can take its keys over".to_owned())
}

/// There is none.
pub(super) fn execute(_: &Shared, candidate: &Candidate) {
    match *candidate {}
}

/// Never asked for.
pub(super) async fn drain(_: &Shared) {
    pending::<()>().await;
}
