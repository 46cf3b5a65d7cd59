//! Accepting connections: who may come in, and how many.
//!
//! Guarantees: a peer of another user gets no byte; where descriptors run short one that asks for nothing gives way to
//! the next, or accepting pauses, and goes on when there are some again.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::bounds::MOST_CLIENTS;
use super::places::{Place, Places};
use super::{Client, Shared, answer, control};
use crate::agent::{Refusal, Session};
use crate::frame::{self, FrameError};
use crate::platform::limits;
use crate::platform::socket::{Accepted, Incoming, Peer};

/// Descriptors kept for everything that is no client: two dozen for sockets, timers, the log and what is being started;
/// the control socket's clients, each with a look at the user's systemd (4); the questions that may be open (4 each);
/// helpers for tokens, and what tells of them (9), and tokens' processes. Else who is asked could not answer.
const RESERVE: u64 = 128;

/// Fewest clients that are served at once, however small the limit on descriptors.
const FEWEST: u64 = 8;

/// Control connections at once: `stop` and `status` are short.
pub(super) const MOST_CONTROL: usize = 8;

/// How long to wait after the system refused a connection, for lack of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one that is to leave may take to read a request that has arrived. One that is half sent is not waited for.
const LAST_REQUEST: Duration = Duration::from_millis(100);

/// Serves the agent socket for ever.
pub(super) async fn clients(shared: Arc<Shared>, incoming: Incoming) {
    let most =
        usize::try_from(limits::descriptors().saturating_sub(RESERVE).max(FEWEST)).unwrap_or(usize::MAX);
    let places = Arc::new(Places::new(most.min(MOST_CLIENTS)));
    loop {
        let (stream, peer) = next(&incoming).await;
        // From here on, not from the task's first turn: a handover waits for every connection that was accepted.
        let connection = Connection::new(&shared, true);
        let (is_in, came_in) = oneshot::channel();
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            let Some(place) = places.take(peer).await else { return };
            let _ = is_in.send(());
            serve(&connection.shared, &place, stream, peer).await;
        });
        // Whoever comes next waits in the backlog, for which no descriptor is needed. An error is a place given up.
        let _ = came_in.await;
    }
}

/// Serves the control socket for ever.
pub(super) async fn control(shared: Arc<Shared>, incoming: Incoming) {
    let places = Arc::new(Semaphore::new(MOST_CONTROL));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, _) = next(&incoming).await;
        let connection = Connection::new(&shared, false);
        tokio::spawn(async move {
            let _place = place;
            control::serve(&connection.shared, stream).await;
        });
    }
}

/// The next connection of a peer that may come in: our own user, or root as with OpenSSH's agent.
pub(super) async fn next(incoming: &Incoming) -> (Accepted, Peer) {
    loop {
        let (stream, peer) = match incoming.next().await {
            Ok(arrival) => arrival,
            Err(error) => {
                tracing::warn!("no connection can be accepted now: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        match peer {
            Ok(peer) if peer.may_come_in() => return (stream, peer),
            Ok(peer) => tracing::warn!("refused a connection of {} ({peer})", peer.user()),
            Err(error) => tracing::warn!("refused a connection of an unknown user: {error}"),
        }
    }
}

/// One client, from its first message to its last.
async fn serve(shared: &Arc<Shared>, place: &Place<'_>, stream: Accepted, peer: Peer) {
    let mut session = Session::new(peer.to_string());
    tracing::info!(peer = %session, "connected");
    match converse(shared, place, stream, peer, &mut session).await {
        Ok(()) => {}
        // Its user is to find out why.
        Err(error @ (FrameError::Crowded | FrameError::NoPlace)) => {
            shared.agent().note(&session, Refusal::Closed(error.to_string()));
        }
        Err(error) => tracing::info!(peer = %session, "connection closed: {error}"),
    }
    tracing::debug!(peer = %session, "disconnected");
}

async fn converse(
    shared: &Arc<Shared>,
    place: &Place<'_>,
    mut stream: Accepted,
    peer: Peer,
    session: &mut Session,
) -> Result<(), FrameError> {
    let mut closing = shared.restart.closing(&stream);
    loop {
        let arrived = closing.arrived();
        let read = frame::read(&mut stream, &shared.vault, &shared.intake, closing.wait());
        let wanted = async {
            place.wanted().await;
            let _ = timeout(LAST_REQUEST, arrived.read()).await;
        };
        let Some(message) = unless_wanted(wanted, read).await? else { return Ok(()) };
        closing.heard();
        place.is_at_work(true);
        let weight = message.weight();
        let (message, _in_work) = message.into_parts();
        let client = Client::new(peer, &stream, weight);
        let reply = answer::answer(shared, &client, session, message).await;
        place.is_at_work(false);
        let write = frame::write(&mut stream, &shared.unread, reply.frame_len(), || reply.to_frame());
        unless_wanted(place.wanted(), write).await?;
    }
}

/// What `work` comes to, unless somebody else is to have the place before.
pub(super) async fn unless_wanted<T>(
    wanted: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, FrameError>>,
) -> Result<T, FrameError> {
    tokio::select! {
        // What has arrived is answered, and what can be taken is sent.
        biased;
        done = work => done,
        () = wanted => Err(FrameError::NoPlace),
    }
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

#[cfg(test)]
#[cfg(unix)]
pub(super) mod tests;
