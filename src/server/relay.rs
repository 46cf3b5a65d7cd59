//! The relay: in WSL, what stands in the agent's place and has every message answered by the agent of Windows.
//!
//! Guarantees: who may come in is decided as an agent does it; each client has a process of its own that reaches Windows,
//! begun with its first message, so that one whose agent was restarted is found again, and ended with the connection;
//! messages pass whole, one at a time, through memory that is wiped.
//! Must never: hold a key or decide about one, answer for itself on the agent socket, or log what it passes on.
#![forbid(unsafe_code)]

mod child;
mod control;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use super::places::{Place, Places};
use super::sockets::Files;
use super::{Client, Config, SHUTDOWN_LIMIT, Sockets, accept, bounds, runtime, signals};
use crate::error::Error;
use crate::frame::{self, FrameError, Intake, Received, Room};
use crate::message::number::{IDENTITIES_ANSWER, REQUEST_IDENTITIES};
use crate::platform::BoundSocket;
use crate::platform::signals::{Signal, Waiting};
use crate::platform::socket::{Accepted, Incoming, Peer};
use crate::vault::Vault;
use child::{Child, Starts};

/// Clients at once, each with a process here and one in Windows; of those that ask for nothing one gives way to the next.
const MOST_CLIENTS: usize = 64;

/// How long the first answer may take: less than the starter waits for this process to be ready.
const TRIAL: Duration = Duration::from_secs(8);

/// How long a request may go on whose client has hung up: what it asked for is done all the same, as with an agent, but
/// no person is asked for somebody who has gone.
const LAST_REQUEST: Duration = Duration::from_secs(2);

/// What all connections share.
struct Relay {
    /// `myagent.exe`.
    program: PathBuf,
    starts: Starts,
    vault: Vault,
    intake: Intake,
    unread: Room,
    /// `stop` came.
    stop: Notify,
    config: Config,
}

/// Serves until told to stop, and removes its sockets. `ready` is called when clients can connect, which they can only
/// where the agent of Windows has answered once.
///
/// # Errors
/// [`Error`], where it could not begin; nothing is left behind then.
pub fn run(config: Config, program: PathBuf, ready: impl FnOnce()) -> Result<(), Error> {
    let vault = Vault::new(config.secret_memory)
        .map_err(|error| Error::io("make secret memory", std::io::Error::other(error)))?;
    let unread = Room::of(bounds::MOST_UNREAD);
    let (starts, intake, stop) = (Starts::new(), Intake::default(), Notify::new());
    let relay = Arc::new(Relay { program, starts, vault, intake, unread, stop, config });
    let runtime = runtime()?;
    runtime.block_on(relay.try_out())?;
    let sockets = Sockets::bind(&relay.config, None)?;
    let files = Files(&sockets);
    let served = runtime.block_on(serve(&relay, &sockets, ready));
    // As with an agent: the control socket's clients take their connection's end for the relay's.
    drop(files);
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    served
}

async fn serve(relay: &Arc<Relay>, sockets: &Sockets, ready: impl FnOnce()) -> Result<(), Error> {
    let mut signals = Waiting::new(&signals::ours()).map_err(|error| Error::io("catch signals", error))?;
    let incoming = |socket: &BoundSocket| {
        let failed = |error| Error::io(format!("listen on {}", socket.path.display()), error);
        socket.to_tokio().map_err(failed)
    };
    tokio::spawn(clients(Arc::clone(relay), incoming(&sockets.agent)?));
    if let Some(socket) = &sockets.control {
        tokio::spawn(control::serve(Arc::clone(relay), incoming(socket)?));
    }
    let (socket, program) = (sockets.agent.path.display(), relay.program.display());
    tracing::info!(%socket, %program, version = env!("CARGO_PKG_VERSION"), "listening for Windows' agent");
    ready();
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                // There is nothing to restart and nothing to forget.
                Signal::SIGHUP | Signal::SIGUSR1 => {}
                ending => {
                    tracing::info!("ending on {ending}");
                    return Ok(());
                }
            },
            () = relay.stop.notified() => {
                tracing::info!("ending on stop");
                return Ok(());
            }
        }
    }
}

