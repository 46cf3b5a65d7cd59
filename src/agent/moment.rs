//! Points in time, as the agent counts it.
#![forbid(unsafe_code)]

use std::ops::Add;
use std::time::Duration;

/// Time since the machine started, suspended time included (`CLOCK_BOOTTIME`): a key's life runs on while
/// the machine sleeps. The agent is told the time; it never asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl Moment {
    /// From this moment to a later one; zero where it is not later.
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// Seconds since 1970, by the calendar: what certificates are dated in, and nothing else here. It can be set back,
/// so no key's life hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(pub u64);
