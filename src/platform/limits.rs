//! What the system allows a process.
#![forbid(unsafe_code)]

use std::io;

#[cfg(unix)]
use nix::sys::resource::{Resource, getrlimit};

/// How many descriptors there may be at once.
#[cfg(unix)]
#[must_use]
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // FreeBSD's number has a sign
pub fn descriptors() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| u64::try_from(soft).unwrap_or(u64::MAX))
}

/// What became of setting a time limit for a connection. macOS takes none once the other end has closed, and needs none:
/// what is read or written after that has its end at once.
///
/// # Errors
/// Any other.
pub fn time_limit(set: io::Result<()>) -> io::Result<()> {
    match set {
        Err(error) if cfg!(target_os = "macos") && error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        set => set,
    }
}

/// How many handles there may be at once: Windows has millions, and the number of clients another bound.
#[cfg(windows)]
#[must_use]
pub fn descriptors() -> u64 {
    u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_that_cannot_be_set_is_an_error_but_after_the_end_on_macos() {
        let failed = |kind: io::ErrorKind| time_limit(Err(kind.into()));
        assert_eq!(failed(io::ErrorKind::InvalidInput).is_ok(), cfg!(target_os = "macos"));
        assert!(failed(io::ErrorKind::PermissionDenied).is_err() && time_limit(Ok(())).is_ok());
    }
}
