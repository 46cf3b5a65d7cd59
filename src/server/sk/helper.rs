//! One run of ssh-sk-helper: what goes in, what comes out, and an end to it.
//!
//! Guarantees: what a helper says is bounded, in bytes and in time, and what it leaves behind ends with it.
//! Must never: log what a helper says that knows a PIN.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Sender;
use tokio::time::timeout;

use crate::key::SkFailure;
use crate::message::sk_helper::MOST_ANSWER;
use crate::platform::child::Helper;
use crate::vault::SecretBuf;

/// How long a helper may take: tokens wait half a minute for a touch, and several of them are tried in turn.
const LIMIT: Duration = Duration::from_secs(120);

/// Most of a helper's messages that is logged, in bytes; the rest is thrown away.
const MOST_MURMUR: usize = 1024;

/// Longest line of them.
const MOST_LINE: usize = 200;

/// Gives a helper its request, and gives back all that it answers. It is ended where this is dropped half-way. `heard`
/// lets its messages into the log: only where it knows no PIN.
///
/// # Errors
/// [`SkFailure`], for all but the end of a helper that has done its work.
pub(super) async fn ask(program: &Path, request: SecretBuf, heard: bool) -> Result<Vec<u8>, SkFailure> {
    let asked = timeout(LIMIT, converse(program, request, heard)).await;
    asked.unwrap_or(Err(SkFailure::TimedOut(LIMIT.as_secs())))
}

async fn converse(program: &Path, request: SecretBuf, heard: bool) -> Result<Vec<u8>, SkFailure> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(if heard { Stdio::piped() } else { Stdio::null() });
    let mut helper = Helper::spawn(&mut command)?;
    let (to, from) = (helper.stdin()?, helper.stdout()?);
    let messages = heard.then(|| helper.stderr()).transpose()?;
    let (answer, murmur, ()) =
        tokio::try_join!(hear(from), async { Ok(listen(messages).await) }, tell(to, request))?;
    let status = helper.ended().await?;
    for line in printable_lines(&murmur) {
        tracing::warn!(program = %program.display(), "{line}");
    }
    if status.success() { Ok(answer) } else { Err(SkFailure::Ended(status)) }
}

/// Gives the helper its request, and wipes that. One that ends without reading it all is known by its answer.
async fn tell(mut to: Sender, request: SecretBuf) -> Result<(), SkFailure> {
    let _ = to.write_all(&request).await;
    Ok(())
}

/// All that the helper answers, to its end.
async fn hear(from: impl AsyncRead + Unpin) -> Result<Vec<u8>, SkFailure> {
    let mut answer = Vec::new();
    from.take(MOST_ANSWER as u64 + 1).read_to_end(&mut answer).await?;
    if answer.len() > MOST_ANSWER { Err(SkFailure::TooLong) } else { Ok(answer) }
}

/// The first messages of the helper; it is listened to until it says nothing more.
async fn listen(messages: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 256]);
    let Some(mut messages) = messages else { return kept };
    while let Ok(count @ 1..) = messages.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count.min(MOST_MURMUR - kept.len())]);
    }
    kept
}

/// What may be written to a log.
fn printable_lines(murmur: &[u8]) -> impl Iterator<Item = String> {
    let lines = murmur.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    lines.map(|line| line[..line.len().min(MOST_LINE)].escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{Vault, Wish};
    use std::os::unix::fs::PermissionsExt;
    use tokio::io::duplex;

    /// A helper that says nothing is given up after the limit; with the clock paused that is at once.
    #[tokio::test(start_paused = true)]
    async fn a_helper_that_hangs_has_an_end() {
        let vault = Vault::new(Wish::Memfd).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let helper = directory.path().join("helper");
        // Not written here: nothing can be run that another test's child has open for writing.
        let script = "printf '#!/bin/sh\\nexec sleep 1000\\n' >\"$0\" && chmod 700 \"$0\"";
        assert!(Command::new("sh").args(["-c", script]).arg(&helper).status().unwrap().success());
        assert_eq!(helper.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let begun = tokio::time::Instant::now();
        let asked = ask(&helper, vault.buffer(10), true).await;
        assert!(matches!(asked, Err(SkFailure::TimedOut(120))));
        assert_eq!(begun.elapsed(), LIMIT);
    }

    #[tokio::test]
    async fn messages_are_kept_in_part_and_heard_to_the_end() {
        let (mut helper, ours) = duplex(64);
        let spoken = async move {
            helper.write_all(&[b'x'; 5000]).await.unwrap();
        };
        let (kept, ()) = tokio::join!(listen(Some(ours)), spoken);
        assert_eq!(kept.len(), MOST_MURMUR);
        let lines: Vec<String> = printable_lines(b"one\r\n\ntwo\x1b[31m\n").collect();
        assert_eq!(lines, ["one", "two\\x1b[31m"]);
        assert_eq!(printable_lines(&kept).next().unwrap().len(), MOST_LINE);
    }
}
