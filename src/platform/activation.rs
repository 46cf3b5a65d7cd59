//! What a service manager hands down and wants to hear (sd_listen_fds(3), sd_notify(3); launch_activate_socket(3)).
//!
//! Guarantees: descriptors that were meant for another process are left alone, and nothing that a manager says wrong
//! keeps the agent from starting.
#![forbid(unsafe_code)]

use super::socket::BoundSocket;
use super::unix;
use sd_notify::NotifyState;

/// The agent socket that a service manager listens on for this very process. To be asked once, before anything else
/// opens a descriptor.
#[must_use]
pub fn socket() -> Option<BoundSocket> {
    announced().or_else(of_launchd)
}

/// That of launchd's job, which gives it out once. There is none for a process that launchd has not started.
#[cfg(target_os = "macos")]
fn of_launchd() -> Option<BoundSocket> {
    /// What launchd/myagent.plist calls it.
    const NAME: &std::ffi::CStr = c"Listeners";
    let sockets = super::bsd::launchd_sockets(NAME).ok()?;
    sockets.into_iter().filter_map(|socket| BoundSocket::inherited(socket, None).ok()).next()
}

#[cfg(not(target_os = "macos"))]
fn of_launchd() -> Option<BoundSocket> {
    None
}

fn announced() -> Option<BoundSocket> {
    sd_notify::listen_fds()
        .ok()?
        .filter_map(|number| BoundSocket::inherited(unix::inherited(number).ok()?, None).ok())
        .next()
}

/// As [`socket`], as ssh-agent has it: exactly one, where the variables mean this very process.
///
/// # Errors
/// The sentence that says what is wrong with what they announce.
pub fn only_socket() -> Result<Option<BoundSocket>, String> {
    let variable = |name| std::env::var(name).ok();
    let (Some(pid), Some(count)) = (variable("LISTEN_PID"), variable("LISTEN_FDS")) else { return Ok(None) };
    if pid != std::process::id().to_string() {
        return Ok(None);
    }
    if count != "1" {
        return Err(format!("unexpected LISTEN_FDS value (want 1): {count}"));
    }
    announced().map(Some).ok_or_else(|| "LISTEN_FDS set but fd 3 is no listening socket".to_owned())
}

/// Tells the service manager that clients can connect.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// Tells the service manager that the agent ends.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// Nobody may be listening; the agent serves all the same.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
