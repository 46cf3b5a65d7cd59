//! Going into the background, and leaving behind what the caller handed down.
//!
//! Guarantees that the starter learns whether the agent became ready, and that the agent keeps no descriptor,
//! terminal, directory or signal setting of its caller. Must run before any thread exists.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
use super::program::Programs;
use super::{descriptors, unix};
use crate::control::{Measure, measure};
use crate::error::Error;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{
    ForkResult, Gid, Pid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, getegid, geteuid, getgid, getuid, setsid,
};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

pub use unix::reset_signals;

/// An agent is ready in milliseconds; one that is not after this has failed.
const READY_LIMIT: Duration = Duration::from_secs(10);
/// More than any error text.
const MAX_REPORT: u64 = 16 * 1024;
/// The first word of a good report.
const READY: &str = "ready ";

/// Which of the two processes this is, after [`daemonize`].
#[derive(Debug)]
pub enum Side {
    /// The one that was called.
    Starter(Report),
    /// The agent.
    Daemon(Reporter),
}

/// The starter's end of the readiness pipe.
#[derive(Debug)]
pub struct Report(File);

/// The agent's end of the readiness pipe.
#[derive(Debug)]
pub struct Reporter(File);

/// Forks twice and leaves the session, so that the agent belongs to no terminal and to no parent of ours.
pub fn daemonize() -> Result<Side, Error> {
    let failed = |e: Errno| Error::io("start a process", e);
    let (reader, writer) = descriptors::pipe().map_err(failed)?;
    if let ForkResult::Parent { child } = unix::fork().map_err(failed)? {
        drop(writer);
        // The child only forks again; what became of that is in the pipe.
        while waitpid(child, None) == Err(Errno::EINTR) {}
        return Ok(Side::Starter(Report(reader.into())));
    }
    drop(reader);
    let reporter = Reporter(writer.into());
    match setsid().and_then(|_| unix::fork()) {
        Ok(ForkResult::Child) => Ok(Side::Daemon(reporter)),
        Ok(ForkResult::Parent { .. }) => unix::exit_now(0),
        Err(error) => {
            reporter.failed(&failed(error));
            unix::exit_now(1)
        }
    }
}

/// Forks once and leaves the session: the agent is a child of its starter, as OpenSSH's is.
pub fn fork_agent() -> Result<Side, Error> {
    let failed = |e: Errno| Error::io("start a process", e);
    let (reader, writer) = descriptors::pipe().map_err(failed)?;
    if let ForkResult::Parent { .. } = unix::fork().map_err(failed)? {
        return Ok(Side::Starter(Report(reader.into())));
    }
    drop(reader);
    // A new process leads no group, so this does not fail.
    let _ = setsid();
    Ok(Side::Daemon(Reporter(writer.into())))
}

impl Report {
    /// Waits for the agent's report: its pid, or why it could not start.
    pub fn wait(mut self) -> Result<u32, Error> {
        let mut text = String::new();
        let end = Instant::now() + READY_LIMIT;
        match poll_until(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], end) {
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) => return Err(Error::io("start the agent", Errno::ETIMEDOUT)),
            Err(error) => return Err(Error::io("wait for the agent", error)),
        }
        // One write on the other side, and then the end: the rest cannot keep us waiting.
        (&mut self.0)
            .take(MAX_REPORT)
            .read_to_string(&mut text)
            .map_err(|e| Error::io("hear from the agent", e))?;
        if let Some(pid) = text.strip_prefix(READY).and_then(|pid| pid.trim().parse().ok()) {
            return Ok(pid);
        }
        match text.split_once('\n') {
            Some((text, hint)) => Err(Error::Relayed { text: text.to_owned(), hint: hint.to_owned() }),
            None => Err(Error::Relayed {
                text: "the agent ended before it was ready".into(),
                hint: String::new(),
            }),
        }
    }
}

impl Reporter {
    /// Tells the starter that the agent answers from now on. False where there is no starter any more.
    pub fn ready(mut self) -> bool {
        self.0.write_all(format!("{READY}{}\n", std::process::id()).as_bytes()).is_ok()
    }

    /// Tells the starter why there is no agent.
    pub fn failed(mut self, error: &Error) {
        let text = error.to_string().replace('\n', " ");
        let _ = self.0.write_all(format!("{text}\n{}", error.hint().unwrap_or_default()).as_bytes());
    }
}

