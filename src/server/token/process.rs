//! A provider's process, as the agent sees it.
//!
//! Guarantees: one order at a time, in the order of arrival, each with an end; what hangs, lies or breaks the protocol is
//! ended, and nothing waits for it but those who asked it; an order that was begun is seen to its end, whether or not
//! the client that asked for it is still there, so that the next one reads its own answer.
//! Must never: be given a PIN before it has said that it is closed to others.
#![forbid(unsafe_code)]

mod error;

pub(super) use error::ProcessError;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::processes::Look;
use crate::platform::lasting::Lasting;
use crate::token::{Answer, MAX_REPLY, Order, VERSION, version_of};
use crate::vault::{SecretBuf, Vault};

/// How long a new process may take to its first word: it only starts.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// How long a provider may take to load, to log in and to list its keys. A person may have to type on a keypad, and a
/// card with many keys takes seconds.
pub(super) const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// How long a signature may take: a person may have to touch the token, or to type on a keypad.
pub(super) const SIGN_LIMIT: Duration = Duration::from_secs(60);

/// The command of this program that is such a process.
const COMMAND: &str = "token";

/// A provider's process.
pub(in crate::server) struct Process {
    pub(super) id: u64,
    /// The real path of the provider.
    pub(super) provider: Arc<[u8]>,
    child: Arc<Lasting>,
    socket: UnixStream,
    /// Whose order is in work.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// An order was begun, and its answer not read to its end.
    busy: AtomicBool,
    /// It has ended, or is to; its keys are refused until the provider is added again.
    failed: AtomicBool,
    /// A token of its was taken out or logged out.
    logged_out: AtomicBool,
    /// Why it could not close itself further when it had its provider; nothing where it could.
    unconfined: OnceLock<String>,
}

/// The right to have the next order done.
pub(super) type Turn = OwnedMutexGuard<()>;

/// What a process is, beside its socket.
#[derive(Debug)]
pub(in crate::server) struct Saved {
    pub(super) id: u64,
    pub(super) provider: Arc<[u8]>,
    pub(super) pid: i32,
    pub(super) version: u32,
    pub(super) usable: bool,
    pub(super) logged_out: bool,
    /// Empty where it is confined.
    pub(super) unconfined: String,
}

impl Process {
    /// Starts one, and waits until it is closed to others.
    ///
    /// # Errors
    /// [`ProcessError`]; then there is none.
    pub(super) async fn start(id: u64, provider: Arc<[u8]>, look: &Look) -> Result<Arc<Self>, ProcessError> {
        let look = Look::clone(look);
        let spawned = spawn_blocking(move || (Lasting::spawn(&[COMMAND]), look)).await;
        let spawned = spawned.map(|(spawned, _)| spawned).map_err(io::Error::other);
        let (child, socket) = spawned.and_then(|spawned| spawned).map_err(ProcessError::Start)?;
        let process = Self::over(id, provider, child, socket).map_err(ProcessError::Start)?;
        process.watch();
        let greeting = process.read(GREETING_LIMIT).await?;
        if version_of(&greeting) != Ok(VERSION) {
            return Err(process.give_up(ProcessError::Garbled));
        }
        Ok(process)
    }

    fn over(id: u64, provider: Arc<[u8]>, child: Lasting, socket: UnixStream) -> io::Result<Arc<Self>> {
        socket.set_nonblocking(true)?;
        Ok(Arc::new(Self {
            id,
            provider,
            child: Arc::new(child),
            socket,
            turn: Arc::default(),
            busy: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            logged_out: AtomicBool::new(false),
            unconfined: OnceLock::new(),
        }))
    }

    /// One that a predecessor has started. None where it has ended, speaks another language, or was in the middle of an
    /// order: it is ended then, and to be waited for.
    pub(super) fn adopted(saved: Saved, socket: OwnedFd) -> Result<Arc<Self>, Option<Lasting>> {
        let child = Lasting::adopted(saved.pid).ok_or(None)?;
        if !saved.usable || saved.version != VERSION {
            child.end();
            return Err(Some(child));
        }
        let process = Self::over(saved.id, saved.provider, child, socket.into()).map_err(|_| None)?;
        process.logged_out.store(saved.logged_out, Ordering::Release);
        if !saved.unconfined.is_empty() {
            process.note_unconfined(saved.unconfined);
        }
        Ok(process)
    }

