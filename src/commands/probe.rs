//! Whether an agent answers at a socket: the only thing that is believed, not a pid and not a path.
#![forbid(unsafe_code)]

use super::worth_a_look;
use crate::error::Error;
use crate::platform::paths::Candidate;
use crate::platform::socket::{self, Peer, Stream, Timed as _};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// An agent that is alive answers in well under a millisecond. In the middle of a restart it does when the requests in work
/// are done with (5 s at most) and the next program has begun, and a service when it has started.
const PATIENCE: Duration = Duration::from_secs(8);
/// So much of an answer is read, for the agent to see an orderly end; more keys than that are still an answer.
const MAX_ANSWER: usize = 256 * 1024;
/// A request for the list of keys, in its frame.
const LIST: [u8; 5] = [0, 0, 0, 1, 11];
/// The type of the answer to it.
const IDENTITIES: u8 = 12;

/// What became of asking all candidates.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// The first that answered, and the process that listens there.
    Agent(&'a Candidate, Peer),
    /// Nothing listens anywhere.
    Nothing,
    /// Something closed the connection unanswered, as an agent does that is just ending.
    Ending(Error),
}

/// Asks each candidate in turn.
///
/// # Errors
/// [`Error::Silent`] where nothing answered, but something listens that is no agent or gives no answer.
pub(super) fn find(candidates: &[Candidate]) -> Result<Found<'_>, Error> {
    let mut silent = None;
    let mut ending = None;
    for candidate in candidates {
        if !worth_a_look(candidate)? {
            continue;
        }
        let unanswered = |holder| Error::Silent { socket: candidate.socket.clone(), holder };
        match ask(&candidate.socket) {
            Answer::Agent(peer) => return Ok(Found::Agent(candidate, peer)),
            Answer::Dead => {}
            Answer::Closed(holder) => ending = ending.or(Some(unanswered(holder))),
            Answer::None(holder) => silent = silent.or(Some(unanswered(holder))),
        }
    }
    match (silent, ending) {
        (Some(error), _) => Err(error),
        (None, Some(error)) => Ok(Found::Ending(error)),
        (None, None) => Ok(Found::Nothing),
    }
}

enum Answer {
    Agent(Peer),
    Dead,
    Closed(String),
    None(String),
}

fn ask(path: &Path) -> Answer {
    let stream = match socket::connect(path, PATIENCE) {
        Ok(stream) => stream,
        Err(error) if socket::is_dead(&error) => return Answer::Dead,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Answer::None("a process that accepts no connection".to_owned());
        }
        Err(error) => return Answer::None(format!("a process out of reach ({error})")),
    };
    let peer = match socket::peer(&stream) {
        Ok(peer) if peer.may_answer() => peer,
        Ok(peer) => return Answer::None(format!("another user ({})", peer.user())),
        Err(error) => return Answer::None(format!("an unknown process ({error})")),
    };
    match converse(stream) {
        Ok(true) => Answer::Agent(peer),
        Err(error) if is_closed(&error) => Answer::Closed(peer.to_string()),
        Ok(false) | Err(_) => Answer::None(peer.to_string()),
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

/// Asks for the list and reads the whole answer, so that the agent sees an orderly end.
fn converse(mut stream: Stream) -> io::Result<bool> {
    let end = Instant::now() + PATIENCE;
    stream.set_send_timeout(Some(PATIENCE))?;
    stream.write_all(&LIST)?;
    let mut head = [0; 5];
    read_until(&mut stream, &mut head, end)?;
    let [a, b, c, d, kind] = head;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if kind != IDENTITIES {
        return Ok(false);
    }
    let mut rest = vec![0; length.saturating_sub(1).min(MAX_ANSWER)];
    read_until(&mut stream, &mut rest, end)?;
    Ok(true)
}

/// Fills `buffer` before `end`, however the bytes trickle.
fn read_until(stream: &mut Stream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_recv_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => buffer = &mut buffer[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