/// Serves the agent socket for ever.
async fn clients(relay: Arc<Relay>, incoming: Incoming) {
    let places = Arc::new(Places::new(MOST_CLIENTS));
    loop {
        let (stream, peer) = accept::next(&incoming).await;
        let (is_in, came_in) = oneshot::channel();
        let (relay, places) = (Arc::clone(&relay), Arc::clone(&places));
        tokio::spawn(async move {
            let Some(place) = places.take(peer).await else { return };
            let _ = is_in.send(());
            let mut child = None;
            if let Err(error) = relay.converse(&place, stream, peer, &mut child).await {
                tracing::info!(%peer, "connection closed: {error}");
            }
            if let Some(child) = child {
                child.end().await;
            }
        });
        // Whoever comes next waits in the backlog.
        let _ = came_in.await;
    }
}

impl Relay {
    /// One client, from its first message to its last.
    async fn converse(
        &self,
        place: &Place<'_>,
        mut stream: Accepted,
        peer: Peer,
        child: &mut Option<Child>,
    ) -> Result<(), FrameError> {
        loop {
            let ended = async {
                match child {
                    Some(child) => child.ended().await,
                    None => std::future::pending().await,
                }
            };
            let read = frame::read(&mut stream, &self.vault, &self.intake, ended);
            let Some(request) = accept::unless_wanted(place.wanted(), read).await? else { return Ok(()) };
            place.is_at_work(true);
            let client = Client::new(peer, &stream, request.weight());
            let gone = async {
                client.gone().await;
                sleep(LAST_REQUEST).await;
            };
            let answered = tokio::select! {
                biased;
                answer = self.ask(child, &request) => answer,
                () = gone => return Ok(()),
            };
            drop(request);
            let Ok(answer) =
                answered.inspect_err(|reason| tracing::warn!(%peer, "no answer of Windows' agent: {reason}"))
            else {
                return Ok(());
            };
            place.is_at_work(false);
            let write =
                frame::write(&mut stream, &self.unread, child::frame_len(&answer), || child::framed(&answer));
            accept::unless_wanted(place.wanted(), write).await?;
        }
    }

    /// The answer to one request, by the client's process, which is started where it is not there yet; or why there is
    /// none.
    async fn ask(&self, child: &mut Option<Child>, request: &[u8]) -> Result<Received, String> {
        let child = match child {
            Some(child) => child,
            None => child.insert(self.start(&["relay"]).await?),
        };
        match child.answer(request, &self.vault, &self.intake).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(child.reason().await.unwrap_or_else(|| error.to_string())),
        }
    }

    /// A process that reaches Windows, or why there is none.
    async fn start(&self, arguments: &'static [&'static str]) -> Result<Child, String> {
        let started = self.starts.start(&self.program, arguments).await;
        started.map_err(|error| format!("{}: {error}", self.program.display()))
    }

    /// Whether an agent answers at the other end: an environment in which nothing works is seen by whoever starts this.
    async fn try_out(&self) -> Result<(), Error> {
        let mut child = None;
        let tried = timeout(TRIAL, self.ask(&mut child, &[REQUEST_IDENTITIES])).await;
        let reason = match &tried {
            Ok(Ok(answer)) if answer.first() == Some(&IDENTITIES_ANSWER) => None,
            Ok(Ok(_)) => Some("it gives no agent's answer".to_owned()),
            Ok(Err(reason)) => Some(reason.clone()),
            Err(_) => Some(format!("it gives no answer within {} seconds", TRIAL.as_secs())),
        };
        if let Some(child) = child {
            child.end().await;
        }
        reason.map_or(Ok(()), |reason| Err(Error::NoWindowsAgent { reason }))
    }
}
