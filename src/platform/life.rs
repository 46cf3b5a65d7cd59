//! Waiting for the end of another process, by a descriptor that means that very process.
//!
//! Guarantees that a later process of the same number is never taken for it. A parent's death signal would not do:
//! it follows the thread that forked, and the agent is nobody's child.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Between two looks where the kernel has no pidfd (Linux before 5.3).
const PAUSE: Duration = Duration::from_secs(1);

/// A process whose end can be waited for.
#[derive(Debug)]
pub struct Life {
    pid: u32,
    descriptor: Option<OwnedFd>,
    /// When it began, in ticks since the boot: a number is used again, but not with that.
    began: Option<String>,
}

impl Life {
    /// That of this process. Programs that it executes later are the same life.
    #[must_use]
    pub fn own() -> Self {
        Self::of(std::process::id())
    }

    /// That of a child which was not waited for yet: its number cannot mean another process.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self { pid, descriptor: open(pid), began: began(pid) }
    }

    /// The descriptor, which must stay open, where there is one.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// Returns when the process has ended. Needs a tokio runtime.
    pub async fn ended(&self) {
        #[cfg(target_os = "linux")]
        {
            let watched =
                self.descriptor().and_then(|own| super::linux::watch(own.try_clone_to_owned().ok()?).ok());
            if let Some(watched) = watched {
                if watched.readable().await.is_ok() {
                    return;
                }
            }
        }
        while self.began.is_some() && began(self.pid) == self.began {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(target_os = "linux")]
fn open(pid: u32) -> Option<OwnedFd> {
    super::linux::pidfd(pid).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(_: u32) -> Option<OwnedFd> {
    None
}

/// The start of a process that is no zombie, as the kernel counts it.
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything: the state, and 18 fields later the start.
    let mut fields = stat.rsplit(") ").next()?.split(' ');
    let living = !matches!(fields.next()?, "Z" | "X");
    fields.nth(18).filter(|_| living).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};
    use std::time::Instant;

    fn sleeper() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    async fn is_seen(of: impl Fn(u32) -> Life) {
        let mut child = sleeper();
        let life = of(child.id());
        let ended = tokio::time::timeout(Duration::from_millis(50), life.ended()).await;
        assert!(ended.is_err(), "it lives");
        child.kill().unwrap();
        // Not reaped yet: a zombie has ended.
        tokio::time::timeout(Duration::from_secs(60), life.ended()).await.unwrap();
        child.wait().unwrap();
        let begin = Instant::now();
        tokio::time::timeout(Duration::from_secs(60), life.ended()).await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn the_end_is_seen_by_the_descriptor() {
        is_seen(|pid| {
            let life = Life { pid, descriptor: open(pid), began: None };
            assert!(life.descriptor().is_some());
            life
        })
        .await;
    }

    #[tokio::test]
    async fn the_end_is_seen_without_a_descriptor() {
        is_seen(|pid| Life { pid, descriptor: None, began: began(pid) }).await;
    }

    #[tokio::test]
    async fn another_process_of_that_number_is_another_life() {
        let life = Life { pid: std::process::id(), descriptor: None, began: Some("1".into()) };
        life.ended().await;
        assert!(Life::own().began.is_some());
    }
}
