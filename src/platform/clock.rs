//! The clock that a key's life is counted by, which goes on while the machine sleeps; and the calendar's, for
//! certificates.
#![forbid(unsafe_code)]

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::agent::{Moment, WallTime};

#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;
/// What clock_gettime(3) there calls mach_continuous_time(3): it goes on in suspend, and nobody who sets the calendar
/// moves it, as they would its `CLOCK_MONOTONIC`.
#[cfg(target_os = "macos")]
const CLOCK: ClockId = ClockId::from_raw(libc::CLOCK_MONOTONIC_RAW);
/// Whether it goes on in suspend depends on the system and its version; where it stands, a lifetime is one of use.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const CLOCK: ClockId = ClockId::CLOCK_MONOTONIC;

/// The time now. A clock that cannot be read stands at the end of time: every lifetime is over then, which
/// errs on the safe side.
pub fn now() -> Moment {
    clock_gettime(CLOCK).map_or(Moment(std::time::Duration::MAX), |time| Moment(time.into()))
}

/// The time by the calendar. Before 1970, or where it cannot be told, it is the end of time, when no certificate is
/// valid.
pub fn wall() -> WallTime {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(WallTime(u64::MAX), |time| WallTime(time.as_secs()))
}

/// A timer on that clock.
#[cfg(target_os = "linux")]
pub struct Timer {
    timer: nix::sys::timerfd::TimerFd,
    /// The same timer, to wait for.
    ready: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Timer {
    /// A timer that is not set. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, where no timer can be had.
    pub fn new() -> io::Result<Self> {
        use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
        use std::os::fd::AsFd;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?;
        let ready = timer.as_fd().try_clone_to_owned()?;
        Ok(Self { timer, ready: super::unix::watch(ready)? })
    }

    /// Returns at `moment`, or never without one. May return early.
    pub async fn wait_until(&mut self, moment: Option<Moment>) {
        use nix::sys::timerfd::{Expiration, TimerSetTimeFlags};
        let set = match moment {
            // A time of zero would unset it.
            Some(Moment(time)) => {
                let time = time.max(std::time::Duration::from_nanos(1)).into();
                self.timer.set(Expiration::OneShot(time), TimerSetTimeFlags::TFD_TIMER_ABSTIME)
            }
            None => self.timer.unset(),
        };
        if set.is_err() {
            tracing::warn!("the expiry timer cannot be set: keys expire at the next request only");
            std::future::pending::<()>().await;
        }
        if let Ok(mut ready) = self.ready.readable().await {
            ready.clear_ready();
        }
    }
}

/// Elsewhere: tokio's timer, never for long, since it may stand still while the machine sleeps.
#[cfg(not(target_os = "linux"))]
pub struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// None here.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns at `moment`, or never without one. May return early.
    pub async fn wait_until(&mut self, moment: Option<Moment>) {
        /// A sleep of the machine is noticed so soon.
        const NAP: std::time::Duration = std::time::Duration::from_secs(10);
        match moment {
            Some(moment) => tokio::time::sleep(now().until(moment).min(NAP)).await,
            None => std::future::pending().await,
        }
    }
}
