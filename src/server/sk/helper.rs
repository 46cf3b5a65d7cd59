//! One run of ssh-sk-helper: what goes in, what comes out, and an end to it.
//!
//! Guarantees: what a helper says is bounded, in bytes and in time, and what it leaves behind ends with it.
//! Must never: log what a helper says that knows a PIN.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::key::SkFailure;
use crate::message::sk_helper::MOST_ANSWER;
use crate::platform::child::Helper;
use crate::platform::heard::Heard;
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
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut helper = Helper::spawn(&mut command)?;
    // A PIN may be in what it says.
    let (mut answer, mut murmur) = (vec![0; MOST_ANSWER + 1], Zeroizing::new(vec![0; MOST_MURMUR]));
    let to = helper.stdin()?;
    let mut said = Heard::new(helper.stdout()?, &mut answer);
    let mut murmured = Heard::new(helper.stderr()?, &mut murmur);
    // What the library has started may hold the pipes for ever.
    let status = tokio::select! {
        biased;
        () = said.fill() => return Err(SkFailure::TooLong),
        never = murmured.listen() => match never {},
        never = tell(to, request) => match never {},
        status = helper.ended() => status?,
    };
    let (got, complained) = (said.finish().await, murmured.finish().await);
    answer.truncate(got);
    murmur.truncate(complained);
    for line in printable_lines(&murmur).filter(|_| heard) {
        tracing::warn!(program = %program.display(), "{line}");
    }
    match status.success() {
        true if answer.len() > MOST_ANSWER => Err(SkFailure::TooLong),
        true => Ok(answer),
        false => Err(SkFailure::Ended(status)),
    }
}

/// Gives the helper its request, and wipes that. One that ends without reading it all is known by its answer.
async fn tell(mut to: Sender, request: SecretBuf) -> Infallible {
    let _ = to.write_all(&request).await;
    drop((to, request));
    std::future::pending().await
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

    #[test]
    fn messages_are_printable_lines() {
        let lines: Vec<String> = printable_lines(b"one\r\n\ntwo\x1b[31m\n").collect();
        assert_eq!(lines, ["one", "two\\x1b[31m"]);
        assert_eq!(printable_lines(&[b'x'; MOST_MURMUR]).next().unwrap().len(), MOST_LINE);
    }
}
