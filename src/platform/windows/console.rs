//! What the system tells a process to end by: the console's keys and its closing, the end of the session.
#![forbid(unsafe_code)]

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};

/// Why the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C or Ctrl-Break.
    Keys,
    /// The console's window was closed.
    Closed,
    /// The user signs out, or the machine ends.
    SignedOut,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "Ctrl-C",
            Self::Closed => "the end of its console",
            Self::SignedOut => "the end of the session",
        })
    }
}

/// Waits for them.
#[derive(Debug)]
pub struct Waiting {
    c: CtrlC,
    interrupted: CtrlBreak,
    closed: CtrlClose,
    left: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl Waiting {
    /// Begins. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            c: ctrl_c()?,
            interrupted: ctrl_break()?,
            closed: ctrl_close()?,
            left: ctrl_logoff()?,
            shut_down: ctrl_shutdown()?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            if self.c.poll_recv(context).is_ready() || self.interrupted.poll_recv(context).is_ready() {
                return Poll::Ready(Signal::Keys);
            }
            if self.closed.poll_recv(context).is_ready() {
                return Poll::Ready(Signal::Closed);
            }
            let left = self.left.poll_recv(context).is_ready();
            if left || self.shut_down.poll_recv(context).is_ready() {
                return Poll::Ready(Signal::SignedOut);
            }
            Poll::Pending
        })
        .await
    }
}
