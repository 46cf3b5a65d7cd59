//! Waiting for the end of another process, by a descriptor that means that very process.
//!
//! Guarantees that a later process of the same number is never taken for it, nor one that cannot be looked at for one
//! that has ended. A parent's death signal would not do:
//! it follows the thread that forked, and the agent is nobody's child.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Between two looks where the kernel has no descriptor for it (Linux before 5.3).
const PAUSE: Duration = Duration::from_secs(1);

/// A process whose end can be waited for.
#[derive(Debug)]
pub struct Life {
    pid: u32,
    descriptor: Option<OwnedFd>,
    /// When it began, by the kernel's count: a number is used again, but not with that. None where that could not be
    /// learned.
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
        Self { pid, descriptor: open(pid), began: began(pid).ok().flatten() }
    }

    /// The descriptor, which must stay open, where there is one.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// Returns when the process has ended. Needs a tokio runtime.
    pub async fn ended(&self) {
        let watched = self.watched().and_then(|watched| super::unix::watch(watched).ok());
        // It may be another process's, where that had the number before it was opened.
        if let Some(watched) = watched.filter(|_| self.descriptor.is_some() || self.is_seen()) {
            if watched.readable().await.is_ok() {
                return;
            }
        }
        while self.is_seen() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    #[cfg(target_os = "linux")]
    fn watched(&self) -> Option<OwnedFd> {
        self.descriptor()?.try_clone_to_owned().ok()
    }

    /// No process has its parent's kqueue: each opens one of its own, when it waits.
    #[cfg(not(target_os = "linux"))]
    fn watched(&self) -> Option<OwnedFd> {
        use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
        let pid = usize::try_from(self.pid).ok()?;
        let (filter, add) = (EventFilter::EVFILT_PROC, EvFlags::EV_ADD);
        let queue = Kqueue::new().ok()?;
        queue.kevent(&[KEvent::new(pid, filter, add, FilterFlag::NOTE_EXIT, 0, 0)], &mut [], None).ok()?;
        Some(queue.into())
    }

    /// Whether it is there still. Where descriptors run short nobody can see that it is not.
    fn is_seen(&self) -> bool {
        match began(self.pid) {
            Ok(Some(now)) => self.began.as_ref().is_none_or(|then| *then == now),
            Ok(None) => false,
            Err(_) => true,
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

/// The start of a process, as the kernel counts it; none of one that has ended, a zombie too.
#[cfg(not(target_os = "linux"))]
fn began(pid: u32) -> io::Result<Option<String>> {
    super::bsd::seen(pid).map(|seen| seen.map(|seen| seen.began))
}

/// The start of a process, as the kernel counts it; none of one that has ended, a zombie too.
#[cfg(target_os = "linux")]
fn began(pid: u32) -> io::Result<Option<String>> {
    start(std::fs::read_to_string(format!("/proc/{pid}/stat")))
}

#[cfg(target_os = "linux")]
fn start(stat: io::Result<String>) -> io::Result<Option<String>> {
    let stat = match stat {
        // Gone before the look, or in the middle of it.
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_gone(&error) => return Ok(None),
        stat => stat?,
    };
    // After the name, which may hold anything: the state, and 18 fields later the start.
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let living = fields.next().is_some_and(|state| !matches!(state, "Z" | "X"));
    Ok(fields.nth(18).filter(|_| living).map(str::to_owned))
}

#[cfg(target_os = "linux")]
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ESRCH)
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

    #[cfg(target_os = "linux")]
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
        is_seen(|pid| Life { pid, descriptor: None, began: began(pid).unwrap() }).await;
    }

    #[cfg(not(target_os = "linux"))]
    #[tokio::test]
    async fn the_end_is_seen_by_a_kqueue() {
        is_seen(|pid| {
            let life = Life::of(pid);
            assert!(life.watched().is_some());
            life
        })
        .await;
    }

    #[cfg(target_os = "linux")]
    /// Whoever waits for a process that lives would wait on its thread, or end it.
    #[test]
    fn what_cannot_be_looked_at_has_not_ended() {
        let failed = |number| start(Err(io::Error::from_raw_os_error(number)));
        assert!(failed(libc::EMFILE).is_err() && failed(libc::ENFILE).is_err());
        assert!(matches!((failed(libc::ENOENT), failed(libc::ESRCH)), (Ok(None), Ok(None))));
        let unknown = |pid| Life { pid, descriptor: None, began: None };
        assert!(unknown(std::process::id()).is_seen() && !unknown(u32::MAX).is_seen());
    }

    #[tokio::test]
    async fn another_process_of_that_number_is_another_life() {
        let life = Life { pid: std::process::id(), descriptor: None, began: Some("1".into()) };
        life.ended().await;
        assert!(Life::own().began.is_some());
    }
}
