//! What the system allows a process.
#![forbid(unsafe_code)]

#[cfg(unix)]
use nix::sys::resource::{Resource, getrlimit};

/// How many descriptors there may be at once.
#[cfg(unix)]
#[must_use]
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // FreeBSD's number has a sign
pub fn descriptors() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| u64::try_from(soft).unwrap_or(u64::MAX))
}

/// How many handles there may be at once: Windows has millions, and the number of clients another bound.
#[cfg(windows)]
#[must_use]
pub fn descriptors() -> u64 {
    u64::from(u32::MAX)
}
