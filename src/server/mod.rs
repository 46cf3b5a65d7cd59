//! The server: sockets, timers and signals around the synchronous [`Agent`].
//!
//! Guarantees: the agent's state is locked only between two awaits, never while a signature is made, a
//! password hashed or a peer waited for; a panic or an error in one connection ends that connection alone;
//! signals are caught before the first socket exists, so that none leaves a socket behind.
//! Must never: exit because descriptors or memory run short, or answer a peer of another user but root.
#![forbid(unsafe_code)]

mod accept;
mod answer;
mod asking;
mod bounds;
mod client;
mod control;
mod expiry;
mod measure;
mod places;
#[cfg_attr(windows, path = "windows/provider.rs")]
mod provider;
#[cfg(target_os = "linux")]
mod relay;
#[cfg_attr(windows, path = "windows/restart.rs")]
mod restart;
#[cfg_attr(windows, path = "windows/signals.rs")]
mod signals;
#[cfg_attr(windows, path = "windows/sk.rs")]
mod sk;
#[cfg_attr(windows, path = "windows/sockets.rs")]
mod sockets;
#[cfg(unix)]
pub mod state;
#[cfg_attr(windows, path = "windows/token.rs")]
mod token;
mod unlock;
#[cfg(windows)]
#[path = "windows/ways.rs"]
mod ways;

#[cfg(target_os = "linux")]
pub use relay::run as relay;
pub use signals::hold as hold_signals;
pub use sockets::Sockets;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};
use tracing::level_filters::LevelFilter;

use crate::agent::{Agent, Options};
use crate::control::Measure;
use crate::error::Error;
use crate::frame::{Intake, Room};
use crate::platform::executable::Program;
use crate::platform::harden::close_thread;
use crate::platform::life::Life;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::Places;
use crate::platform::signals::Signal;
use crate::platform::{BoundSocket, activation};
use crate::vault::{Vault, Wish};
use asking::Questions;
use client::Client;
use restart::Restart;
use sockets::Files;
use token::Processes;

/// Threads that serve connections: two keep a slow system call from stopping everybody, more than four
/// never had work.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=4;

/// Between two attempts to go on after a handover that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes of stack of each thread, whatever `RUST_MIN_STACK` of the caller says: what is wiped after work with a secret
/// (`vault::stack`) must fit in.
const STACK: usize = 2 << 20;

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
    /// By the name `ssh-agent`, in the background.
    SshAgent,
    /// By the name `ssh-agent`, in the foreground.
    SshAgentForeground,
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
    /// The right to be the agent here, kept to the end. An agent without it cannot be restarted.
    pub lock: Option<InstanceLock>,
    /// The program that a restart looks for.
    pub program: Program,
    /// How much is logged.
    pub level: LevelFilter,
    /// The process whose end is the agent's, where there is one.
    pub ends_with: Option<Life>,
}

/// What all connections share.
struct Shared {
    agent: Mutex<Agent>,
    vault: Arc<Vault>,
    intake: Intake,
    /// Large answers that are not taken yet.
    unread: Room,
    unlocks: unlock::Queue,
    /// One signature at a time with keys that keep a core for long.
    huge: Semaphore,
    /// Requests to FIDO tokens.
    #[cfg_attr(windows, allow(dead_code))]
    turns: sk::Turns,
    /// One password hashed for a new lock at a time: the others come too late.
    locking: Semaphore,
    /// The next expiry may have changed.
    expiry: Notify,
    /// `stop` came.
    stop: Notify,
    /// Clients on the agent socket.
    connections: AtomicUsize,
    /// Those and the ones on the control socket.
    open: AtomicUsize,
    questions: Questions,
    restart: Restart,
    sockets: Sockets,
    /// The processes of providers.
    tokens: Processes,
    config: Config,
    started: SystemTime,
    /// Programs before this one.
    handovers: u32,
}

