//! `myagent relay`: one connection to this system's agent, over standard input and output. In Windows it is what a
//! relay in WSL runs for each of its clients.
//!
//! Guarantees: one whole request is passed on, then one whole answer, so that nothing is read from the agent while
//! something is written to it; a message lies in secret memory where it fits, is wiped wherever it lies, and is never
//! logged or written anywhere else.
//! Must never: pass on a part of a message, or go on when an end of it has gone.
#![forbid(unsafe_code)]

use super::probe::{self, Found};
use super::stop;
use crate::cli;
use crate::client;
use crate::control::MAX_REQUEST;
use crate::error::Error;
use crate::frame::{FrameError, MAX_LEN};
use crate::platform;
use crate::platform::paths::{self, Candidate, Environment};
use crate::platform::standard;
use crate::vault::{SecretBuf, Vault, Wish};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

/// What a command may wait for: a restart tries the next program out (5 s at most), and ends what is in work (5 s at most).
const CONTROL_PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a frame's length.
const LEN_BYTES: usize = 4;
/// A buffer grows by so much, when the peer has sent what came before.
const STEP: usize = 16 * 1024;

pub(super) fn run(options: &cli::Relay) -> Result<(), Error> {
    // What cannot be had is no reason to end: the agent itself says so, in its status.
    let _ = platform::harden();
    let candidates = paths::candidates(&Environment::current())?;
    let unusable = |error| Error::io("use standard input and output", error);
    let (input, output) = (standard::input().map_err(unusable)?, standard::output().map_err(unusable)?);
    if options.control {
        return pass_line(&candidates, input, output);
    }
    let candidate = match probe::find(&candidates)? {
        Found::Agent(candidate, _) => candidate,
        Found::Nothing | Found::Ending(_) => return Err(Error::NotRunning),
    };
    let agent = client::reach(&candidate.socket)?;
    let vault =
        Vault::new(Wish::Locked).map_err(|error| Error::io("make secret memory", io::Error::other(error)))?;
    pass_messages(&vault, input, output, agent).map_err(|error| Error::io("pass a message on", error))
}

/// Request by request, until there is none any more.
fn pass_messages(
    vault: &Vault,
    mut input: impl Read,
    mut output: impl Write,
    mut agent: impl Read + Write,
) -> io::Result<()> {
    while let Some(request) = read(vault, &mut input)? {
        agent.write_all(&request).map_err(|error| if is_gone(&error) { gone() } else { error })?;
        drop(request);
        let answer = read(vault, &mut agent)?.ok_or_else(gone)?;
        output.write_all(&answer)?;
    }
    Ok(())
}

fn gone() -> io::Error {
    io::Error::other("the agent has closed the connection")
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// One message with its length; none where there is an end instead.
fn read(vault: &Vault, from: &mut impl Read) -> io::Result<Option<SecretBuf>> {
    let mut head = [0; LEN_BYTES];
    let begun = loop {
        match from.read(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            begun => break begun?,
        }
    };
    if begun == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[begun..])?;
    let announced = u32::from_be_bytes(head);
    let len = usize::try_from(announced).ok().filter(|len| (1..=MAX_LEN).contains(len));
    let len = LEN_BYTES + len.ok_or_else(|| io::Error::other(FrameError::Length(announced)))?;
    let mut message = vault.buffer(len);
    message.extend(&head);
    while message.len() < len {
        let filled = message.len();
        message.resize(len.min(filled + STEP));
        from.read_exact(&mut message[filled..])?;
    }
    Ok(Some(message))
}

/// One line to the control socket, and its answer. Nothing in these is a secret.
fn pass_line(candidates: &[Candidate], input: File, mut output: File) -> Result<(), Error> {
    let failed = |error: io::Error| Error::io("pass a line on", error);
    let mut line = Vec::new();
    BufReader::new(input).take(MAX_REQUEST as u64).read_until(b'\n', &mut line).map_err(failed)?;
    if line.last() != Some(&b'\n') {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    let (_, mut connection) = stop::control(candidates)?;
    connection.set_patience(CONTROL_PATIENCE)?;
    let answer = connection.pass_on(&line)?;
    output.write_all(&answer).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent that answers each request with the next of `answers`, and records what it was sent.
    struct Agent<'a>(&'a [u8], Vec<u8>);

    impl Read for Agent<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // In pieces, as a socket may have them.
            let count = buffer.len().min(3);
            self.0.read(&mut buffer[..count])
        }
    }

    impl Write for Agent<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn passed(input: &[u8], answers: &[u8]) -> (Result<(), String>, Vec<u8>, Vec<u8>) {
        let vault = Vault::new(Wish::Locked).unwrap();
        let (mut agent, mut output) = (Agent(answers, Vec::new()), Vec::new());
        let passed = pass_messages(&vault, input, &mut output, &mut agent);
        (passed.map_err(|error| error.to_string()), agent.1, output)
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    }

    #[test]
    fn whole_messages_are_passed_both_ways() {
        let large = framed(&vec![7; MAX_LEN]);
        let requests = [framed(&[11]), large.clone(), framed(&[1; 20_000])].concat();
        let answers = [large, framed(&[6]), framed(&[5])].concat();
        assert_eq!(passed(&requests, &answers), (Ok(()), requests.clone(), answers.clone()));
    }

    #[test]
    fn no_part_of_a_message_is_passed_on() {
        let (whole, answer) = (framed(&[11]), framed(&[12, 0, 0, 0, 0]));
        let cut = [whole.as_slice(), &framed(&[17; 100])[..50]].concat();
        let (result, sent, got) = passed(&cut, &answer);
        assert_eq!((result.is_err(), sent, got), (true, whole.clone(), answer.clone()));
        let (result, _, got) = passed(&whole, &answer[..6]);
        assert_eq!((result.is_err(), got.is_empty()), (true, true));
        assert!(passed(&whole, b"").0.unwrap_err().contains("closed"));
    }

    #[test]
    fn a_length_that_no_message_has_ends_it() {
        for head in [0_u32, u32::try_from(MAX_LEN).unwrap() + 1, u32::MAX] {
            let input = [&head.to_be_bytes()[..], &[0; 8]].concat();
            let (result, sent, _) = passed(&input, b"");
            assert_eq!((result.unwrap_err().contains(&head.to_string()), sent.is_empty()), (true, true));
            let (result, _, got) = passed(&framed(&[11]), &input);
            assert_eq!((result.is_err(), got.is_empty()), (true, true));
        }
    }
}
