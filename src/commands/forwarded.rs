//! Whether `SSH_AUTH_SOCK` names an agent that sshd has forwarded: the user's own, on the host that they came from.
//!
//! Looks at who listens and no more: a request would travel to that host, and might wait for somebody there.
#![forbid(unsafe_code)]

use crate::platform::paths::Candidate;
use crate::platform::socket::{self, Peer};
use std::path::PathBuf;
use std::time::Duration;

/// sshd accepts at once; one that is stopped is as good as dead here.
const PATIENCE: Duration = Duration::from_secs(1);
/// What the process that listens is called: before OpenSSH 9.8, and since.
const NAMES: [&str; 2] = ["sshd", "sshd-session"];

/// Whether such an agent is there, and alive. One of our own places, which it most often is, needs no look.
pub(super) fn is_there(candidates: &[Candidate]) -> bool {
    let path = PathBuf::from(std::env::var_os("SSH_AUTH_SOCK").unwrap_or_default());
    if !path.is_absolute() || candidates.iter().any(|candidate| candidate.socket == path) {
        return false;
    }
    let peer = socket::connect(&path, PATIENCE).and_then(|stream| socket::peer(&stream));
    peer.is_ok_and(|peer| (peer.is_ours() || peer.uid == 0) && is_sshd(peer))
}

fn is_sshd(peer: Peer) -> bool {
    peer.name().is_some_and(|name| NAMES.contains(&name.as_str()))
}
