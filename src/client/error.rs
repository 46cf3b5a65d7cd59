//! Why a key was not loaded or removed, and why the agent was not locked.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crate::keyfile::Refusal;
use crate::platform::exposed::Exposed;
use crate::platform::terminal::visible;

/// Why a command did not do with a key, or with the agent's password, what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no way to ask for a passphrase.
    #[error("cannot ask for it: {0}")]
    Asking(String),
    /// A file gave no key.
    #[error("{}: {refusal}", shown(path))]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        refusal: Refusal,
    },
    /// A private key that other users may read.
    #[error("{}: other users may use this file ({})", shown(path), exposed.how)]
    Exposed {
        /// The file.
        path: PathBuf,
        /// To whom it is open.
        exposed: Exposed,
    },
    /// The agent refused a key.
    #[error("{}: the agent did not take the key", shown(path))]
    NotTaken {
        /// The file of the key, or of its certificate.
        path: PathBuf,
    },
    /// `add` without a file found none of the usual ones.
    #[error("there is no key in any of the usual files of {}", shown(directory))]
    NoFiles {
        /// The directory `.ssh`.
        directory: PathBuf,
    },
    /// The agent does not hold what was to be removed.
    #[error("the agent holds no key of {}", visible(.0))]
    NotHeld(String),
    /// None of the files with hosts' keys names a host.
    #[error("no key of the host {} is known", visible(host))]
    NoHostKeys {
        /// The host.
        host: String,
    },
    /// The password was not entered twice, or not at all.
    #[error("{0}; nothing was changed")]
    NoPassword(&'static str),
}

/// A path that may have been made by somebody else, and not for this terminal's good.
fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}

impl KeyError {
    /// What the user can do next, where there is one thing to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Asking(_) if cfg!(windows) => {
                "call it in a console, in Git Bash by `winpty myagent`, or set SSH_ASKPASS and \
                 SSH_ASKPASS_REQUIRE=force"
            }
            Self::Asking(_) => "call it at a terminal, or set SSH_ASKPASS and SSH_ASKPASS_REQUIRE=force",
            Self::File { refusal, .. } => return refusal.hint().map(str::to_owned),
            Self::Exposed { exposed, .. } => {
                return Some(visible(&exposed.cure));
            }
            Self::NotTaken { .. } => "see why: myagent status",
            Self::NotHeld(_) => {
                "see what it holds: myagent list; a locked agent shows nothing: myagent unlock"
            }
            Self::NoHostKeys { .. } => "connect to it once, or name a file with its key: -H FILE",
            Self::NoFiles { .. } => "name the file: myagent add FILE",
            Self::NoPassword(_) => return None,
        };
        Some(hint.to_owned())
    }
}
