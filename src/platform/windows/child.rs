//! Programs that the agent runs for itself: what asks a person.
//!
//! Guarantees: such a program opens no console window, has no handle of the agent's but those it is given, and has ended,
//! with all that it has started, when its [`Helper`] is dropped and when the agent ends.
//! Must never be waited for on a thread that serves connections.
#![forbid(unsafe_code)]

use std::io;
use std::os::windows::process::CommandExt;
use std::process::{Command, ExitStatus};

use tokio::process::{Child, ChildStderr, ChildStdout};
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

use super::harden::reopened;
use super::job::Job;

/// Threads of the runtime that wait for what a program says, for as long as it runs: Windows has no other way for such
/// pipes.
pub const LISTENERS: usize = 2;

/// A running program.
#[derive(Debug)]
pub struct Helper {
    child: Child,
    /// Ends what is in it when it is dropped.
    _job: Job,
}

impl Helper {
    /// Starts it. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, where it cannot be run.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let job = Job::new()?;
        command.creation_flags(CREATE_NO_WINDOW);
        let mut command = tokio::process::Command::from(std::mem::replace(command, Command::new("")));
        let child = reopened(|| command.kill_on_drop(true).spawn())?;
        // One that has ended already is in no need of it.
        if let Some(handle) = child.raw_handle() {
            let _ = job.take(handle);
        }
        Ok(Self { child, _job: job })
    }

    /// The other end of its standard output, where that is a pipe and was not taken before.
    ///
    /// # Errors
    /// `BrokenPipe` where there is none.
    pub fn stdout(&mut self) -> io::Result<ChildStdout> {
        self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe.into())
    }

    /// The other end of its standard error.
    ///
    /// # Errors
    /// As for [`Helper::stdout`].
    pub fn stderr(&mut self) -> io::Result<ChildStderr> {
        self.child.stderr.take().ok_or(io::ErrorKind::BrokenPipe.into())
    }

    /// Waits for its end. May be called again, and dropped half-way.
    ///
    /// # Errors
    /// The system's.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}
