//! The clock that a key's life is counted by, which goes on while the machine sleeps; and the calendar's.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use windows_sys::Win32::Foundation::{FILETIME, SYSTEMTIME};
use windows_sys::Win32::System::SystemInformation::GetTickCount64;
use windows_sys::Win32::System::Time::{FileTimeToSystemTime, SystemTimeToTzSpecificLocalTime};

use crate::agent::{Moment, WallTime};

/// Between 1601, where Windows begins to count, and 1970, in seconds.
const SINCE_1601: u64 = 11_644_473_600;
/// Windows counts in tenths of a microsecond.
const TICKS: u64 = 10_000_000;

/// The time now, in steps of some 16 milliseconds: it counts from the machine's start, and sleep is a part of it.
#[must_use]
pub fn now() -> Moment {
    // SAFETY: no pointer.
    Moment(Duration::from_millis(unsafe { GetTickCount64() }))
}

/// The time by the calendar. Where it cannot be told, it is the end of time, when no certificate is valid.
#[must_use]
pub fn wall() -> WallTime {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(WallTime(u64::MAX), |time| WallTime(time.as_secs()))
}

/// tokio's timer, never for long, since it may stand still while the machine sleeps.
#[derive(Debug)]
pub struct Timer;

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// None here.
    #[allow(clippy::unnecessary_wraps)] // as on Linux
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns at `moment`, or never without one. May return early.
    #[allow(clippy::unused_self)] // as on Linux
    pub async fn wait_until(&mut self, moment: Option<Moment>) {
        /// A sleep of the machine is noticed so soon.
        const NAP: Duration = Duration::from_secs(10);
        match moment {
            Some(moment) => tokio::time::sleep(now().until(moment).min(NAP)).await,
            None => std::future::pending().await,
        }
    }
}

/// `seconds` since 1970 as the local time, such as `2026-11-20 08:47:12`; the number where that fails.
#[must_use]
pub fn local_time(seconds: u64) -> String {
    local(seconds).map_or_else(
        || seconds.to_string(),
        |t| {
            format!(
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                t.wYear, t.wMonth, t.wDay, t.wHour, t.wMinute, t.wSecond
            )
        },
    )
}

fn local(seconds: u64) -> Option<SYSTEMTIME> {
    let ticks = seconds.checked_add(SINCE_1601)?.checked_mul(TICKS)?;
    let low = u32::try_from(ticks & u64::from(u32::MAX)).ok()?;
    let high = u32::try_from(ticks >> 32).ok()?;
    let time = FILETIME { dwLowDateTime: low, dwHighDateTime: high };
    let (mut there, mut here) = (MaybeUninit::<SYSTEMTIME>::zeroed(), MaybeUninit::<SYSTEMTIME>::zeroed());
    // SAFETY: pointers to live locals.
    if unsafe { FileTimeToSystemTime(&raw const time, there.as_mut_ptr()) } == 0 {
        return None;
    }
    let none = std::ptr::null();
    // SAFETY: as above; without a zone it is this machine's.
    if unsafe { SystemTimeToTzSpecificLocalTime(none, there.as_ptr(), here.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: it has been filled, and zeros are valid for it as well.
    Some(unsafe { here.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on() {
        let before = now();
        while now() == before {
            std::thread::yield_now();
        }
        assert!(now() > before);
    }

    #[test]
    fn a_time_is_shown_as_people_write_it() {
        // Whatever the zone, noon of that day is in that year.
        assert!(local_time(1_795_953_600).starts_with("2026-"), "{}", local_time(1_795_953_600));
        assert_eq!(local_time(u64::MAX), u64::MAX.to_string());
    }
}
