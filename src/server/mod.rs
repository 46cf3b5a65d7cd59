//! The server: sockets, timers and signals around the synchronous [`Agent`].
//!
//! Guarantees: the agent's state is locked only between two awaits, never while a signature is made, a
//! password hashed or a peer waited for; a panic or an error in one connection ends that connection alone;
//! signals are caught before the first socket exists, so that none leaves a socket behind.
//! Must never: exit because descriptors or memory run short, or answer a peer of another user but root.
#![forbid(unsafe_code)]

mod accept;
mod answer;
mod control;
mod expiry;
mod signals;
mod unlock;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use interprocess::local_socket::tokio::Listener;
use tokio::sync::{Notify, Semaphore};

use crate::agent::Agent;
use crate::control::{Measure, State};
use crate::error::Error;
use crate::frame::Intake;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::Places;
use crate::platform::{self, BoundSocket};
use crate::vault::{Kind, Vault, Wish};

/// Threads that serve connections: two keep a slow system call from stopping everybody, more than four
/// never had work.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=4;

/// How long work in progress may delay the end: less than a second, whatever a client does.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

/// How an agent was started, which decides what a signal means to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forked by `start`.
    Daemon,
    /// In the foreground, run by a service manager or a program.
    Service,
    /// In the foreground on a terminal.
    Terminal,
}

/// What an agent is started with.
pub struct Config {
    /// Where its files are.
    pub places: Places,
    /// What a hangup means.
    pub mode: Mode,
    /// How the process closed itself, for `status`.
    pub measures: Vec<Measure>,
    /// Which memory is to hold the secrets.
    pub secret_memory: Wish,
    /// The right to be the agent here, kept to the end.
    pub lock: InstanceLock,
}

/// What all connections share.
struct Shared {
    agent: Mutex<Agent>,
    vault: Arc<Vault>,
    intake: Intake,
    unlocks: unlock::Queue,
    /// One signature at a time with keys that keep a core for long.
    huge: Semaphore,
    /// One password hashed for a new lock at a time: the others come too late.
    locking: Semaphore,
    /// The next expiry may have changed.
    expiry: Notify,
    /// `stop` came.
    stop: Notify,
    connections: AtomicUsize,
    config: Config,
    started: SystemTime,
}

impl Shared {
    /// The state. A panic while it was held left it whole: every change to it is made by a few moves.
    fn agent(&self) -> MutexGuard<'_, Agent> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until told to stop, and removes its sockets. `ready` is called when clients can connect.
///
/// # Errors
/// [`Error`], where it could not begin; nothing is left behind then.
pub fn run(mut config: Config, ready: impl FnOnce()) -> Result<(), Error> {
    let vault = Vault::new(config.secret_memory)
        .map_err(|error| Error::io("make secret memory", std::io::Error::other(error)))?;
    config.measures.push(secret_memory(config.secret_memory, vault.kind()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(*WORKERS.start(), *WORKERS.end()))
        // Signatures that take long wait here in order, and use every core.
        .max_blocking_threads(cores.max(2))
        .enable_all()
        .build()
        .map_err(|error| Error::io("start threads", error))?;
    let shared = Arc::new(Shared {
        agent: Mutex::new(Agent::new()),
        vault: Arc::new(vault),
        intake: Intake::default(),
        unlocks: unlock::Queue::default(),
        huge: Semaphore::new(1),
        locking: Semaphore::new(1),
        expiry: Notify::new(),
        stop: Notify::new(),
        connections: AtomicUsize::new(0),
        config,
        started: SystemTime::now(),
    });
    let result = runtime.block_on(serve(&shared, ready));
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    shared.agent().forget_all();
    result
}

async fn serve(shared: &Arc<Shared>, ready: impl FnOnce()) -> Result<(), Error> {
    let mut signals = signals::Signals::new().map_err(|error| Error::io("catch signals", error))?;
    let Config { places, lock, .. } = &shared.config;
    let agent = platform::listen(&places.socket, lock)?;
    let bound = Unlink(agent);
    let control = Unlink(platform::listen(&places.control, lock)?);
    lock.record(&places.socket);
    tokio::spawn(accept::clients(Arc::clone(shared), listener(&bound)?));
    tokio::spawn(accept::control(Arc::clone(shared), listener(&control)?));
    tokio::spawn(expiry::run(Arc::clone(shared)));
    tracing::info!(socket = %places.socket.display(), version = env!("CARGO_PKG_VERSION"), "listening");
    ready();
    signals.until_stop(shared).await;
    Ok(())
}

/// Removes a socket's file however the server ends, if it still is the one that was bound.
struct Unlink(BoundSocket);

impl Drop for Unlink {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlink() {
            tracing::warn!(socket = %self.0.path.display(), "the socket stays: {error}");
        }
    }
}

fn listener(socket: &Unlink) -> Result<Listener, Error> {
    let doing = || format!("listen on {}", socket.0.path.display());
    socket.0.to_tokio().map_err(|error| Error::io(doing(), error))
}

fn secret_memory(wish: Wish, kind: Kind) -> Measure {
    let (state, detail) = match (kind, wish) {
        (Kind::MemfdSecret, _) => {
            (State::On, "keys lie where no other process reads; no hibernation meanwhile")
        }
        (Kind::Locked, Wish::Memfd) => (
            State::On,
            "keys are not swapped or dumped; this kernel has no better memory (memfd_secret) for us",
        ),
        (Kind::Locked, Wish::Locked) => {
            (State::On, "keys are not swapped or dumped; better memory (memfd_secret) would stop hibernation")
        }
        (Kind::Unlocked, _) => {
            (State::Refused, "the limit on locked memory (ulimit -l) is too small; it may be swapped")
        }
    };
    Measure { name: "secret memory".to_owned(), state, detail: detail.to_owned() }
}
