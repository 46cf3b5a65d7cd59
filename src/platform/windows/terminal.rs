//! What is shown on a terminal: Windows has none of which a question could be asked by another process.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

pub use crate::platform::visible::visible;

/// Shows nothing.
///
/// # Errors
/// Always.
pub fn show(_: &Path, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
