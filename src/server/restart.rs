//! Handing everything over to the program that now lies where this one was started from (DESIGN section 6).
//!
//! Guarantees: until the next program has read the whole state, opened every key and said so, nothing changes, and
//! clients are served meanwhile; the keys go only to a program that nobody but root can replace, unless the user
//! trusted their own; requests that have arrived are answered, and whoever connects later waits in the backlog.
//! Must never: run a file that can change between the trial and the execution.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use nix::sys::socket::{MsgFlags, recv};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::Shared;
use crate::logging;
use crate::platform::executable;
use crate::platform::handover::{self, Handed};

/// How long requests in work may delay a handover: a signature of the largest key, twice. Past it the connection is
/// closed unanswered, as it is when a client does not take its reply.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How long a new connection that has said nothing yet may keep a handover waiting: who connects gets an answer, and a
/// client sends its first request at once, unless the machine is busy.
const FIRST_REQUEST: Duration = Duration::from_secs(2);
/// Between two looks whether a request that has arrived was read.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The command that the next program is run with; the descriptors' numbers follow.
const RESUME: &str = "resume";

/// Why none is restarted on this system.
const NOT_HERE: &str =
    "restart is not there on this system yet; myagent stop and start, and add the keys again";
/// Why an agent by the name ssh-agent is not restarted.
const NO_LOCK: &str = "it is one of those that a program started for itself";

/// What is known of restarts, the next and the last.
pub(super) struct Restart {
    /// One at a time, from the attempt to the execution.
    turn: Arc<Semaphore>,
    /// The program that was tried out, until it is executed.
    candidate: Mutex<Option<Candidate>>,
    /// There is one.
    ready: Notify,
    /// Why the last attempt changed nothing.
    failure: Mutex<Option<String>>,
    /// Connections are to end after their answers.
    closing: watch::Sender<bool>,
    /// One has ended.
    pub(super) closed: Notify,
}

/// A connection's view of [`Restart`].
pub(super) struct Closing {
    closing: watch::Receiver<bool>,
    /// The connection's own.
    socket: RawFd,
    /// When it need no longer be waited for, having said nothing yet.
    silence: Instant,
}

impl Closing {
    /// Returns when the connection is to end: not while something that has arrived is unread, nor while it is so new
    /// that its first request may be on its way.
    pub(super) async fn wait(&mut self) {
        if self.closing.wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.silence).await;
        self.arrived().read().await;
    }

    /// What has arrived at the connection.
    pub(super) fn arrived(&self) -> Arrived {
        Arrived(self.socket)
    }

    /// The connection has said something: from now on it ends at once.
    pub(super) fn heard(&mut self) {
        self.silence = Instant::now();
    }
}

/// What has arrived at a connection and is not read yet.
pub(super) struct Arrived(RawFd);

impl Arrived {
    /// Returns when there is nothing: whether a request is there the reader learns a moment later than the kernel.
    pub(super) async fn read(&self) {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        while recv(self.0, &mut [0], flags).is_ok_and(|got| got > 0) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// A program that has shown that it can go on.
pub(super) struct Candidate {
    image: OwnedFd,
    /// There is no other meanwhile.
    _turn: OwnedSemaphorePermit,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            candidate: Mutex::default(),
            ready: Notify::new(),
            failure: Mutex::default(),
            closing: watch::Sender::new(false),
            closed: Notify::new(),
        }
    }
}

impl Restart {
    /// Tells a new connection when it is to end.
    pub(super) fn closing(&self, stream: &Stream) -> Closing {
        let Stream::UdSocket(socket) = stream;
        let silence = Instant::now() + FIRST_REQUEST;
        Closing { closing: self.closing.subscribe(), socket: socket.as_fd().as_raw_fd(), silence }
    }

