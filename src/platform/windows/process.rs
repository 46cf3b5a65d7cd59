//! Processes: which program one runs, whether it is there, and an agent in the background.
//!
//! Guarantees: an agent in the background has no window, no handle of its starter's, and does not end with the terminal
//! that it was started in; its starter learns whether it became ready.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};
use widestring::U16CString;
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, HANDLE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CREATE_UNICODE_ENVIRONMENT, CreateProcessW,
    DETACHED_PROCESS, OpenProcess, PROCESS_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, QueryFullProcessImageNameW, STARTUPINFOW, WaitForSingleObject,
};

use super::pipe::{self, BoundSocket};
use super::program::this_program;
use super::security::{self, Whose};
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
/// The longest path of a program, in units of 16 bits.
const MAX_PATH: usize = 32 * 1024;

/// The program that a process runs, as its file is called.
#[must_use]
pub fn program(pid: i32) -> Option<String> {
    let process = Handle::open(u32::try_from(pid).ok()?, PROCESS_QUERY_LIMITED_INFORMATION).ok()?;
    let mut path = vec![0_u16; MAX_PATH];
    let mut length = u32::try_from(path.len()).ok()?;
    // SAFETY: the buffer is as long as it says, and the handle open.
    let named = unsafe {
        QueryFullProcessImageNameW(process.0.as_raw_handle(), 0, path.as_mut_ptr(), &raw mut length)
    };
    if named == 0 {
        return None;
    }
    let path = PathBuf::from(OsString::from_wide(path.get(..usize::try_from(length).ok()?)?));
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// What executes the process that calls this one, without the ending of programs.
#[must_use]
pub fn callers() -> Vec<String> {
    let caller = parent(std::process::id()).and_then(|pid| program(i32::try_from(pid).ok()?));
    caller.map(|name| name.to_lowercase().trim_end_matches(".exe").to_owned()).into_iter().collect()
}

fn parent(pid: u32) -> Option<u32> {
    // SAFETY: no pointer.
    let list = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if list == INVALID_HANDLE_VALUE {
        return None;
    }
    // SAFETY: the system has just given it to us.
    let list = unsafe { OwnedHandle::from_raw_handle(list) };
    let mut entry =
        PROCESSENTRY32W { dwSize: u32::try_from(size_of::<PROCESSENTRY32W>()).ok()?, ..Default::default() };
    // SAFETY: the structure says how long it is.
    let mut more = unsafe { Process32FirstW(list.as_raw_handle(), &raw mut entry) };
    while more != 0 {
        if entry.th32ProcessID == pid {
            return Some(entry.th32ParentProcessID);
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(list.as_raw_handle(), &raw mut entry) };
    }
    None
}

/// The user of the process with this number.
///
/// # Errors
/// The system's, as where we may not ask.
pub(super) fn user(pid: u32) -> io::Result<Whose> {
    let process = Handle::open(pid, PROCESS_QUERY_LIMITED_INFORMATION)?;
    security::user_of_process(process.0.as_handle())
}

/// Whether there is a process of that number.
#[must_use]
pub fn exists(pid: u32) -> bool {
    Handle::to_wait_for(pid).is_ok_and(|process| process.runs())
}

/// A process, whatever becomes of its number.
#[derive(Debug)]
pub(super) struct Handle(OwnedHandle);

impl Handle {
    /// The one with this number now.
    ///
    /// # Errors
    /// The system's, as where there is none.
    pub(super) fn to_wait_for(pid: u32) -> io::Result<Self> {
        Self::open(pid, PROCESS_SYNCHRONIZE)
    }

    fn open(pid: u32, access: u32) -> io::Result<Self> {
        // SAFETY: no pointer.
        let process: HANDLE = unsafe { OpenProcess(access, 0, pid) };
        if process.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system has just given it to us.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(process) }))
    }

    /// Whether it has not ended.
    pub(super) fn runs(&self) -> bool {
        // SAFETY: no pointer, and the handle is open.
        let waited = unsafe { WaitForSingleObject(self.0.as_raw_handle(), 0) };
        waited == WAIT_TIMEOUT
    }
}

/// Has Ctrl-C and Ctrl-Break end the programs that this one runs, and not this one.
pub fn leave_keys_to_others() {
    unsafe extern "system" fn taken(key: u32) -> i32 {
        i32::from(matches!(key, CTRL_C_EVENT | CTRL_BREAK_EVENT))
    }
    // SAFETY: the function is there for as long as the process, and touches nothing.
    let _ = unsafe { SetConsoleCtrlHandler(Some(taken), 1) };
}

/// What a starter hears from the agent that it has started.
#[derive(Debug)]
pub struct Report {
    pipe: BoundSocket,
    process: Handle,
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
    Ok(Report { pipe, process: process.map_err(failed)? })
}

/// Starts a program that inherits no handle: a shell waits for the end of whoever has its pipe.
fn create(program: &Path, line: &str, environment: &[u16], flags: u32) -> io::Result<Handle> {
    let program = U16CString::from_os_str(program).map_err(io::Error::other)?;
    let mut line = U16CString::from_str(line).map_err(io::Error::other)?.into_vec_with_nul();
    let start = STARTUPINFOW {
        cb: u32::try_from(size_of::<STARTUPINFOW>()).map_err(io::Error::other)?,
        ..STARTUPINFOW::default()
    };
    let mut started = MaybeUninit::<PROCESS_INFORMATION>::zeroed();
    let none = std::ptr::null::<u8>();
    let environment = if environment.is_empty() { none.cast() } else { environment.as_ptr() };
    // SAFETY: pointers to what is alive, or none; the line may be written to, and ends with a zero, the environment with
    // two.
    let done = unsafe {
        CreateProcessW(
            program.as_ptr(),
            line.as_mut_ptr(),
            none.cast(),
            none.cast(),
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
    Ok(Handle(unsafe { OwnedHandle::from_raw_handle(started.hProcess) }))
}

impl Report {
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
