//! Other programs, such as `systemctl`: found through `PATH`, run with a time limit, in the C locale.
//!
//! Guarantees that a call returns within its limit whatever the program does, that no thread is started, and that
//! nothing is looked for in the current directory. Must never run a shell, or pass on anything secret.
#![forbid(unsafe_code)]

use super::process::poll_until;
use crate::error::Error;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What these programs say fits into a few lines; the rest is thrown away.
const MAX_OUTPUT: usize = 64 * 1024;
/// Between two looks at a program that has closed its output and is about to end.
const PAUSE: Duration = Duration::from_millis(1);
/// Between two looks whether one has ended that says nothing.
const LOOK: Duration = Duration::from_millis(20);

/// Where programs are looked for.
#[derive(Clone, Debug)]
pub struct Programs {
    path: OsString,
}

/// What a program said before it ended.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Programs {
    /// Those of `PATH`.
    #[must_use]
    pub fn current() -> Self {
        Self::at(std::env::var_os("PATH").unwrap_or_default())
    }

    /// Those in the directories of `path`, which is written as `PATH` is.
    #[must_use]
    pub fn at(path: impl Into<OsString>) -> Self {
        Self { path: path.into() }
    }

    /// The absolute path of the program called `name`, where there is one that can be run.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let directories = std::env::split_paths(&self.path).filter(|directory| directory.is_absolute());
        directories
            .map(|directory| directory.join(name))
            .find(|path| std::fs::metadata(path).is_ok_and(|meta| can_be_run(&meta)))
    }

    /// Runs `name` to its end and gives what it said, whatever its status.
    ///
    /// # Errors
    /// [`Error::Program`] where there is no such program, or it takes longer than `limit`: then it is ended.
    pub fn run(
        &self,
        name: &str,
        arguments: &[impl AsRef<OsStr>],
        environment: &[(&str, &OsStr)],
        limit: Duration,
    ) -> Result<Said, Error> {
        let failed = |reason: String| Error::Program { program: name.to_owned(), reason };
        let program = self.find(name).ok_or_else(|| failed("there is no such program".to_owned()))?;
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let said = listen(&mut child, Instant::now() + limit);
        if said.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        said.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => failed(format!("it did not end within {} seconds", limit.as_secs())),
            _ => failed(error.to_string()),
        })
    }

    /// As [`Programs::run`], but any status except 0 is an error, with the first line that the program wrote.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub fn succeed(
        &self,
        name: &str,
        arguments: &[impl AsRef<OsStr>],
        environment: &[(&str, &OsStr)],
        limit: Duration,
    ) -> Result<String, Error> {
        Ok(self.run(name, arguments, environment, limit)?.of_success(name)?.stdout)
    }
}

impl Said {
    /// The same, where the status is 0.
    ///
    /// # Errors
    /// [`Error::Program`], with the first line that the program called `name` wrote.
    pub fn of_success(self, name: &str) -> Result<Self, Error> {
        if self.status.success() {
            return Ok(self);
        }
        let first = self.stderr.lines().map(str::trim).find(|line| !line.is_empty());
        let reason = first.map_or_else(|| self.status.to_string(), |line| line.escape_debug().to_string());
        Err(Error::Program { program: name.to_owned(), reason })
    }
}

pub(super) fn can_be_run(meta: &Metadata) -> bool {
    meta.is_file() && meta.permissions().mode() & 0o111 != 0
}

/// Reads both outputs to their ends, or to that of the process: what it leaves behind may hold them for ever.
fn listen(child: &mut Child, end: Instant) -> io::Result<Said> {
    let (Some(mut out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (mut out_open, mut err_open, mut ended) = (true, true, false);
    while out_open || err_open {
        let mut fds = Vec::with_capacity(2);
        if out_open {
            fds.push(PollFd::new(out.as_fd(), PollFlags::POLLIN));
        }
        if err_open {
            fds.push(PollFd::new(err.as_fd(), PollFlags::POLLIN));
        }
        let look = if ended { Instant::now() } else { end.min(Instant::now() + LOOK) };
        match poll_until(&mut fds, look) {
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) if ended => break,
            Err(Errno::ETIMEDOUT) if look < end => {
                ended = child.try_wait()?.is_some();
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let of_err = usize::from(out_open);
        let err_ready = err_open && ready.get(of_err).copied().unwrap_or(false);
        if out_open && ready.first().copied().unwrap_or(false) {
            out_open = take(&mut out, &mut stdout)?;
        }
        if err_ready {
            err_open = take(&mut err, &mut stderr)?;
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { status: wait(child, end)?, stdout: text(stdout), stderr: text(stderr) })
}

/// Reads once what is there; false at the end of it.
fn take(from: &mut impl Read, to: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    match from.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(count) => {
            let room = MAX_OUTPUT - to.len();
            to.extend_from_slice(&buffer[..count.min(room)]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}

fn wait(child: &mut Child, end: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(PAUSE);
    }
}

/// The absolute path of this program: as it was called where that is this very file, so that a link which a later
/// version is put behind stays in force; else the file's own.
///
/// # Errors
/// The system's, where the file is gone.
pub fn this_program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let identity = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    let file = identity(&own)?;
    let called = std::env::args_os().next().and_then(|name| as_called(Path::new(&name)));
    Ok(called.filter(|path| identity(path).is_ok_and(|found| found == file)).unwrap_or(own))
}

fn as_called(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return std::path::absolute(name).ok();
    }
    Programs::current().find(name.to_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    #[test]
    fn what_a_program_leaves_behind_is_not_waited_for() {
        let programs = Programs::at("/usr/bin:/bin");
        let said = programs.run("sh", &["-c", "sleep 600 & echo $!; exit 3"], &[], Duration::from_secs(60));
        let said = said.unwrap();
        let left = Pid::from_raw(said.stdout.trim().parse().unwrap());
        let is_there = kill(left, Signal::SIGKILL).is_ok();
        assert_eq!((said.status.code(), is_there), (Some(3), true));
    }
}
