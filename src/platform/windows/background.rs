//! An agent in the background.
//!
//! Guarantees: it has no window, no handle of its starter's, and does not end with the terminal that it was started in,
//! or its starter knows that it may; its starter learns whether it became ready.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsHandle, FromRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};
use widestring::U16CString;
use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CREATE_UNICODE_ENVIRONMENT, CreateProcessW,
    DETACHED_PROCESS, PROCESS_INFORMATION, STARTUPINFOW,
};

use super::descriptor::Described;
use super::harden::{LEFT_OF_THREADS, LEFT_TO_OTHERS, leaving};
use super::job;
use super::pipe::{self, BoundSocket};
use super::process::Handle;
use super::program::this_program;
use super::stream::Stream;
use crate::error::Error;

/// An agent is ready in a moment, but the machine may be busy, and a scanner look at the program first.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks whether an agent that has not reported is there at all.
const PAUSE: Duration = Duration::from_millis(50);
/// More than any error text.
const MAX_REPORT: u64 = 16 * 1024;
/// The first word of a good report.
const READY: &str = "ready ";

/// What a starter hears from the agent that it has started.
#[derive(Debug)]
pub struct Report {
    pipe: BoundSocket,
    process: Handle,
    kept: bool,
}

/// Starts this program in the background; it is to report by [`Reporter::at`] the path that follows the arguments.
///
/// # Errors
/// The system's.
pub fn start_agent(arguments: &[String]) -> Result<Report, Error> {
    start(arguments, &[])
}

/// The same, for an agent at this pipe.
///
/// # Errors
/// The system's.
pub fn start_agent_at(socket: &OsStr, arguments: &[String]) -> Result<Report, Error> {
    let named = |(name, _): &(OsString, OsString)| name.eq_ignore_ascii_case("MYAGENT_SOCK");
    let mut environment: Vec<u16> = Vec::new();
    let others = std::env::vars_os().filter(|variable| !named(variable));
    for (name, value) in others.chain([("MYAGENT_SOCK".into(), socket.to_owned())]) {
        environment.extend(name.encode_wide().chain([u16::from(b'=')]).chain(value.encode_wide()).chain([0]));
    }
    environment.push(0);
    start(arguments, &environment)
}

/// With this environment, or with ours where it is empty.
fn start(arguments: &[String], environment: &[u16]) -> Result<Report, Error> {
    let failed = |error: io::Error| Error::io("start a process", error);
    let program = this_program().map_err(failed)?;
    let mut number = [0; 16];
    rand::fill(&mut number).map_err(|_| failed(io::ErrorKind::Other.into()))?;
    let number = u128::from_ne_bytes(number);
    let path = PathBuf::from(format!(r"\\.\pipe\myagent.report.{number:032x}"));
    let pipe = pipe::bind(&path).map_err(failed)?;
    let mut line = format!("\"{}\"", program.display());
    for argument in arguments.iter().chain([&path.display().to_string()]) {
        line.push(' ');
        line.push_str(argument);
    }
    let alone = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    // A terminal may end all that was started in it: not everyone lets go.
    let create = |flags| create(&program, &line, environment, flags);
    let process = create(alone | CREATE_BREAKAWAY_FROM_JOB).or_else(|error| {
        let kept = super::has_number(&error, ERROR_ACCESS_DENIED);
        if kept { create(alone) } else { Err(error) }
    });
    let process = process.map_err(failed)?;
    // One may let go, and another around it not.
    let kept = job::has(process.as_handle());
    Ok(Report { pipe, process: Handle::to_wait_for_started(process).map_err(failed)?, kept })
}

