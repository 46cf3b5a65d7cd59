//! Windows behind the contract that Unix has: named pipes for sockets, security identifiers for users.
//!
//! Nothing here decides about keys, and nothing here reads a message.
#![deny(unsafe_code)] // forbidden but in the children that say so

pub mod activation;
pub mod ancestors;
pub mod background;
pub mod child;
pub mod clock;
pub mod console;
pub mod cygwin;
pub mod descriptor;
pub mod desktop;
pub mod directory;
pub mod executable;
pub mod hangup;
pub mod harden;
pub mod heard;
mod job;
pub(crate) mod library;
pub mod life;
pub mod lock;
pub mod pageant;
pub mod paths;
pub mod pipe;
pub mod process;
pub mod program;
pub mod rights;
pub mod security;
pub mod silent;
pub mod socket;
mod stream;
pub mod terminal;

/// Whether this is Wine, which stands in for Windows in tests and leaves some of it out.
#[must_use]
pub fn is_wine() -> bool {
    library::function(widestring::u16cstr!("ntdll.dll"), c"wine_get_version").is_some()
}

/// Whether an error is the system's of this number.
pub(crate) fn has_number(error: &std::io::Error, number: u32) -> bool {
    error.raw_os_error().is_some_and(|raw| u32::try_from(raw) == Ok(number))
}

/// The system's error of this number.
fn numbered(number: u32) -> std::io::Error {
    i32::try_from(number).map_or_else(std::io::Error::other, std::io::Error::from_raw_os_error)
}
