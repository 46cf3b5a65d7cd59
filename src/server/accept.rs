//! Accepting connections: who may come in, and how many.
//!
//! Guarantees: a peer of another user gets no byte; where descriptors run short accepting pauses, and goes
//! on when there are some again.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::Semaphore;

use super::{Client, Shared, answer, control};
use crate::agent::Session;
use crate::frame;
use crate::platform::socket::{self, Peer};

/// Descriptors kept for everything that is no client: two dozen for sockets, timers, the log and what is being started;
/// the control socket's clients, each with a look at the user's systemd (4); the questions that may be open (4 each);
/// helpers for tokens, and what tells of them (9), and tokens' processes. Else who is asked could not answer.
const RESERVE: u64 = 128;

/// Fewest clients that are served at once, however small the limit on descriptors.
const FEWEST: u64 = 8;

/// Control connections at once: `stop` and `status` are short.
const MOST_CONTROL: usize = 8;

/// How long to wait after the system refused a connection, for lack of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the agent socket for ever.
pub(super) async fn clients(shared: Arc<Shared>, listener: Listener) {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    let most = usize::try_from(soft.saturating_sub(RESERVE).max(FEWEST)).unwrap_or(usize::MAX);
    let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = next(&listener).await;
        // From here on, not from the task's first turn: a handover waits for every connection that was accepted.
        let connection = Connection::new(&shared, true);
        tokio::spawn(async move {
            let _place = place;
            serve(&connection.shared, stream, peer).await;
        });
    }
}

/// Serves the control socket for ever.
pub(super) async fn control(shared: Arc<Shared>, listener: Listener) {
    let places = Arc::new(Semaphore::new(MOST_CONTROL));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, _) = next(&listener).await;
        let connection = Connection::new(&shared, false);
        tokio::spawn(async move {
            let _place = place;
            control::serve(&connection.shared, stream).await;
        });
    }
}

/// The next connection of a peer that may come in: our own user, or root as with OpenSSH's agent.
async fn next(listener: &Listener) -> (Stream, Peer) {
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!("no connection can be accepted now: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        match socket::peer(&stream) {
            Ok(peer) if peer.is_ours() || peer.uid == 0 => return (stream, peer),
            Ok(peer) => tracing::warn!("refused a connection of uid {} ({peer})", peer.uid),
            Err(error) => tracing::warn!("refused a connection of an unknown user: {error}"),
        }
    }
}

/// One client, from its first message to its last.
async fn serve(shared: &Arc<Shared>, mut stream: Stream, peer: Peer) {
    let mut session = Session::new(peer.to_string());
    let mut closing = shared.restart.closing(&stream);
    tracing::info!(peer = %session, "connected");
    loop {
        let message = match frame::read(&mut stream, &shared.vault, &shared.intake, closing.wait()).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error) => {
                tracing::info!(peer = %session, "connection closed: {error}");
                break;
            }
        };
        closing.heard();
        let client = Client::new(peer, &stream);
        let reply = answer::answer(shared, &client, &mut session, message).await;
        if let Err(error) = frame::write(&mut stream, &reply.to_frame()).await {
            tracing::info!(peer = %session, "connection closed: {error}");
            break;
        }
    }
    tracing::debug!(peer = %session, "disconnected");
}

/// A connection that was accepted and is not closed yet.
struct Connection {
    shared: Arc<Shared>,
    /// One of the agent socket's: `status` counts those.
    client: bool,
}

impl Connection {
    fn new(shared: &Arc<Shared>, client: bool) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        shared.connections.fetch_add(usize::from(client), Ordering::Relaxed);
        Self { shared: Arc::clone(shared), client }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(usize::from(self.client), Ordering::Relaxed);
        self.shared.open.fetch_sub(1, Ordering::Release);
        self.shared.restart.closed.notify_one();
    }
}
