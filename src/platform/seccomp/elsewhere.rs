//! Which system calls this process may not make any more: only Linux has such lists.
#![forbid(unsafe_code)]

/// Why the calls are not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfiltered {
    /// There is no such thing here.
    #[error("this system has none of Linux' filters")]
    System,
    /// A thread has refused it; none does here.
    #[error("thread {0} has closed itself in another way")]
    Thread(i64),
    /// The lists would hold, but not for what was started before.
    #[error("what it has started meanwhile runs on")]
    Started,
}

/// Refuses nothing.
///
/// # Errors
/// [`Unfiltered::System`], always.
pub(super) fn close_agent() -> Result<(), Unfiltered> {
    Err(Unfiltered::System)
}

/// Refuses nothing.
///
/// # Errors
/// [`Unfiltered::System`], always.
pub(super) fn close_provider() -> Result<(), Unfiltered> {
    Err(Unfiltered::System)
}
