//! Limits on the time that reading and writing may take, by the same trait on all systems.
#![forbid(unsafe_code)]

use std::io;
use std::time::Duration;

/// Of a connection.
pub trait Timed {
    /// Sets the one for each read.
    ///
    /// # Errors
    /// The system's.
    fn set_recv_timeout(&self, limit: Option<Duration>) -> io::Result<()>;
    /// Sets the one for each write.
    ///
    /// # Errors
    /// The system's.
    fn set_send_timeout(&self, limit: Option<Duration>) -> io::Result<()>;
}

#[cfg(unix)]
impl Timed for super::socket::Stream {
    fn set_recv_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        time_limit(interprocess::local_socket::traits::Stream::set_recv_timeout(self, limit))
    }

    fn set_send_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        time_limit(interprocess::local_socket::traits::Stream::set_send_timeout(self, limit))
    }
}

/// What became of setting one. macOS takes none once the other end has closed, and needs none: what is read or written
/// after that has its end at once.
#[cfg(unix)]
fn time_limit(set: io::Result<()>) -> io::Result<()> {
    match set {
        Err(error) if cfg!(target_os = "macos") && error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        set => set,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_that_cannot_be_set_is_an_error_but_after_the_end_on_macos() {
        let failed = |kind: io::ErrorKind| time_limit(Err(kind.into()));
        assert_eq!(failed(io::ErrorKind::InvalidInput).is_ok(), cfg!(target_os = "macos"));
        assert!(failed(io::ErrorKind::PermissionDenied).is_err() && time_limit(Ok(())).is_ok());
    }
}
