//! Where no handover has been tried yet there is no way for the wrapping key into another program.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;

use zeroize::Zeroizing;

/// A wrapping key on its way: there is none.
pub struct Passage {
    /// What one half would be behind.
    pub descriptor: OwnedFd,
    never: Infallible,
}

impl Passage {
    pub(super) fn new(_: &[u8], _: bool) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The half for the environment, as text.
    pub fn text(&self) -> Zeroizing<String> {
        match self.never {}
    }

    /// None has arrived.
    pub fn arrived(_: OwnedFd, _: &str) -> Option<Self> {
        None
    }

    pub(super) fn into_key(self, _: &mut [u8]) -> io::Result<()> {
        match self.never {}
    }
}
