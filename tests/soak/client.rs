//! A connection that is opened anew when the agent ends it, and requests that must be answered.

use crate::Stage;
use crate::support::PATIENCE;
use crate::wire;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// Longer than anything that may keep a good client waiting: a handover, and a machine with other work.
const ANSWER: std::time::Duration = PATIENCE;

/// A good client.
pub(crate) struct Client<'s> {
    stage: &'s Stage<'s>,
    name: &'static str,
    socket: &'s Path,
    stream: Option<UnixStream>,
    /// What was said before all else on each connection, so that it is bound to a session.
    greeting: Vec<u8>,
    /// How often the agent has closed the connection.
    closed: usize,
}

impl<'s> Client<'s> {
    pub(crate) fn new(stage: &'s Stage<'s>, name: &'static str, socket: &'s Path) -> Self {
        Self { stage, name, socket, stream: None, greeting: Vec::new(), closed: 0 }
    }

    /// One that is bound to a session first, on every connection.
    pub(crate) fn greeting(mut self, greeting: Vec<u8>) -> Self {
        self.greeting = greeting;
        self
    }

    /// The answer. Asked again where the connection was closed between two requests, as a restart does.
    pub(crate) fn ask(&mut self, body: &[u8]) -> Vec<u8> {
        loop {
            let begun = Instant::now();
            let fresh = self.stream.is_none();
            let stream = self.stream.take().unwrap_or_else(|| self.connect());
            if let Some(answer) = exchange(&stream, body) {
                self.stream = Some(stream);
                self.stage.figures.answered(self.name, begun.elapsed(), self.stage.is_calm());
                return answer;
            }
            assert!(!fresh, "{}: a new connection got no answer", self.name);
            self.closed += 1;
        }
    }

    /// Asks, and the first byte of the answer must be this.
    pub(crate) fn expect(&mut self, body: &[u8], kind: u8) -> Vec<u8> {
        let answer = self.ask(body);
        assert_eq!(answer.first(), Some(&kind), "{}: answer to type {}: {answer:02x?}", self.name, body[0]);
        answer
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket).expect("the agent takes a connection");
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        stream.set_write_timeout(Some(ANSWER)).unwrap();
        if !self.greeting.is_empty() {
            let answer = exchange(&stream, &self.greeting).expect("a new connection is answered");
            assert_eq!(answer, [wire::SUCCESS], "{}: it is not bound", self.name);
        }
        stream
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        self.stage.figures.closed(self.name, self.closed);
    }
}

/// One request and its answer; none where the connection was ended and nothing of an answer had come.
fn exchange(mut stream: &UnixStream, body: &[u8]) -> Option<Vec<u8>> {
    let gone = |kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
    match stream.write_all(&wire::frame(body)) {
        Err(error) if gone(error.kind()) => return None,
        written => written.expect("the agent takes the request"),
    }
    let mut length = [0; 4];
    match stream.read(&mut length[..1]) {
        Ok(0) => return None,
        Err(error) if gone(error.kind()) => return None,
        read => read.expect("an answer"),
    };
    stream.read_exact(&mut length[1..]).expect("a whole length");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("a whole answer");
    Some(answer)
}

/// A connection of somebody who means harm: nothing that becomes of it is an error.
pub(crate) struct Abuser<'s> {
    stage: &'s Stage<'s>,
    stream: UnixStream,
}

impl<'s> Abuser<'s> {
    /// None where the agent cannot be reached at once: all its places are taken.
    pub(crate) fn open(stage: &'s Stage<'s>, socket: &Path) -> Option<Self> {
        let stream = connect_at_once(socket)?;
        stage.figures.connected();
        Some(Self { stage, stream })
    }

    /// Sends as much as goes without waiting; how much that was, none where the agent has closed.
    pub(crate) fn send(&self, bytes: &[u8]) -> Option<usize> {
        match (&self.stream).write(bytes) {
            Ok(sent) => {
                self.stage.figures.sent(sent);
                Some(sent)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }

    /// Takes what has come; none where the agent has closed.
    pub(crate) fn take(&self) -> Option<usize> {
        let mut bytes = [0; 4096];
        match (&self.stream).read(&mut bytes) {
            Ok(0) => None,
            Ok(got) => Some(got),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }
}

/// Without waiting where the backlog is full.
fn connect_at_once(socket: &Path) -> Option<UnixStream> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect};
    use std::os::fd::AsRawFd;
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let stream = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).ok()?;
    connect(stream.as_raw_fd(), &UnixAddr::new(socket).unwrap()).ok()?;
    Some(stream.into())
}
