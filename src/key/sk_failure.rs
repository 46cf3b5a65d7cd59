//! Why a FIDO token gave no signature, in the user's words.
#![forbid(unsafe_code)]

use crate::message::DecodeError;
use crate::message::sk_helper::SkError;
use crate::vault::VaultError;

/// A reason. None of them carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum SkFailure {
    /// The helper, or the token through it, says why.
    #[error("{0}")]
    Said(SkError),
    /// The PIN that a person typed is not the token's.
    #[error("the token does not accept the PIN")]
    WrongPin,
    /// There is no helper where one is looked for.
    #[error("there is no ssh-sk-helper ({0}); it comes with OpenSSH, and SSH_SK_HELPER may name it")]
    NoHelper(String),
    /// The helper cannot be run or talked to.
    #[error("ssh-sk-helper cannot be run: {0}")]
    Io(#[from] std::io::Error),
    /// It ended as no helper does that has answered.
    #[error("ssh-sk-helper failed: {0}")]
    Ended(std::process::ExitStatus),
    /// It answered, but not what it was asked.
    #[error("the answer of ssh-sk-helper cannot be read: {0}")]
    Answer(#[from] DecodeError),
    /// It answered more than any signature is.
    #[error("the answer of ssh-sk-helper is too long")]
    TooLong,
    /// It did not answer.
    #[error("the token was not touched, or did not answer, within {0} seconds")]
    TimedOut(u64),
    /// It answered with a signature of something else, or by another key.
    #[error("the signature that ssh-sk-helper gave is not the key's")]
    Wrong,
    /// Others have brought so much that this cannot wait, too.
    #[error("too much waits for tokens already")]
    Crowded,
    /// Nobody waits for the signature any more.
    #[error("the client has gone")]
    Gone,
    /// The agent makes room for its next program.
    #[error("the agent is restarting")]
    Restarting,
    /// The stored key does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