impl Shared {
    /// The state. A panic while it was held left it whole: every change to it is made by a few moves.
    fn agent(&self) -> MutexGuard<'_, Agent> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until told to stop, and removes its sockets. `ready` is called when clients can connect. `bound` is the agent
/// socket where it is there already, as by a service manager. Gives the signal that ended it, where one did.
///
/// Signals must wait since [`hold_signals`]: one that came after the first socket has a name, and before anybody acts on
/// it, would leave that behind.
///
/// # Errors
/// [`Error`], where it could not begin; nothing is left behind then.
pub fn run(
    config: Config,
    options: Options,
    bound: Option<BoundSocket>,
    ready: impl FnOnce(),
) -> Result<Option<Signal>, Error> {
    let vault = Vault::new(config.secret_memory)
        .map_err(|error| Error::io("make secret memory", std::io::Error::other(error)))?;
    let sockets = Sockets::bind(&config, bound)?;
    if let Some(lock) = &config.lock {
        lock.record(&config.places.socket);
    }
    let (agent, beside) = (Agent::new(options), <(Questions, Processes)>::default());
    serve_all(Shared::new(config, sockets, vault, agent, beside, SystemTime::now(), 0), ready)
}

/// Goes on with the state of a predecessor, whose place in this process this program has taken.
///
/// # Errors
/// [`Error`], where it could not; the keys are lost then, and the sockets' files removed.
#[cfg(unix)]
pub fn resume(
    config: Config,
    sockets: Sockets,
    (head, vault, agent): (state::Head, Vault, Agent),
    tokens: Vec<std::os::fd::OwnedFd>,
    ready: impl FnOnce(),
) -> Result<(), Error> {
    let beside = (head.questions, head.processes.adopt(tokens));
    serve_all(Shared::new(config, sockets, vault, agent, beside, head.started, head.handovers), ready)
        .map(drop)
}

impl Shared {
    fn new(
        mut config: Config,
        sockets: Sockets,
        vault: Vault,
        agent: Agent,
        (questions, tokens): (Questions, Processes),
        started: SystemTime,
        handovers: u32,
    ) -> Arc<Self> {
        config.measures.push(measure::secret_memory(config.secret_memory, &vault));
        config.measures.push(measure::forwarded_peers(agent.options()));
        Arc::new(Self {
            agent: Mutex::new(agent),
            vault: Arc::new(vault),
            intake: Intake::default(),
            unread: Room::of(bounds::MOST_UNREAD),
            unlocks: unlock::Queue::default(),
            huge: Semaphore::new(1),
            turns: sk::Turns::default(),
            locking: Semaphore::new(1),
            expiry: Notify::new(),
            stop: Notify::new(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            questions,
            restart: Restart::default(),
            sockets,
            tokens,
            config,
            started,
            handovers,
        })
    }
}

/// Serves until the end, or until another program has taken this one's place.
fn serve_all(shared: Arc<Shared>, ready: impl FnOnce()) -> Result<Option<Signal>, Error> {
    let files = Files(&shared.sockets);
    let mut ready = Some(ready);
    loop {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            // After an execution that failed the keys are here still: better late than without them.
            Err(error) if ready.is_none() => {
                tracing::error!("{error}");
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        let ending = runtime.block_on(serve(&shared, || ready.take().map_or((), |ready| ready())));
        if let Ok(Ending::Restart(candidate)) = &ending {
            runtime.shutdown_timeout(SHUTDOWN_LIMIT);
            restart::execute(&shared, candidate);
            continue;
        }
        if matches!(shared.config.mode, Mode::Service | Mode::Terminal) {
            activation::stopping();
        }
        // The control socket's clients take their connection's end for the agent's: the files go first.
        drop(files);
        runtime.shutdown_timeout(SHUTDOWN_LIMIT);
        shared.agent().forget_all();
        token::sweep(&shared);
        return ending.map(|ending| match ending {
            Ending::Stop(signal) => signal,
            Ending::Restart(_) => None,
        });
    }
}

fn runtime() -> Result<Runtime, Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(*WORKERS.start(), *WORKERS.end()))
        // Signatures that take long wait here in order, and use every core.
        .max_blocking_threads(cores.max(2) + asking::LISTENERS)
        .thread_stack_size(STACK)
        .on_thread_start(close_thread)
        .enable_all()
        .build()
        .map_err(|error| Error::io("start threads", error))
}

/// What comes after serving.
enum Ending {
    /// The end of the process, by a signal or by what else ends it.
    Stop(Option<Signal>),
    /// Another program.
    #[cfg_attr(windows, allow(dead_code))]
    Restart(restart::Candidate),
}

async fn serve(shared: &Arc<Shared>, ready: impl FnOnce()) -> Result<Ending, Error> {
    let mut signals = signals::Signals::catch().map_err(|error| Error::io("catch signals", error))?;
    let Sockets { agent, control, .. } = &shared.sockets;
    let failed =
        |socket: &BoundSocket, error| Error::io(format!("listen on {}", socket.path.display()), error);
    let incoming = shared.sockets.listen(&shared.config).map_err(|error| failed(agent, error))?;
    let clients = tokio::spawn(accept::clients(Arc::clone(shared), incoming));
    let listener = |control: &BoundSocket| control.to_tokio().map_err(|error| failed(control, error));
    let commands = control.as_ref().map(listener).transpose()?;
    let commands = commands.map(|control| tokio::spawn(accept::control(Arc::clone(shared), control)));
    tokio::spawn(expiry::run(Arc::clone(shared)));
    shared.tokens.watch();
    tracing::info!(socket = %agent.path.display(), version = env!("CARGO_PKG_VERSION"), "listening");
    ready();
    let ending = signals.until_ending(shared).await;
    if matches!(ending, Ending::Restart(_)) {
        for accepting in [Some(clients), commands].into_iter().flatten() {
            accepting.abort();
            let _ = accepting.await;
        }
        tokio::select! {
            // An end that is asked for meanwhile is one; there is no other candidate before this one is gone.
            sooner = signals.until_ending(shared) => return Ok(sooner),
            () = restart::drain(shared) => {}
        }
    }
    Ok(ending)
}
