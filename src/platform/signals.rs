//! Signals as something to wait for.
//!
//! Guarantees: on Linux a signal stays with the kernel until somebody acts on it, so that one which comes while nobody
//! is there, at the start or in the middle of a handover, is acted on later, by the next program too.
#![forbid(unsafe_code)]

use std::io;

use super::unix;
pub use nix::sys::signal::Signal;
use nix::sys::signal::{SigSet, SigmaskHow};

/// Keeps these signals waiting, and no others: in this thread and those that it starts, and in a program executed in its
/// place. To be called in the main thread before there is any other: a signal goes to whichever thread takes it.
pub fn hold(signals: &SigSet) {
    // Fails for no set of existing signals.
    let _ = signals.thread_set_mask();
}

/// Signals that are kept waiting for a while: the mask from before is back when this is dropped, and those that came
/// have their effect then. One that is ignored has none and is not kept.
#[derive(Debug)]
pub struct Postponed {
    kept: SigSet,
    before: SigSet,
}

impl Postponed {
    /// Begins. There must be no other thread.
    #[must_use]
    pub fn begin(signals: &SigSet) -> Self {
        let kept: SigSet = signals.iter().filter(|signal| !is_ignored(*signal)).collect();
        let before = kept.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap_or_else(|_| SigSet::empty());
        Self { kept, before }
    }

    /// Whether one has come that will have an effect.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let there = unix::waiting_signals();
        self.kept.iter().any(|signal| !self.before.contains(signal) && there.contains(signal))
    }
}

impl Drop for Postponed {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// Whether Linux would keep a signal waiting that has no effect. Other systems forget one that is ignored at once.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let bits = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default();
    bits >> (signal as u32 - 1) & 1 == 1
}

/// The signals that wait since [`hold`].
#[cfg(target_os = "linux")]
pub struct Waiting {
    signals: nix::sys::signalfd::SignalFd,
    /// The same, to wait for.
    ready: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Waiting {
    /// Those of them that are in `signals`. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, where it has no descriptor for them.
    pub fn new(signals: &SigSet) -> io::Result<Self> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        use std::os::fd::AsFd;
        let signals = SignalFd::with_flags(signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let ready = signals.as_fd().try_clone_to_owned()?;
        Ok(Self { signals, ready: unix::watch(ready)? })
    }

    /// The next one; what is not waited for stays with the kernel.
    pub async fn next(&mut self) -> Signal {
        loop {
            let Ok(mut ready) = self.ready.readable().await else { std::future::pending().await };
            match self.signals.read_signal() {
                Ok(Some(info)) => {
                    let number = i32::try_from(info.ssi_signo).unwrap_or_default();
                    if let Ok(signal) = Signal::try_from(number) {
                        return signal;
                    }
                }
                _ => ready.clear_ready(),
            }
        }
    }
}

/// Elsewhere: by tokio's handlers, which let them through.
#[cfg(not(target_os = "linux"))]
pub struct Waiting(Vec<(Signal, tokio::signal::unix::Signal)>);

#[cfg(not(target_os = "linux"))]
impl Waiting {
    /// Those of them that are in `signals`. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, where a handler cannot be set.
    pub fn new(signals: &SigSet) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let each = |name: Signal| Ok((name, signal(SignalKind::from_raw(name as i32))?));
        let all = signals.iter().map(each).collect::<io::Result<_>>()?;
        // Only now: one that came between the handler and its receiver would be lost.
        let _ = signals.thread_unblock();
        Ok(Self(all))
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (name, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*name);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}
