//! Running an askpass program, as OpenSSH does.
//!
//! Guarantees: the program ends with the question, and the question with the program, whatever the program leaves
//! behind; what it prints goes into secret memory, and nowhere but to whoever asked for it.
//! Must never: take anything for a yes but status 0 with nothing, or `yes`, on the first line.
#![forbid(unsafe_code)]
#![cfg_attr(windows, allow(dead_code))] // what tokens need, and a handover: neither is there

use std::io;
use std::process::{Command, ExitStatus, Stdio};

use zeroize::Zeroizing;

use crate::platform::child::Helper;
use crate::platform::heard::Heard;
use crate::platform::terminal::visible;
use crate::vault::{SecretBuf, Vault};

/// So much of its output is looked at: OpenSSH's bound, and longer than any PIN.
const MOST_OUTPUT: usize = 1024;
/// So much of what it complains about is shown.
const MOST_COMPLAINT: usize = 200;

/// How a program is told what kind of question it has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Yes or no.
    Confirm,
    /// Nothing: it is to be read, and goes by itself.
    Notice,
    /// A secret.
    Secret,
}

impl Kind {
    /// The value of `SSH_ASKPASS_PROMPT`.
    fn prompt(self) -> Option<&'static str> {
        match self {
            Self::Confirm => Some("confirm"),
            Self::Notice => Some("none"),
            Self::Secret => None,
        }
    }
}

never_copied_or_shown!(Ended);

/// What became of a program.
pub(super) struct Ended {
    status: ExitStatus,
    output: SecretBuf,
    /// A person may have typed their secret before the program failed.
    complaint: Zeroizing<Vec<u8>>,
}

/// Runs a program with this text, to its end.
///
/// # Errors
/// The system's, where it cannot be run.
pub(super) async fn run(mut command: Command, kind: Kind, text: &str, vault: &Vault) -> io::Result<Ended> {
    command.arg(text).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match kind.prompt() {
        Some(prompt) => command.env("SSH_ASKPASS_PROMPT", prompt),
        None => command.env_remove("SSH_ASKPASS_PROMPT"),
    };
    let mut helper = Helper::spawn(&mut command)?;
    // A person takes their time, and keys in use keep their slots meanwhile.
    let (mut output, mut complaint) =
        (vault.intake_buffer(MOST_OUTPUT), Zeroizing::new(vec![0; MOST_COMPLAINT]));
    output.resize(MOST_OUTPUT);
    let mut out = Heard::new(helper.stdout()?, &mut output);
    let mut err = Heard::new(helper.stderr()?, &mut complaint);
    // Its end is that of the process: what it has started may hold the pipes for ever.
    let status = tokio::select! {
        biased;
        never = out.listen() => match never {},
        never = err.listen() => match never {},
        status = helper.ended() => status?,
    };
    let (got, complained) = (out.finish().await, err.finish().await);
    output.resize(got);
    complaint.truncate(complained);
    Ok(Ended { status, output, complaint })
}

impl Ended {
    /// Whether it means yes.
    ///
    /// # Errors
    /// The user's sentence.
    pub(super) fn yes(&self) -> Result<(), String> {
        let line = self.line();
        if !self.status.success() {
            return Err(format!("the answer was no: {}", self.outcome()));
        }
        if line.is_empty() || line.eq_ignore_ascii_case(b"yes") {
            Ok(())
        } else {
            Err("the answer was no".to_owned())
        }
    }

    /// The secret that a person has typed.
    ///
    /// # Errors
    /// The user's sentence. It says nothing of what the program printed.
    pub(super) fn secret(mut self) -> Result<SecretBuf, String> {
        if !self.status.success() {
            return Err(format!(
                "nothing was entered: the askpass program ended with {}",
                ended(self.status)
            ));
        }
        if self.output.len() == MOST_OUTPUT {
            return Err("what was entered is too long".to_owned());
        }
        let line = self.line().len();
        self.output.resize(line);
        Ok(self.output)
    }

    /// The first line of its output. OpenSSH ends it at a zero byte, too; here such an output is no yes.
    fn line(&self) -> &[u8] {
        let end = self.output.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        &self.output[..end.unwrap_or(self.output.len())]
    }

    fn outcome(&self) -> String {
        let complaint = String::from_utf8_lossy(&self.complaint).into_owned();
        let first = complaint.lines().map(str::trim).find(|line| !line.is_empty());
        let said = first.map(|line| format!(" ({})", visible(line))).unwrap_or_default();
        format!("the askpass program ended with {}{said}", ended(self.status))
    }
}

fn ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("status {code}"))
}
