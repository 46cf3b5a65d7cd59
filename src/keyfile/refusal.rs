//! Why a file gave no key.
#![forbid(unsafe_code)]

use crate::message::DecodeError;

/// Why a file gave no key; says nothing of what is in it but its type.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// None of the forms.
    #[error("it is no key file of OpenSSH, PuTTY or OpenSSL")]
    Unknown,
    /// A public key, or a certificate.
    #[error("it holds a public key, not a private one")]
    Public,
    /// A known form that nothing here reads.
    #[error("it is in {0} form, which is not supported")]
    Form(&'static str),
    /// A key of a type that the agent does not hold.
    #[error("keys of type {0} are not supported")]
    Type(String),
    /// Encrypted in a way that nothing here opens.
    #[error("it is encrypted with {0}, which is not supported")]
    Encryption(String),
    /// It says itself that its passphrase takes more than a file of one's own would.
    #[error("its passphrase would take {0}")]
    Costly(&'static str),
    /// A passphrase is needed.
    #[error("it needs its passphrase")]
    Encrypted,
    /// The public half cannot be seen either.
    #[error("its public half is behind its passphrase")]
    Hidden,
    /// An encrypted file does not say which it is.
    #[error("the passphrase is wrong, or the file is damaged")]
    WrongPassphrase,
    /// What the form demands is not there.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// The key is none that the agent would take.
    #[error("its key is damaged or not usable: {0}")]
    Unfit(&'static str),
    /// The key could not be checked.
    #[error("its key could not be checked: {0}")]
    Unchecked(String),
    /// More than [`super::MAX_FILE`].
    #[error("it is larger than a key file may be (1 MiB)")]
    TooLarge,
    /// A certificate of another key.
    #[error("the certificate is not for this key")]
    ForeignCertificate,
}

impl Refusal {
    /// What the user can do next, where there is one thing to say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Form("PEM") => Some("convert it: ssh-keygen -p -f FILE"),
            Self::Form(_) => Some("convert it: puttygen FILE -O private-openssh-new -o NEW"),
            Self::Encryption(_) => Some("give it a usual one: ssh-keygen -p -f FILE, or puttygen -P FILE"),
            Self::Hidden => Some("name its fingerprint: myagent list"),
            Self::Public => Some("name the file of the private key: without .pub"),
            Self::Type(kind) if kind.starts_with("ssh-dss") => {
                Some("no OpenSSH since 10.0 takes it; make a new key")
            }
            _ => None,
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::UnknownKeyType(kind) => Self::Type(kind),
            DecodeError::Invalid(reason) => Self::Damaged(reason),
            _ => Self::Damaged("its key's fields are not those of its type"),
        }
    }
}
