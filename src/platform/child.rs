//! Programs that the agent runs for itself: what asks a person, what speaks to a token.
//!
//! Guarantees: such a program has signals as any program expects them, a process group of its own, no descriptor of the
//! agent's but those it is given, and nothing in its environment that would make it load foreign code or take itself
//! for the service; it has ended, with its group, when its [`Helper`] is dropped, and when the agent ends by itself.
//! Must never be waited for on a thread that serves connections, but for the moment after it was killed.
#![forbid(unsafe_code)]

use std::io;
use std::num::TryFromIntError;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::life::Life;
use super::{handover, unix};

/// A running program.
#[derive(Debug)]
pub struct Helper {
    child: Child,
    life: Life,
    /// Waited for: its number may be another's now.
    reaped: bool,
}

impl Helper {
    /// Starts it.
    ///
    /// # Errors
    /// The system's, where it cannot be run.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        prepare(command);
        let child = command.spawn()?;
        let life = Life::of(child.id());
        Ok(Self { child, life, reaped: false })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The other end of its standard input, where that is a pipe and was not taken before.
    ///
    /// # Errors
    /// `BrokenPipe` where there is none. Needs a tokio runtime.
    pub fn stdin(&mut self) -> io::Result<Sender> {
        let end = self.child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Sender::from_owned_fd(OwnedFd::from(end))
    }

    /// The other end of its standard output.
    ///
    /// # Errors
    /// As for [`Helper::stdin`].
    pub fn stdout(&mut self) -> io::Result<Receiver> {
        let end = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Receiver::from_owned_fd(OwnedFd::from(end))
    }

    /// The other end of its standard error.
    ///
    /// # Errors
    /// As for [`Helper::stdin`].
    pub fn stderr(&mut self) -> io::Result<Receiver> {
        let end = self.child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Receiver::from_owned_fd(OwnedFd::from(end))
    }

    /// Waits for its end, and ends what it has left behind in its group. May be called again, and dropped half-way.
    ///
    /// # Errors
    /// The system's.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.life.ended().await;
        self.end_group();
        self.child.wait()
    }

    /// Ends the whole group, unless that was done.
    fn end_group(&mut self) {
        // It keeps its number until its leader was waited for.
        if let (false, Ok(group)) = (std::mem::replace(&mut self.reaped, true), self.group()) {
            let _ = killpg(group, Signal::SIGKILL);
            let _ = self.child.kill();
        }
    }

    fn group(&self) -> Result<Pid, TryFromIntError> {
        i32::try_from(self.child.id()).map(Pid::from_raw)
    }
}

/// Has a program run as every one that the agent starts for itself: in a group of its own, with default signals, and
/// without what would make it load foreign code or take itself for the service.
pub(super) fn prepare(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| handover::is_dangerous(name)) {
        command.env_remove(name);
    }
    command.env_remove("NOTIFY_SOCKET").process_group(0);
    unix::default_signals(command);
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.end_group();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn it_is_heard_and_its_end_is_seen() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo said; exit 7"]).stdin(Stdio::null());
        let mut helper = Helper::spawn(command.stdout(Stdio::piped())).unwrap();
        let mut said = String::new();
        helper.stdout().unwrap().read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "said\n");
        assert_eq!(helper.ended().await.unwrap().code(), Some(7));
        assert_eq!(helper.ended().await.unwrap().code(), Some(7));
    }

    #[cfg(target_os = "linux")]
    /// No shell in between: dash lets all signals through.
    #[tokio::test]
    async fn the_agents_signals_are_not_blocked_there() {
        use nix::sys::signal::SigSet;
        [Signal::SIGTERM, Signal::SIGUSR1].into_iter().collect::<SigSet>().thread_block().unwrap();
        let mut command = Command::new("grep");
        command.args(["SigBlk", "/proc/self/status"]).stdin(Stdio::null());
        let mut helper = Helper::spawn(command.stdout(Stdio::piped())).unwrap();
        let mut said = String::new();
        helper.stdout().unwrap().read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "SigBlk:\t0000000000000000\n");
    }

    /// Starts a program that leaves another one behind, and gives that one's number.
    async fn leaving(script: &str) -> (Helper, i32) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null());
        let mut helper = Helper::spawn(command.stdout(Stdio::piped())).unwrap();
        let mut line = Vec::new();
        let mut output = helper.stdout().unwrap();
        while line.last() != Some(&b'\n') {
            line.push(output.read_u8().await.unwrap());
        }
        (helper, String::from_utf8(line).unwrap().trim().parse().unwrap())
    }

    /// A zombie counts as ended: who reaps an orphan is not ours to say.
    async fn is_gone(pid: i32) {
        let end = Instant::now() + Duration::from_secs(60);
        #[cfg(target_os = "linux")]
        let lives = |pid: i32| {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
        };
        #[cfg(not(target_os = "linux"))]
        let lives =
            |pid: i32| crate::platform::bsd::seen(pid.unsigned_abs()).is_ok_and(|seen| seen.is_some());
        while lives(pid) {
            assert!(Instant::now() < end, "it is still there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn it_ends_with_its_group() {
        let (helper, grandchild) = leaving("sleep 1000 & echo $!; wait").await;
        let ours = helper.group().unwrap();
        drop(helper);
        is_gone(grandchild).await;
        assert!(nix::sys::signal::kill(ours, None).is_err());
    }

    #[tokio::test]
    async fn what_it_leaves_behind_ends_too() {
        for waited_for in [true, false] {
            let (mut helper, grandchild) = leaving("sleep 1000 & echo $!; exit 3").await;
            helper.life.ended().await;
            if waited_for {
                assert_eq!(helper.ended().await.unwrap().code(), Some(3));
            }
            drop(helper);
            is_gone(grandchild).await;
        }
    }
}
