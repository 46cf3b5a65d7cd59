//! A line that a person enters at the console, which shows nothing of it.
//!
//! The terminals of Git Bash, MSYS2 and Cygwin are pipes to a program of Windows, and the console that it has behind them
//! is hidden: nobody would see a question there, and nothing keeps the terminal from showing the answer.
#![allow(unsafe_code)]

use std::io::{self, IsTerminal};
use std::os::windows::io::{AsHandle, AsRawHandle};

use windows_sys::Win32::System::Console::GetConsoleMode;
use zeroize::Zeroizing;

/// Whether standard input is a console.
#[must_use]
pub fn is_at_terminal() -> bool {
    is_console(&io::stdin())
}

/// The line; none where the person gives up. Consoles have no such limit as `most`: who asks looks at the length.
///
/// # Errors
/// `Unsupported` where the terminal would show it; the system's, where there is none.
pub fn line(prompt: &str, _most: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    if is_pipe_of_terminal(&input) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this terminal would show what is entered"));
    }
    if is_pipe_of_terminal(&output) || is_pipe_of_terminal(&error) {
        return Err(io::ErrorKind::NotFound.into());
    }
    match rpassword::prompt_password(prompt) {
        Ok(answer) => Ok(Some(Zeroizing::new(answer.into_bytes()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The library knows those pipes by their names.
fn is_pipe_of_terminal(stream: &(impl IsTerminal + AsHandle)) -> bool {
    stream.is_terminal() && !is_console(stream)
}

fn is_console(stream: &impl AsHandle) -> bool {
    let mut mode = 0;
    // SAFETY: the handle is open for as long as the stream is borrowed, and the pointer is to a live local.
    unsafe { GetConsoleMode(stream.as_handle().as_raw_handle(), &raw mut mode) != 0 }
}
