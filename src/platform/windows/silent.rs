//! A line that a person enters at the console, which shows nothing of it.
#![forbid(unsafe_code)]

use std::io;

use zeroize::Zeroizing;

/// The line; none where the person gives up. Consoles have no such limit as `most`: who asks looks at the length.
///
/// # Errors
/// The system's, where there is no console.
pub fn line(prompt: &str, _most: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match rpassword::prompt_password(prompt) {
        Ok(answer) => Ok(Some(Zeroizing::new(answer.into_bytes()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
