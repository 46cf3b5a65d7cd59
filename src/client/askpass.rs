//! Running an askpass program from a command, which may wait for it.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::keyfile::MAX_PASSPHRASE;
use crate::platform::harden::reopened;

/// The first line that the program prints; none where it fails, which is how it says that nothing was entered.
///
/// # Errors
/// The system's, where it cannot be run; `InvalidData` where the line is longer than a passphrase may be.
pub(super) fn run(program: &Path, prompt: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut command = Command::new(program);
    command.arg(prompt).stdin(Stdio::null()).stdout(Stdio::piped()).env_remove("SSH_ASKPASS_PROMPT");
    let mut child = reopened(|| command.spawn())?;
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE + 2));
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let read = output.take(line.capacity() as u64).read_to_end(&mut line);
    let status = child.wait()?;
    read?;
    if !status.success() {
        return Ok(None);
    }
    let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
    line.truncate(end);
    if line.len() > MAX_PASSPHRASE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(line))
}
