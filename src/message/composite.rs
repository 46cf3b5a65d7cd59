//! The names of the composite of ML-DSA-44 and Ed25519.
#![forbid(unsafe_code)]

/// A type of the composite keys: the same keys and signatures under two names. What is made under one name is
/// worth nothing under the other: OpenSSH knows one of them, by its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Composite {
    /// OpenSSH from 10.6 on.
    Standard,
    /// OpenSSH 10.4 and 10.5, where it was an experiment.
    Experimental,
}

impl Composite {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Experimental];

    /// The type of a plain key, and of a signature.
    pub fn key_type(self) -> &'static str {
        match self {
            Self::Standard => "ssh-mldsa44-ed25519",
            Self::Experimental => "ssh-mldsa44-ed25519@openssh.com",
        }
    }

    /// The type of a certificate: not made of the plain type as other certificates' types are.
    pub fn certificate_type(self) -> &'static str {
        match self {
            Self::Standard => "ssh-mldsa44-ed25519-cert",
            Self::Experimental => "ssh-mldsa44-ed25519-cert-v01@openssh.com",
        }
    }

    /// The composite of this plain type.
    pub fn plain(key_type: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|composite| composite.key_type().as_bytes() == key_type)
    }

    /// The composite of this certificate's type.
    pub fn certified(certificate_type: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|composite| composite.certificate_type().as_bytes() == certificate_type)
    }
}

/// The public half of a composite key.
pub enum CompositePublic<'f> {
    /// ML-DSA's and Ed25519's, one after the other.
    Halves(&'f [u8]),
    /// A certificate that holds them.
    Certificate(&'f [u8]),
}