    /// What is to be known of it by a successor.
    pub(super) fn saved(&self) -> Saved {
        Saved {
            id: self.id,
            provider: Arc::clone(&self.provider),
            pid: self.child.pid(),
            version: VERSION,
            usable: self.runs() && !self.busy.load(Ordering::Acquire),
            logged_out: self.logged_out.load(Ordering::Acquire),
            unconfined: self.unconfined().unwrap_or_default().to_owned(),
        }
    }

    /// Waits for its end in the background, however that comes. To be called in every runtime that it is used in.
    pub(super) fn watch(self: &Arc<Self>) {
        let (child, process) = (Arc::clone(&self.child), Arc::downgrade(self));
        let provider = Arc::clone(&self.provider);
        tokio::spawn(async move {
            let how = child.ended().await;
            // One that nobody needs any more was ended on purpose.
            if let Some(process) = process.upgrade() {
                process.failed.store(true, Ordering::Release);
                tracing::warn!(provider = %provider.escape_ascii(), "the process of a provider: {how}");
            }
        });
    }

    fn runs(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }

    /// Whether all its keys may be usable. Where not, they go on behind the next process that has them.
    pub(super) fn serves(&self) -> bool {
        self.runs() && !self.logged_out.load(Ordering::Acquire)
    }

    /// A token of its was found to be logged out. Those of its other tokens are usable still.
    pub(super) fn note_logged_out(&self) {
        self.logged_out.store(true, Ordering::Release);
    }

    /// It could not close itself further.
    pub(super) fn note_unconfined(&self, reason: String) {
        let _ = self.unconfined.set(reason);
    }

    /// Why it could not, where that is so.
    pub(super) fn unconfined(&self) -> Option<&str> {
        self.unconfined.get().map(String::as_str)
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.failed.store(true, Ordering::Release);
        self.child.end();
    }

    fn give_up(&self, reason: ProcessError) -> ProcessError {
        self.end();
        reason
    }

    /// Waits for the right to have the next order done: first come, first served.
    pub(super) async fn turn(&self) -> Turn {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Has an order done. It goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub(super) async fn ask(
        self: &Arc<Self>,
        turn: Turn,
        vault: &Vault,
        order: &Order<'_>,
        limit: Duration,
    ) -> Result<Answer, ProcessError> {
        let mut frame = vault.buffer(4 + order.encoded_len());
        frame.extend(&u32::try_from(order.encoded_len()).unwrap_or(u32::MAX).to_be_bytes());
        order.encode(&mut frame);
        // The answer of an order that was broken off would be taken for this one's.
        if !self.runs() || self.busy.swap(true, Ordering::AcqRel) {
            return Err(self.give_up(ProcessError::Ended));
        }
        let process = Arc::clone(self);
        let work = tokio::spawn(async move {
            let _turn = turn;
            process.exchange(frame, limit).await
        });
        work.await.unwrap_or(Err(ProcessError::Ended))
    }

    async fn exchange(&self, frame: SecretBuf, limit: Duration) -> Result<Answer, ProcessError> {
        let written = async { self.stream()?.write_all(&frame).await };
        match timeout(limit, written).await {
            Ok(Ok(())) => drop(frame),
            Ok(Err(_)) => return Err(self.give_up(ProcessError::Ended)),
            Err(_) => return Err(self.give_up(ProcessError::TimedOut(limit))),
        }
        let answer = self.read(limit).await?;
        self.busy.store(false, Ordering::Release);
        Answer::decode(&answer).map_err(|_| self.give_up(ProcessError::Garbled))
    }

    async fn read(&self, limit: Duration) -> Result<Vec<u8>, ProcessError> {
        let body = async {
            let mut stream = self.stream()?;
            let len = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
            if len > MAX_REPLY {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            let mut body = Vec::new();
            // It grows with what comes, not with what was announced.
            stream.take(len as u64).read_to_end(&mut body).await?;
            if body.len() == len { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        };
        match timeout(limit, body).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(self.give_up(ProcessError::Garbled))
            }
            Ok(Err(_)) => Err(self.give_up(ProcessError::Ended)),
            Err(_) => Err(self.give_up(ProcessError::TimedOut(limit))),
        }
    }

    /// The socket in the runtime of now.
    fn stream(&self) -> io::Result<tokio::net::UnixStream> {
        tokio::net::UnixStream::from_std(self.socket.try_clone()?)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.end();
    }
}

#[cfg(test)]
mod tests;
