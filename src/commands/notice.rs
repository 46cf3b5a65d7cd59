//! What the user is told once: that an agent's keys will not be there after the next login, and the cure.
//!
//! Only on a terminal, once per login of the first session to the last logout, and never instead of an answer.
//! With a living agent this costs a look at a mark, and, until there is one, at the process that listens.
#![forbid(unsafe_code)]

use super::say;
use super::way::Notice;
use crate::platform::login;
use crate::platform::paths::Candidate;
use crate::platform::socket::Peer;
use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The process that listens for a unit of the user's manager: the manager.
const MANAGER: &str = "systemd";

/// Whether there is anybody to tell.
pub(super) fn has_reader() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether a notice about the agent at this place would be read, and be news.
pub(super) fn is_wanted(candidate: &Candidate) -> bool {
    has_reader() && candidate.told().symlink_metadata().is_err()
}

/// Says it, unless it is no news.
pub(super) fn tell(notice: Notice, candidate: &Candidate) {
    if !is_wanted(candidate) {
        return;
    }
    let (sentence, hint) = text(notice, &login::user_name().unwrap_or_else(|| "USER".to_owned()));
    say(sentence, Some(&hint));
    // Where there can be no mark it is said again, which is no harm.
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(candidate.told());
}

/// Looks at an agent that answered: one that the user's manager runs does not outlive the last logout without
/// lingering. It is used, and that is said.
pub(super) fn about_found(candidate: &Candidate, peer: Peer) {
    let by_manager = || peer.name().is_some_and(|name| name == MANAGER) || login::in_manager(peer.pid);
    if is_wanted(candidate) && by_manager() && !login::lingers(Path::new(login::LINGER)) {
        tell(Notice::NoLingering, candidate);
    }
}

fn text(notice: Notice, user: &str) -> (&'static str, String) {
    match notice {
        Notice::NoLingering => (
            "the agent ends with your last logout, and its keys with it",
            format!("loginctl enable-linger, or where that is refused: sudo loginctl enable-linger {user}"),
        ),
        Notice::EndsWithSession => (
            "the agent ends with this login session: this system kills what a session leaves behind \
             (KillUserProcesses=yes)",
            "myagent stop; then, in a login session of yours: myagent start --service".to_owned(),
        ),
    }
}
