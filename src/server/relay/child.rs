//! A process of `myagent.exe`, which passes its standard input and output on to Windows.
//!
//! Guarantees: it has ended when this is dropped, however it hangs; what it says of itself is bounded and harmless to a
//! terminal. Must never be started on a thread that serves connections: where Windows' drives give no answer, the
//! system does not come back from it.
#![forbid(unsafe_code)]

use std::future::pending;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::control::MAX_REPLY;
use crate::frame::{self, FrameError, Intake, Received};
use crate::platform::child::Helper;
use crate::platform::terminal::visible;
use crate::platform::wsl;
use crate::vault::Vault;

/// How long it may take to end by itself once nothing more comes: the end of a process here is not always one of the
/// process in Windows, but the end of its input is.
const ENDING: Duration = Duration::from_secs(1);

/// Processes that are being started at once: no more than there always are threads for it.
const MOST_STARTS: usize = 2;

/// How long one may take to start: a virus scanner looks at it first.
const START: Duration = Duration::from_secs(20);

/// Most bytes of its errors that are looked at: one sentence and a hint.
const MOST_SAID: u64 = 4 * 1024;

/// Bytes of a frame's length.
const LEN_BYTES: usize = 4;

/// Where processes are started from, a few at a time.
pub(super) struct Starts(Arc<Semaphore>);

impl Starts {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST_STARTS)))
    }

    /// Starts one. May be dropped half-way: what starts later than that is ended at once.
    ///
    /// # Errors
    /// The system's; `TimedOut` where it does not come back from it.
    pub(super) async fn start(
        &self,
        program: &Path,
        arguments: &'static [&'static str],
    ) -> io::Result<Child> {
        let (places, program) = (Arc::clone(&self.0), program.to_owned());
        let start = async {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let started = spawn_blocking(move || {
                // Kept until the system comes back, whoever still waits for it.
                let _place = place;
                Child::spawn(&program, arguments)
            });
            started.await?
        };
        let slow = || {
            io::Error::new(io::ErrorKind::TimedOut, format!("not started within {} seconds", START.as_secs()))
        };
        timeout(START, start).await.unwrap_or_else(|_| Err(slow()))
    }
}

/// The process, and the pipes to it.
pub(super) struct Child {
    helper: Helper,
    /// None once nothing more is sent.
    to: Option<Sender>,
    from: BufReader<Receiver>,
}

impl Child {
    fn spawn(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).envs(wsl::way()?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut helper = Helper::spawn(&mut command)?;
        let (to, from) = (Some(helper.stdin()?), BufReader::new(helper.stdout()?));
        Ok(Self { helper, to, from })
    }

    /// One message, and the answer to it.
    ///
    /// # Errors
    /// [`FrameError`], after which it is of no use any more.
    pub(super) async fn answer(
        &mut self,
        request: &[u8],
        vault: &Vault,
        intake: &Intake,
    ) -> Result<Received, FrameError> {
        let to = self.to.as_mut().ok_or(FrameError::Ended)?;
        to.write_all(&framed(request)).await?;
        frame::read(&mut self.from, vault, intake, pending()).await?.ok_or(FrameError::Ended)
    }

    /// One line, and the line that answers it.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` where there is no whole line.
    pub(super) async fn answer_line(&mut self, line: &[u8]) -> io::Result<Vec<u8>> {
        let to = self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        to.write_all(line).await?;
        let mut answer = Vec::new();
        (&mut self.from).take(MAX_REPLY).read_until(b'\n', &mut answer).await?;
        if answer.last() == Some(&b'\n') { Ok(answer) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Returns when it has ended by itself, and the log says so where it has failed. May be dropped half-way.
    pub(super) async fn ended(&mut self) {
        if self.helper.ended().await.is_ok_and(|status| !status.success()) {
            let reason = self.reason().await.unwrap_or_default();
            tracing::warn!("no way to Windows' agent any more: {reason}");
        }
    }

    /// Why it failed, as far as it can say: the first line of its errors, or how it ended.
    pub(super) async fn reason(&mut self) -> Option<String> {
        self.to = None;
        let mut said = Vec::new();
        let mut errors = self.helper.stderr().ok()?.take(MOST_SAID);
        let _ = timeout(ENDING, errors.read_to_end(&mut said)).await;
        let said = String::from_utf8_lossy(&said);
        let first = said.lines().map(str::trim).find(|line| !line.is_empty());
        match first {
            Some(line) => Some(visible(line).to_string()),
            None => match timeout(ENDING, self.helper.ended()).await {
                Ok(Ok(status)) => Some(format!("it ended with {status}")),
                _ => None,
            },
        }
    }

    /// Has it end: by itself, or not.
    pub(super) async fn end(mut self) {
        self.to = None;
        let _ = timeout(ENDING, self.helper.ended()).await;
    }
}

/// A message with its length before it. Wiped when freed, as everything on the heap.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(frame_len(message));
    // No message is longer than `frame::MAX_LEN`.
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// The length of [`framed`], in bytes.
pub(super) fn frame_len(message: &[u8]) -> usize {
    LEN_BYTES + message.len()
}