/// Starts a program that inherits no handle: a shell waits for the end of whoever has its pipe.
fn create(program: &Path, line: &str, environment: &[u16], flags: u32) -> io::Result<OwnedHandle> {
    let program = U16CString::from_os_str(program).map_err(io::Error::other)?;
    let mut line = U16CString::from_str(line).map_err(io::Error::other)?.into_vec_with_nul();
    let start = STARTUPINFOW {
        cb: u32::try_from(size_of::<STARTUPINFOW>()).map_err(io::Error::other)?,
        ..STARTUPINFOW::default()
    };
    // From the first moment on, and not from when it closes itself: a handle keeps the rights that it was opened with.
    let of_process = Described::from_text(&leaving(LEFT_TO_OTHERS)?)?;
    let of_thread = Described::from_text(&leaving(LEFT_OF_THREADS)?)?;
    let (process, thread) = (of_process.attributes()?, of_thread.attributes()?);
    let mut started = MaybeUninit::<PROCESS_INFORMATION>::zeroed();
    let none = std::ptr::null::<u8>();
    let environment = if environment.is_empty() { none.cast() } else { environment.as_ptr() };
    // SAFETY: pointers to what is alive, or none; the line may be written to, and ends with a zero, the environment with
    // two.
    let done = unsafe {
        CreateProcessW(
            program.as_ptr(),
            line.as_mut_ptr(),
            &raw const process,
            &raw const thread,
            0,
            flags | CREATE_UNICODE_ENVIRONMENT,
            environment.cast(),
            none.cast(),
            &raw const start,
            started.as_mut_ptr(),
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has been filled, and zeros are valid for it as well.
    let started = unsafe { started.assume_init() };
    // SAFETY: the system has just given it to us. It is closed at once.
    drop(unsafe { OwnedHandle::from_raw_handle(started.hThread) });
    // SAFETY: the system has just given it to us.
    Ok(unsafe { OwnedHandle::from_raw_handle(started.hProcess) })
}

impl Report {
    /// Whether the agent is still in what this process was started in: a job that lets nothing go, as a terminal's, a
    /// service's or that of a login over ssh may be. The system ends most of them whole.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Waits for the agent's report: its pid, or why it could not start.
    ///
    /// # Errors
    /// [`Error::Relayed`] with the agent's own words.
    pub fn wait(self) -> Result<u32, Error> {
        let failed = |error: io::Error| Error::io("hear from the agent", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let heard = runtime.map_err(failed)?.block_on(async {
            tokio::select! {
                biased;
                said = timeout(READY_LIMIT, self.said()) => {
                    said.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                }
                () = self.ended() => Ok(String::new()),
            }
        });
        let text = heard.map_err(failed)?;
        if let Some(pid) = text.strip_prefix(READY).and_then(|pid| pid.trim().parse().ok()) {
            return Ok(pid);
        }
        let (text, hint) = text.split_once('\n').unwrap_or(("the agent ended before it was ready", ""));
        Err(Error::Relayed { text: text.to_owned(), hint: hint.to_owned() })
    }

    async fn said(&self) -> io::Result<String> {
        let (stream, _) = self.pipe.to_tokio()?.next().await?;
        let mut text = String::new();
        stream.take(MAX_REPORT).read_to_string(&mut text).await?;
        Ok(text)
    }

    async fn ended(&self) {
        while self.process.runs() {
            sleep(PAUSE).await;
        }
        // Its last words may be on their way.
        sleep(PAUSE).await;
    }
}

/// The agent's end of the report.
#[derive(Debug)]
pub struct Reporter(Stream);

impl Reporter {
    /// The one at the path that the starter has named.
    ///
    /// # Errors
    /// The system's.
    pub fn at(path: &Path) -> io::Result<Self> {
        Stream::connect(path, Duration::ZERO).map(Self)
    }

    /// Tells the starter that the agent answers from now on.
    pub fn ready(mut self) {
        let _ = self.0.write_all(format!("{READY}{}\n", std::process::id()).as_bytes());
    }

    /// Tells the starter why there is no agent.
    pub fn failed(mut self, error: &Error) {
        let text = error.to_string().replace('\n', " ");
        let _ = self.0.write_all(format!("{text}\n{}", error.hint().unwrap_or_default()).as_bytes());
    }
}
