//! Where the agents are, and the keys that are spoken of: what the abusers' process has, too.

use crate::keys::Key;
use std::path::{Path, PathBuf};

pub(crate) struct Targets {
    pub(crate) open: PathBuf,
    pub(crate) locked: PathBuf,
    pub(crate) ed25519: Key,
    pub(crate) rsa: Key,
    pub(crate) p256: Key,
    /// To be confirmed: by who says yes, who says no, and who says nothing.
    pub(crate) asked: [Key; 3],
    pub(crate) host: Key,
    /// Comes and goes.
    pub(crate) guest: Key,
}

/// The names of the keys that a person is asked about, and their comments.
pub(crate) const ASKED: [&str; 3] = ["says-yes", "says-no", "says-nothing"];

/// The locked agent's socket, by another name in the directory of the open one.
pub(crate) const LOCKED: &str = "locked.sock";

impl Targets {
    /// Those in a scratch directory.
    pub(crate) fn read(directory: &Path) -> Self {
        let key = |name: &str| Key::read(&directory.join(name));
        Self {
            open: directory.join("run/agent.sock"),
            locked: directory.join(LOCKED),
            ed25519: key("ed25519"),
            rsa: key("rsa"),
            p256: key("p256"),
            asked: ASKED.map(key),
            host: key("host"),
            guest: key("guest"),
        }
    }
}