    /// Returns when connections are to end, for whoever waits for a person meanwhile.
    pub(super) async fn has_begun(&self) {
        if self.closing.subscribe().wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The next program, once one was tried out.
    pub(super) async fn candidate(&self) -> Candidate {
        loop {
            self.ready.notified().await;
            let candidate = self.candidate.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(candidate) = candidate {
                return candidate;
            }
        }
    }

    /// Why the last attempt changed nothing, where it was one.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the program executed that [`prepare`] found good.
    pub(super) fn go(&self, candidate: Candidate) {
        *self.candidate.lock().unwrap_or_else(PoisonError::into_inner) = Some(candidate);
        self.ready.notify_one();
    }

    fn failed(&self, reason: String) -> String {
        tracing::warn!("not restarted: {reason}");
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        reason
    }
}

/// Finds the program, and tries it out with a copy of the state.
///
/// # Errors
/// The user's sentence, kept for `status`.
pub(super) async fn prepare(shared: &Arc<Shared>) -> Result<Candidate, String> {
    if !handover::IS_THERE {
        return Err(shared.restart.failed(NOT_HERE.to_owned()));
    }
    if shared.config.ends_with.is_some() {
        return Err("the agent of one command ends with it".to_owned());
    }
    if shared.config.lock.is_none() {
        return Err(NO_LOCK.to_owned());
    }
    let Ok(turn) = Arc::clone(&shared.restart.turn).try_acquire_owned() else {
        return Err("another restart is under way".to_owned());
    };
    // Whoever looks from now on sees how this attempt ends, and not the one before.
    *shared.restart.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let (done, result) = oneshot::channel();
    let copy = Arc::clone(shared);
    // A thread of its own: a program that hangs must not keep signatures waiting.
    let tried = std::thread::Builder::new().spawn(move || done.send(try_out(&copy)));
    let outcome = match tried {
        Ok(_) => result.await.unwrap_or_else(|_| Err("the attempt broke off".to_owned())),
        Err(error) => Err(error.to_string()),
    };
    outcome.map(|image| Candidate { image, _turn: turn }).map_err(|reason| shared.restart.failed(reason))
}

fn try_out(shared: &Shared) -> Result<OwnedFd, String> {
    let program = &shared.config.program;
    let opened = program.open().map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied if !program.trust_own => {
            format!("{error}, who might take the keys; an agent started with --trust-own-binary allows that")
        }
        _ => format!("{}: {error}", program.path.display()),
    })?;
    let unusable = |error: std::io::Error| format!("{} cannot take over: {error}", program.path.display());
    let image = executable::sealed_copy(opened).map_err(unusable)?;
    let tried = with_state(shared, &["--check"], |handed| handover::try_out(&image, handed))?;
    let answer = tried.map_err(|error| match error.kind() {
        std::io::ErrorKind::TimedOut => format!("{} did not read the state in time", program.path.display()),
        _ => unusable(error),
    })?;
    if answer.starts_with("ok ") {
        tracing::info!("tried {}: {answer}", program.path.display());
        return Ok(image);
    }
    let said = if answer.is_empty() { "it ended without an answer" } else { &*answer };
    Err(format!("{} cannot take over: {}", program.path.display(), said.escape_debug()))
}

/// Hands the state to the program that `run` runs: it lies in memory that nobody can change.
fn with_state<T>(shared: &Shared, flags: &[&str], run: impl FnOnce(&Handed<'_>) -> T) -> Result<T, String> {
    // Once for both: one may come or go meanwhile.
    let processes = shared.tokens.handed();
    let state = shared.save(&processes).map_err(|error| error.to_string())?;
    let passage = shared.vault.passage().map_err(|error| format!("no way for the key: {error}"))?;
    let bytes = sealed(&state).map_err(|error| format!("no memory for the state: {error}"))?;
    let [agent, control, lock] = shared.descriptors().ok_or(NO_LOCK)?;
    let mut descriptors = vec![bytes.as_fd(), passage.descriptor.as_fd(), agent, control, lock];
    descriptors.extend(processes.iter().map(|process| process.as_fd()));
    let numbers: Vec<_> = descriptors.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let numbers = numbers.join(",");
    let arguments = [&[RESUME], flags, &[&numbers]].concat();
    Ok(run(&Handed { arguments: &arguments, descriptors: &descriptors, passage: &passage.text() }))
}

fn sealed(state: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(executable::memory_file()?);
    file.write_all(state)?;
    file.rewind()?;
    executable::seal(&file)?;
    Ok(file.into())
}

/// Ends all connections after their answers, or after [`DRAIN_LIMIT`].
pub(super) async fn drain(shared: &Shared) {
    shared.restart.closing.send_replace(true);
    let all_closed = async {
        while shared.open.load(Ordering::Acquire) > 0 {
            shared.restart.closed.notified().await;
        }
    };
    if tokio::time::timeout(DRAIN_LIMIT, all_closed).await.is_err() {
        tracing::warn!("connections are closed unanswered: they took too long");
    }
}

/// Goes on as the candidate. Returns only where that failed; then everything is as before.
///
/// There must be no other thread.
pub(super) fn execute(shared: &Shared, candidate: &Candidate) {
    let executed = with_state(shared, &[], |handed| {
        tracing::info!("handing over");
        logging::flush();
        handover::execute(&candidate.image, handed).to_string()
    });
    let failure = executed.unwrap_or_else(|reason| reason);
    shared.restart.failed(failure);
    shared.restart.closing.send_replace(false);
}
