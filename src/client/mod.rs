//! A client of the agent: what `add`, `list`, `remove`, `lock` and `unlock` say over the agent's socket, as ssh-add would.
//!
//! Guarantees: what is sent is wiped afterwards; an answer is read to its announced end and no further.
//! Must never: look at `SSH_AUTH_SOCK`, which may lead to another host's agent.
#![forbid(unsafe_code)]

mod askpass;
pub mod destination;
mod error;
mod known_hosts;
mod passphrase;

pub use destination::Destination;
pub use error::KeyError;
pub use passphrase::Asker;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::frame::MAX_LEN;
use crate::message::{AddIdentity, DecodeError, Reader, number, put_string};
use crate::platform::socket::{self, Stream};

/// How long an agent may take to accept. Its answer may take as long as a person does, or a token.
const PATIENCE: Duration = Duration::from_secs(8);

/// The longest answer, in bytes: room for many thousands of keys.
const MOST_ANSWER: usize = 16 * 1024 * 1024;

/// Bytes of what comes before each message: its length.
const HEAD_LEN: usize = 4;

/// An agent, and the connection to it.
pub struct Agent {
    path: PathBuf,
    /// None after one has failed: a restarted agent has closed it, and takes the next.
    stream: Option<Stream>,
}

/// Connects to an agent's socket, where our own user listens (or launchd for it).
///
/// # Errors
/// [`Error::ForeignUser`]; [`Error::Io`].
pub fn reach(path: &Path) -> Result<Stream, Error> {
    let stream = socket::connect(path, PATIENCE)
        .map_err(|error| Error::io(format!("connect to {}", path.display()), error))?;
    let peer = socket::peer(&stream).map_err(|error| Error::io("learn who listens", error))?;
    if peer.may_answer() {
        Ok(stream)
    } else {
        Err(Error::ForeignUser { path: path.to_owned(), user: peer.user() })
    }
}

/// A key that the agent holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed {
    /// Public key or certificate.
    pub blob: Vec<u8>,
    /// Free text of any encoding.
    pub comment: Vec<u8>,
}

impl Agent {
    /// Connects to the agent's socket.
    ///
    /// # Errors
    /// As of [`reach`].
    pub fn connect(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), stream: Some(reach(path)?) })
    }

    /// The keys, in the agent's order; of a locked agent none.
    ///
    /// # Errors
    /// [`Error::Io`] where the connection fails, [`Error::Refused`] where the answer is none.
    pub fn list(&mut self) -> Result<Vec<Listed>, Error> {
        let answer = self.ask(|out| out.push(number::REQUEST_IDENTITIES))?;
        identities(&answer).map_err(|_| Error::Refused("its answer is not a list of keys".to_owned()))
    }

    /// Hands a key over, and says whether the agent took it.
    ///
    /// # Errors
    /// [`Error::Io`] where the connection fails; so for each of the following.
    pub fn add(&mut self, add: &AddIdentity<'_>) -> Result<bool, Error> {
        self.done(|out| add.encode(out))
    }

    /// Has the agent forget a key, and says whether it had it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(&mut self, blob: &[u8]) -> Result<bool, Error> {
        self.done(|out| {
            out.push(number::REMOVE_IDENTITY);
            put_string(out, blob);
        })
    }

    /// Has the agent forget all keys, and says whether it did.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_all(&mut self) -> Result<bool, Error> {
        self.done(|out| out.push(number::REMOVE_ALL_IDENTITIES))
    }

    /// Locks the agent with a password, and says whether it is.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn lock(&mut self, password: &[u8]) -> Result<bool, Error> {
        self.done(|out| {
            out.push(number::LOCK);
            put_string(out, password);
        })
    }

    /// Unlocks it, and says whether it is. After wrong passwords that takes its time.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn unlock(&mut self, password: &[u8]) -> Result<bool, Error> {
        self.done(|out| {
            out.push(number::UNLOCK);
            put_string(out, password);
        })
    }

    fn done(&mut self, body: impl FnOnce(&mut Vec<u8>)) -> Result<bool, Error> {
        Ok(self.ask(body)?.as_slice() == [number::SUCCESS])
    }

    /// Sends a message, and gives the answer.
    fn ask(&mut self, body: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>, Error> {
        let mut frame = Zeroizing::new(vec![0; HEAD_LEN]);
        body(&mut frame);
        let length = frame.len() - HEAD_LEN;
        let announced = u32::try_from(length).ok().filter(|_| length <= MAX_LEN);
        let announced = announced.ok_or_else(|| Error::Refused("the key is too large for it".to_owned()))?;
        frame[..HEAD_LEN].copy_from_slice(&announced.to_be_bytes());
        let mut stream = self.send(&frame)?;
        let answer = answer(&mut stream)?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// Writes it to the connection that is there, or where that was closed meanwhile, to a new one.
    fn send(&mut self, frame: &[u8]) -> Result<Stream, Error> {
        if let Some(mut stream) = self.stream.take() {
            if stream.write_all(frame).is_ok() {
                return Ok(stream);
            }
        }
        let mut stream = reach(&self.path)?;
        stream.write_all(frame).map_err(|e| Error::io("write to the agent", e))?;
        Ok(stream)
    }
}

fn answer(stream: &mut Stream) -> Result<Vec<u8>, Error> {
    let failed = |e| Error::io("read the agent's answer", e);
    let mut head = [0; HEAD_LEN];
    stream.read_exact(&mut head).map_err(failed)?;
    let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if length > MOST_ANSWER {
        return Err(Error::Refused("its answer is too long".to_owned()));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).map_err(failed)?;
    Ok(answer)
}

fn identities(answer: &[u8]) -> Result<Vec<Listed>, DecodeError> {
    let mut reader = Reader::new(answer);
    if reader.u8()? != number::IDENTITIES_ANSWER {
        return Err(DecodeError::Invalid("it is another answer"));
    }
    let count = reader.u32()?;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(Listed { blob: reader.string()?.to_vec(), comment: reader.string()?.to_vec() });
    }
    reader.end().map(|()| keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_to_its_end_and_no_further() {
        let mut answer = vec![number::IDENTITIES_ANSWER, 0, 0, 0, 2];
        for part in [&b"key"[..], b"comment", b"other", b""] {
            put_string(&mut answer, part);
        }
        let keys = identities(&answer).unwrap();
        assert_eq!(keys[0], Listed { blob: b"key".to_vec(), comment: b"comment".to_vec() });
        assert_eq!(keys.len(), 2);
        for len in 0..answer.len() {
            assert!(identities(&answer[..len]).is_err(), "{len} bytes were enough");
        }
        answer.push(0);
        assert!(identities(&answer).is_err());
        assert!(identities(&[number::FAILURE]).is_err());
        assert!(identities(&[number::IDENTITIES_ANSWER, 255, 255, 255, 255]).is_err());
    }
}
