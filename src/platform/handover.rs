//! Running another program in this one's place, tried out first.
//!
//! Guarantees: descriptors are handed down by number, to that one program; whatever the one that is tried out does, it
//! is gone when [`try_out`] returns, with what it started in its process group, and when this process ends; what could
//! make the next program load foreign code is not in its environment.
//! Must never: hand a descriptor to a program whose file can change meanwhile.
#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags};

use super::process::{poll_until, setting};
use super::unix;

/// Whether one program can take the place of another here, with all that it has: only Linux runs a copy that nobody can
/// change or look into, and nowhere else has this been tried.
pub const IS_THERE: bool = cfg!(target_os = "linux");

/// How long a program that is tried out may take: it opens some thousand keys in milliseconds.
const TRIAL_LIMIT: Duration = Duration::from_secs(5);
/// More than any answer.
const MAX_ANSWER: u64 = 4096;
/// The name that the program is called by.
const NAME: &str = "myagent";

/// Variables that the loader, the C library and systemd act upon, by their beginnings: an agent that lives for
/// months must not take them from the shell that started it into a program that root has installed since.
const DANGEROUS: [&str; 9] =
    ["LD_", "GLIBC_", "MALLOC_", "GCONV_PATH", "LOCPATH", "NLSPATH", "DYLD_", "LISTEN_", PASSAGE];

/// The variable that half of a key passes in: the environment goes with the process's memory, before its descriptors do.
pub const PASSAGE: &str = "MYAGENT_PASSAGE";

/// What a program is run with: arguments, descriptors that stay open, and the value of [`PASSAGE`].
pub struct Handed<'a> {
    /// After the program's name.
    pub arguments: &'a [&'a str],
    /// Their numbers stay the same.
    pub descriptors: &'a [BorrowedFd<'a>],
    /// Half of the key.
    pub passage: &'a str,
}

/// Runs `image` as a child with what is `handed` to it and no other environment, and gives what it wrote. The child is
/// ended and waited for.
///
/// # Errors
/// The system's; `TimedOut` where it did not end its answer in time.
pub fn try_out(image: &OwnedFd, handed: &Handed<'_>) -> io::Result<String> {
    let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
    command.arg0(NAME).args(handed.arguments).env_clear().env(PASSAGE, handed.passage);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    unix::keep_open(&mut command, handed.descriptors.iter().map(AsRawFd::as_raw_fd).collect());
    let mut child = command.spawn()?;
    let answer = answer(&mut child);
    // The group keeps its number until its leader, which is this child, was waited for.
    let group = i32::try_from(child.id()).map_err(io::Error::other)?;
    let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
    let _ = child.kill();
    let _ = child.wait();
    answer
}

fn answer(child: &mut Child) -> io::Result<String> {
    let Some(mut stdout) = child.stdout.take() else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let end = Instant::now() + TRIAL_LIMIT;
    let mut answer = Vec::new();
    loop {
        poll_until(&mut [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)], end)?;
        let mut part = [0; 512];
        let got = stdout.read(&mut part)?;
        answer.extend_from_slice(&part[..got]);
        if got == 0 || part[..got].contains(&b'\n') || answer.len() as u64 > MAX_ANSWER {
            return Ok(String::from_utf8_lossy(&answer).trim_end().to_owned());
        }
    }
}

/// Executes `image` in place of this program. Returns only where that failed, and then nothing has changed.
///
/// There must be no other thread that starts programs: they would get the descriptors too.
pub fn execute(image: &OwnedFd, handed: &Handed<'_>) -> io::Error {
    let set = |flag: FdFlag| {
        handed.descriptors.iter().try_for_each(|fd| fcntl(fd, FcntlArg::F_SETFD(flag)).map(drop))
    };
    let strings = |strings: Vec<OsString>| -> Vec<CString> {
        strings.into_iter().filter_map(|string| CString::new(string.into_vec()).ok()).collect()
    };
    let arguments = strings([&[NAME], handed.arguments].concat().into_iter().map(OsString::from).collect());
    let mut environment = environment();
    environment.push(format!("{PASSAGE}={}", handed.passage).into());
    let environment = strings(environment);
    let failed = match set(FdFlag::empty()) {
        Ok(()) => become_image(image, &arguments, &environment),
        Err(error) => error,
    };
    let _ = set(FdFlag::FD_CLOEXEC);
    failed.into()
}

#[cfg(target_os = "linux")]
fn become_image(image: &OwnedFd, arguments: &[CString], environment: &[CString]) -> nix::Error {
    match nix::unistd::fexecve(image, arguments, environment) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

#[cfg(not(target_os = "linux"))]
fn become_image(_: &OwnedFd, _: &[CString], _: &[CString]) -> nix::Error {
    nix::Error::ENOSYS
}

/// Whether a variable must not pass from the agent to another program.
pub(super) fn is_dangerous(name: &OsStr) -> bool {
    DANGEROUS.iter().any(|dangerous| name.as_encoded_bytes().starts_with(dangerous.as_bytes()))
}

/// This program's environment but for what is [`DANGEROUS`].
fn environment() -> Vec<OsString> {
    std::env::vars_os().filter(|(name, _)| !is_dangerous(name)).map(setting).collect()
}

/// Takes the descriptors of these numbers, which a predecessor handed down; no program gets them from here on.
///
/// # Errors
/// The system's, where one of them is not open.
pub fn inherited(numbers: &[RawFd]) -> io::Result<Vec<OwnedFd>> {
    numbers.iter().map(|&number| unix::inherited(number)).collect()
}
