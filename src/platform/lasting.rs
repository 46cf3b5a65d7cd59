//! Processes of this program's own that outlive the program which started them: after a handover they are children of
//! the same process still.
//!
//! Guarantees: what is run is this very version, whatever lies at its path meanwhile, from memory that nobody can change
//! or read, so that the process is closed to others of its user from its first instruction; it leads a group of its
//! own, has one socket to speak through, and ends when the other end of that is closed, even while it hangs; no
//! process is signalled by a number that may have become another's.
//! Where the system runs nothing from memory the running program's own file is run, as it is for the agent itself; then
//! the process may be open to others of its user until it closes itself, which it does before it says its first word.
//! The environment is the agent's but for what makes programs load foreign code: the variables that providers read
//! (`SOFTHSM2_CONF`, those of a vendor) are known to nobody else.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::harden::{self, harden_again};
use super::life::Life;
use super::seccomp::{self, Unfiltered};
use super::{child, executable, hangup, process, unix};
use crate::control::State;

/// What the process is called.
const NAME: &str = "myagent";

/// How a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its number is its own: it was not waited for.
    Ours,
    /// It was waited for.
    Reaped,
}

/// A child of this process.
#[derive(Debug)]
pub struct Lasting {
    pid: Pid,
    life: Life,
    standing: Mutex<Standing>,
}

impl Lasting {
    /// Runs this program with `arguments`, and gives the other end of its socket. Takes milliseconds: the program is
    /// copied.
    ///
    /// # Errors
    /// The system's.
    pub fn spawn(arguments: &[&str]) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        // A program that cannot be read is such a copy already.
        let own = this_program()?;
        let copy = File::open(&own).and_then(executable::sealed_copy);
        let path = match &copy {
            Ok(copy) => format!("/proc/self/fd/{}", copy.as_raw_fd()).into(),
            Err(_) => own,
        };
        let mut command = Command::new(path);
        command.arg0(NAME).args(arguments).current_dir("/");
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        child::prepare(&mut command);
        // Not waited for by the library: after a handover it could not be.
        let pid = command.spawn()?.id();
        let pid_number = i32::try_from(pid).map_err(io::Error::other)?;
        Ok((Self::over(Pid::from_raw(pid_number)), ours))
    }

    /// Any child, for tests.
    #[cfg(test)]
    pub(crate) fn of_test(child: &std::process::Child) -> Self {
        Self::over(Pid::from_raw(i32::try_from(child.id()).unwrap()))
    }

    fn over(pid: Pid) -> Self {
        let life = Life::of(pid.as_raw().unsigned_abs());
        Self { pid, life, standing: Mutex::new(Standing::Ours) }
    }

    /// A child that an earlier program of this process has started; none where it has ended, or is none.
    #[must_use]
    pub fn adopted(pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid);
        let alive =
            pid.as_raw() > 1 && waitpid(pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive);
        alive.then(|| Self::over(pid))
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Ends it and its group, without waiting.
    pub fn end(&self) {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        // The group keeps its number until its leader was waited for.
        if *standing == Standing::Ours {
            let _ = killpg(self.pid, Signal::SIGKILL);
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Returns when it has ended, and was waited for, with how. Needs a tokio runtime.
    pub async fn ended(&self) -> String {
        loop {
            self.life.ended().await;
            if let Some(how) = self.reap() {
                return how;
            }
            tokio::task::yield_now().await;
        }
    }

    fn reap(&self) -> Option<String> {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if *standing == Standing::Reaped {
            return Some("it has ended".to_owned());
        }
        // What it leaves in its group goes with it, while the group's number is still its own.
        let _ = killpg(self.pid, Signal::SIGKILL);
        let how = match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return None,
            Ok(WaitStatus::Signaled(_, signal, _)) => format!("it was ended by {signal}"),
            Ok(WaitStatus::Exited(_, status)) => format!("it ended with status {status}"),
            _ => "it has ended".to_owned(),
        };
        *standing = Standing::Reaped;
        Some(how)
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.end();
        // Nobody waits for it any more, and it would stay as a zombie: its starter may have gone while it started.
        if *self.standing.lock().unwrap_or_else(PoisonError::into_inner) == Standing::Ours {
            let pid = self.pid;
            // Aside: what hangs in the kernel ends when that lets it.
            let _ =
                std::thread::Builder::new().spawn(move || while waitpid(pid, None) == Err(Errno::EINTR) {});
        }
    }
}

/// The program that this process runs, also where its file is gone or replaced.
#[cfg(target_os = "linux")]
fn this_program() -> io::Result<PathBuf> {
    Ok("/proc/self/exe".into())
}

/// The file that this process was started from; one of another version is seen by its first word.
#[cfg(not(target_os = "linux"))]
fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Waits for the children that have ended while no program was there to do so. To be called before this program has
/// any of its own.
pub fn reap_strays() {
    while let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) =
        waitpid(None, Some(WaitPidFlag::WNOHANG))
    {}
}

/// In such a process: closes it, lets go of everything but its socket, and has it end with the other end of that.
/// Nothing foreign may have been loaded before. To be called before there is any thread.
///
/// # Errors
/// The system's; `InvalidInput` where standard input is no such socket, `PermissionDenied` where the process stays
/// open to others.
pub fn inside() -> io::Result<UnixStream> {
    process::set_name(c"myagent-token");
    // What is started here stays below this process, also where its starter has ended: it is looked for later.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
    // The agent's refused calls are refused here too: they come down to all that it runs.
    let measures = harden_again();
    process::reset_signals();
    unix::restore_sigpipe();
    let open = measures.iter().any(|measure| measure.name == harden::CLOSED && measure.state != State::On);
    if open {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    if getsockopt(&socket, sockopt::SockType)? != SockType::Stream {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    let _ = process::close_inherited(&[socket.as_fd()]);
    let socket = UnixStream::from(socket);
    let watched = socket.try_clone()?;
    std::thread::Builder::new().spawn(move || {
        hangup::wait(watched.as_fd());
        unix::exit_now(0)
    })?;
    Ok(socket)
}

/// In such a process, once what it is there for is loaded: refuses everything to it, in all threads, that a signature
/// does not need. It starts nothing more, and signals no other process. Files and sockets it has still, and with them
/// what they lead to: the memory of another process of its user, where the system leaves that open.
///
/// # Errors
/// Why it could not, and [`Unfiltered::Started`], where it could, but not for all that runs.
pub fn confine() -> Result<(), Unfiltered> {
    seccomp::close_provider()?;
    if has_children() { Err(Unfiltered::Started) } else { Ok(()) }
}

/// Whether anything runs that was started here; those that have ended are waited for.
fn has_children() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::zombie_processes)] // they are waited for by their numbers
mod tests;