impl AsFd for Reporter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of them is ready; `ETIMEDOUT` at `end`.
pub(super) fn poll_until(fds: &mut [PollFd<'_>], end: Instant) -> nix::Result<()> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match poll(fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Err(Errno::ETIMEDOUT),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The name of a process, as far as the kernel keeps it (15 bytes). Any process can give itself any name.
#[must_use]
#[cfg(not(target_os = "linux"))]
pub fn name(pid: i32) -> Option<String> {
    super::bsd::name(pid)
}

/// The name of a process, as far as the kernel keeps it (15 bytes). Any process can give itself any name.
#[must_use]
#[cfg(target_os = "linux")]
pub fn name(pid: i32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// The name of the file that a process executes, which for a script is its interpreter's.
#[must_use]
#[cfg(not(target_os = "linux"))]
pub fn program(pid: i32) -> Option<String> {
    Some(super::bsd::program(pid)?.file_name()?.to_string_lossy().into_owned())
}

/// The name of the file that a process executes, which for a script is its interpreter's.
#[must_use]
#[cfg(target_os = "linux")]
pub fn program(pid: i32) -> Option<String> {
    let file = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = file.file_name()?.to_string_lossy().into_owned();
    // What the kernel adds where the file was replaced since, as by an upgrade.
    Some(name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name))
}

/// What the process that calls this one is named, and what it executes.
#[must_use]
pub fn callers() -> Vec<String> {
    let parent = nix::unistd::getppid().as_raw();
    [name(parent), program(parent)].into_iter().flatten().collect()
}

/// Whether there is a process of that number, be it one that only waits for its parent.
#[must_use]
pub fn exists(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
}

/// Becomes another program: same process, terminal, directory, limits, umask, blocked signals and descriptors, in
/// this environment. Returns why that could not be.
///
/// SIGPIPE has its default action again; whether the caller had it ignored cannot be known any more.
#[must_use]
pub fn execute(command: &[OsString], environment: impl Iterator<Item = (OsString, OsString)>) -> io::Error {
    let text = |bytes: &OsStr| CString::new(bytes.as_bytes());
    let arguments = command.iter().map(|argument| text(argument)).collect::<Result<Vec<_>, _>>();
    let settings = environment.map(|variable| text(&setting(variable)));
    match (arguments, settings.collect::<Result<Vec<_>, _>>()) {
        (Ok(arguments), Ok(settings)) => {
            unix::restore_sigpipe();
            become_program(&arguments, &settings)
        }
        (Err(error), _) | (_, Err(error)) => error.into(),
    }
}

/// A variable as an environment has it: `NAME=VALUE`.
pub(super) fn setting((mut variable, value): (OsString, OsString)) -> OsString {
    variable.push("=");
    variable.push(value);
    variable
}

#[cfg(target_os = "linux")]
fn become_program(arguments: &[CString], environment: &[CString]) -> io::Error {
    super::linux::execute(arguments, environment).into()
}

/// Looked for in this process's own `PATH`, which no caller changes.
#[cfg(not(target_os = "linux"))]
fn become_program(arguments: &[CString], environment: &[CString]) -> io::Error {
    let Some(named) = arguments.first() else { return Errno::EINVAL.into() };
    let program = match named.to_bytes().contains(&b'/') {
        true => Some(named.clone()),
        false => named
            .to_str()
            .ok()
            .and_then(|name| Programs::current().find(name))
            .and_then(|path| CString::new(path.into_os_string().into_encoded_bytes()).ok()),
    };
    let Some(program) = program else { return Errno::ENOENT.into() };
    match nix::unistd::execve(&program, arguments, environment) {
        Ok(never) => match never {},
        Err(error) => error.into(),
    }
}

/// Gives this process a name for those who look at it, where the system has names beside the program's.
pub fn set_name(name: &CStr) {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_name(name);
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Tells a process to end, as by `kill`.
pub fn terminate(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Tells a child to end, as by `kill`, and waits until it has.
pub fn end_child(pid: u32) {
    terminate(pid);
    if let Ok(pid) = i32::try_from(pid) {
        while waitpid(Pid::from_raw(pid), None) == Err(Errno::EINTR) {}
    }
}

/// Gives up what a set-user-id or set-group-id program has beyond its caller, for good.
///
/// # Errors
/// The system's; the program must not go on then.
pub fn drop_privileges() -> nix::Result<()> {
    let (user, group) = (getuid(), getgid());
    if (geteuid(), getegid()) == (user, group) { Ok(()) } else { become_caller(user, group) }
}

#[cfg(not(target_os = "macos"))]
fn become_caller(user: Uid, group: Gid) -> nix::Result<()> {
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)
}

#[cfg(target_os = "macos")]
fn become_caller(user: Uid, group: Gid) -> nix::Result<()> {
    super::bsd::become_caller(user, group)
}

/// Leaves the caller's directory, input and output.
pub fn detach() -> Result<(), Error> {
    let failed = |e| Error::io("leave the terminal", e);
    std::env::set_current_dir("/").map_err(failed)?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").map_err(failed)?;
    dup2_stdin(&null)
        .and_then(|()| dup2_stdout(&null))
        .and_then(|()| dup2_stderr(&null))
        .map_err(|e| failed(e.into()))
}

/// Closes every descriptor above standard error but `keep`. Nothing else in this process may own one.
#[must_use]
pub fn close_inherited(keep: &[BorrowedFd<'_>]) -> Measure {
    let mut kept: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    kept.sort_unstable();
    let mut first = 3;
    let mut result = Ok(());
    for fd in kept.into_iter().filter(|&fd| fd > 2).chain([RawFd::MAX]) {
        if fd > first {
            result = result.and(close_range(first, fd - 1, keep));
        }
        first = fd.saturating_add(1);
    }
    measure("closed descriptors", "nothing of the caller's is open", result)
}

fn close_range(first: RawFd, last: RawFd, keep: &[BorrowedFd<'_>]) -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    if super::linux::close_range(first, last).is_ok() {
        return Ok(());
    }
    #[cfg(target_os = "freebsd")]
    if super::bsd::close_range(first, last).is_ok() {
        return Ok(());
    }
    // Linux before 5.9, or a sandbox that does not know the call; macOS.
    let listed = std::fs::read_dir("/dev/fd").map_err(|_| Errno::ENOSYS)?;
    let names = listed.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    let names = names.map_err(|_| Errno::ENOSYS)?;
    let open: Vec<RawFd> = names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| (first..=last).contains(fd)) {
        if !keep.iter().any(|kept| kept.as_raw_fd() == fd) {
            unix::close(fd);
        }
    }
    Ok(())
}
