//! Asking a person for a secret: at the terminal, by an askpass program, or on standard input, as OpenSSH's tools do it.
//!
//! The askpass program is taken where `SSH_ASKPASS_REQUIRE` says so, or where standard input is no terminal and there is a
//! display; else the terminal that the command was called at; else, without one, the next line of standard input.
//! Guarantees: what was entered is wiped when dropped, and shown to nobody.
#![forbid(unsafe_code)]

use std::io::{self, Read};

use zeroize::Zeroizing;

use super::{KeyError, askpass};
use crate::error::Error;
use crate::keyfile::MAX_PASSPHRASE;
use crate::platform::display::{Surroundings, needs_no_name};
use crate::platform::program::Programs;
use crate::platform::silent;
use crate::platform::terminal::visible;

/// How much of standard input is read at once: as much as the standard library takes through no buffer of its own,
/// which nobody wipes.
const CHUNK: usize = 64 * 1024;

never_copied_or_shown!(Asker);

/// Whoever asks.
#[derive(Default)]
pub struct Asker {
    /// What has come on standard input behind the last line.
    secret: Zeroizing<Vec<u8>>,
}

/// Where the next question goes.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    Askpass,
    Terminal,
}

impl Asker {
    /// Asks, and gives what was entered: nothing where the person gave up.
    ///
    /// # Errors
    /// [`KeyError::Asking`], where there is no way to ask.
    pub fn ask(&mut self, prompt: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (around, prompt) = (Surroundings::own(), visible(prompt));
        let require = std::env::var("SSH_ASKPASS_REQUIRE").unwrap_or_default();
        // Where a display has no name, a program to ask there shows that one is meant.
        let unnamed = || needs_no_name() && around.askpass(&Programs::current()).is_ok();
        let display = around.display().is_some() || unnamed();
        let answer = match way(&require, display, silent::is_at_terminal()) {
            Way::Askpass => {
                let program = around.askpass(&Programs::current()).map_err(KeyError::Asking)?;
                let failed = |e: io::Error| KeyError::Asking(format!("{}: {e}", program.display()));
                askpass::run(&program, &prompt).map_err(failed)?.unwrap_or_default()
            }
            Way::Terminal => self.at_terminal(&prompt)?,
        };
        if answer.len() > MAX_PASSPHRASE {
            return Err(KeyError::Asking("what was entered is too long".to_owned()).into());
        }
        Ok(answer)
    }

    fn at_terminal(&mut self, prompt: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        match silent::line(prompt, MAX_PASSPHRASE) {
            Ok(answer) => Ok(answer.unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Err(KeyError::Asking(error.to_string()).into())
            }
            // There is no terminal.
            Err(_) => self.next_line().map_err(|e| Error::io("read standard input", e)),
        }
    }

    fn next_line(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut chunk = Zeroizing::new(vec![0; CHUNK]);
        while !self.secret.contains(&b'\n') && self.secret.len() <= CHUNK {
            match io::stdin().read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.secret.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let end = self.secret.iter().position(|byte| *byte == b'\n').unwrap_or(self.secret.len());
        let line = &self.secret[..end];
        let line = Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec());
        let rest = Zeroizing::new(self.secret.get(end + 1..).unwrap_or_default().to_vec());
        self.secret = rest;
        Ok(line)
    }
}

/// As OpenSSH's tools choose.
fn way(require: &str, display: bool, terminal: bool) -> Way {
    let askpass = match require {
        value if value.eq_ignore_ascii_case("force") => true,
        value if value.eq_ignore_ascii_case("prefer") => display,
        value if value.eq_ignore_ascii_case("never") => false,
        _ => display && !terminal,
    };
    if askpass { Way::Askpass } else { Way::Terminal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_that_of_openssh() {
        for (require, display, terminal, expected) in [
            ("", false, false, Way::Terminal),
            ("", true, true, Way::Terminal),
            ("", true, false, Way::Askpass),
            ("prefer", true, true, Way::Askpass),
            ("prefer", false, false, Way::Terminal),
            ("force", false, true, Way::Askpass),
            ("never", true, false, Way::Terminal),
            ("NEVER", true, false, Way::Terminal),
        ] {
            assert_eq!(way(require, display, terminal), expected, "{require} {display} {terminal}");
        }
    }
}
