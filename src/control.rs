//! The control socket: what our own commands say to a running agent, and the client's half of it.
//!
//! One JSON line each way. This never travels over the agent socket, which may be forwarded to other hosts.
//! Answers are believed only from a process of our own uid, and read only up to a limit.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::platform::display::Surroundings;
use crate::platform::socket::{self, Stream, Timed as _};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the messages below; both sides must have the same.
pub const VERSION: u32 = 1;
/// A request is a few dozen bytes, or names a display in a dozen values of some hundred; what is longer is not one.
pub const MAX_REQUEST: usize = 16 * 1024;
/// A status names every key with the first KiB of its comment: room for some thousands of keys, and for more with
/// comments of the usual length.
pub const MAX_REPLY: u64 = 16 * 1024 * 1024;
/// How long a command may wait to get a word in that it needs no answer to.
const TELLING: Duration = Duration::from_millis(200);
/// An agent answers at once, or, in the middle of a restart, when the requests in work are done with (5 s at most) and the
/// next program has begun; one that takes longer is stopped or stuck.
const PATIENCE: Duration = Duration::from_secs(8);

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`] of the client.
    pub version: u32,
    /// What to do.
    pub op: Op,
}

/// What an agent can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Op {
    /// Say how you are.
    Status,
    /// End; the connection closes when the sockets are gone.
    Stop,
    /// Hand everything over to the program that now lies where the agent was started from.
    Restart,
    /// A person is here: they can be asked at this display or terminal.
    Register(Registration),
    /// Which questions are open.
    Questions,
    /// The answer to one of them.
    Answer {
        /// Its number.
        number: u32,
        /// The key may be used.
        yes: bool,
    },
}

/// Where a person has called `start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The graphical session, where there is one.
    pub surroundings: Surroundings,
    /// The terminal.
    pub terminal: Option<PathBuf>,
}

/// A question that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// Never used twice.
    pub number: u32,
    /// What is asked, in lines.
    pub text: String,
    /// Where it is shown.
    pub place: String,
    /// It is shown on a terminal, and waits for [`Op::Answer`].
    pub answerable: bool,
    /// How long it has been open, in seconds.
    pub age_seconds: u64,
}

/// Where questions would be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// The display or terminal, and how the answer is given; none where nobody can be asked.
    pub place: Option<String>,
    /// What else was looked for, and why it is of no use.
    pub missing: Vec<String>,
    /// Why the last question that was not answered was not.
    pub last_failure: Option<String>,
    /// Questions that wait for an answer now.
    pub open: usize,
}

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // there is one at a time, and it goes at once
pub enum Reply {
    /// To [`Op::Status`].
    Status(Status),
    /// To [`Op::Stop`]: ending now.
    Stopping {
        /// The agent's process.
        pid: u32,
    },
    /// To [`Op::Restart`]: the next program was tried out and takes over now.
    Restarting {
        /// As [`Status::handovers`] was until now.
        handovers: u32,
    },
    /// To [`Op::Register`], and to an [`Op::Answer`] that came in time.
    Noted,
    /// To [`Op::Questions`], the oldest first.
    Questions(Vec<OpenQuestion>),
    /// To what cannot be done.
    Refused {
        /// The user's sentence.
        reason: String,
    },
}

/// How an agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's process.
    pub pid: u32,
    /// The agent's own version, which may be older than the client's.
    pub version: String,
    /// The path of the agent socket.
    pub socket: String,
    /// Start of the agent, in seconds since 1970.
    pub started: u64,
    /// Locked with a password.
    pub locked: bool,
    /// Wrong passwords since the last right one.
    pub failed_unlocks: u32,
    /// Open connections on the agent socket.
    pub connections: usize,
    /// The keys in the order of the list; none while locked.
    pub keys: Vec<KeyStatus>,
    /// What protects the process, and what could not be had.
    pub measures: Vec<Measure>,
    /// The log file, where there is one.
    pub log: Option<String>,
    /// The last few refusals, the newest last.
    pub refusals: Vec<String>,
    /// The program that a restart looks for.
    #[serde(default)]
    pub program: String,
    /// How often the state was handed over to another program.
    #[serde(default)]
    pub handovers: u32,
    /// Why the last attempt at that changed nothing.
    #[serde(default)]
    pub restart_failure: Option<String>,
    /// How a person would be asked.
    #[serde(default)]
    pub asking: Asking,
    /// Ways beside the socket, where the system has such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
    /// What was asked, where that is not the agent itself: all of the above is another system's then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
}

/// A process of this system that answers in the place of Windows' agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// The relay's process.
    pub pid: u32,
    /// The path of its socket.
    pub socket: String,
    /// Its log file, where there is one.
    pub log: Option<String>,
    /// The program of Windows that it asks.
    pub program: String,
}

/// One key, as `ssh-add -l` would name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Such as `ED25519` or `ED25519-CERT`.
    pub key_type: String,
    /// Size in bits.
    pub bits: u32,
    /// `SHA256:` and base64.
    pub fingerprint: String,
    /// As the key's owner wrote it: may hold anything.
    pub comment: String,
    /// Seconds until it expires, where it does.
    pub remaining_seconds: Option<u64>,
    /// Asks before each use.
    pub confirm: bool,
    /// Bound to destinations.
    #[serde(default)]
    pub restricted: bool,
}

/// A way for clients to come in, beside the agent's own socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Whose clients come by it.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// Whether it is served.
    pub state: State,
    /// Why not, and what would change that; empty where it is.
    pub detail: String,
}

/// One hardening measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// A short name, such as `not dumpable`.
    pub name: String,
    /// Whether it is in force.
    pub state: State,
    /// What it means, or why it could not be had.
    pub detail: String,
}

/// A measure that is on, or refused with what the system said.
#[must_use]
pub fn measure(name: &str, detail: &str, result: Result<(), impl Display>) -> Measure {
    let (state, detail) = match result {
        Ok(()) => (State::On, detail.to_owned()),
        Err(error) => (State::Refused, error.to_string()),
    };
    Measure { name: name.to_owned(), state, detail }
}

/// Whether a measure is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In force.
    On,
    /// Not wanted here.
    Off,
    /// Wanted, but the system refused.
    Refused,
}

/// A connection to the control socket of a living agent of ours.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
}

impl Connection {
    /// Connects. [`Error::NotRunning`] where nothing listens, [`Error::ForeignUser`] where another uid does.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let stream = match socket::connect(path, PATIENCE) {
            Ok(stream) => stream,
            Err(error) if socket::is_dead(&error) => return Err(Error::NotRunning),
            Err(error) => return Err(Error::io(format!("connect to {}", path.display()), error)),
        };
        let peer = socket::peer(&stream).map_err(|e| Error::io("learn who listens", e))?;
        if !peer.is_ours() {
            return Err(Error::ForeignUser { path: path.to_owned(), user: peer.user() });
        }
        let timed = stream.set_recv_timeout(Some(PATIENCE)).and(stream.set_send_timeout(Some(PATIENCE)));
        timed.map_err(|e| Error::io("set a time limit", e))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The longest that a reply may take, where that is more than usual.
    ///
    /// # Errors
    /// The system's.
    pub fn set_patience(&self, patience: Duration) -> Result<(), Error> {
        let set = self.stream.get_ref().set_recv_timeout(Some(patience));
        set.map_err(|e| Error::io("set a time limit", e))
    }

    /// One request, one reply. A reply of [`Reply::Refused`] becomes [`Error::Refused`].
    pub fn ask(&mut self, op: Op) -> Result<Reply, Error> {
        let answer = self.pass_on(&line(op).map_err(lost)?)?;
        match serde_json::from_slice(&answer).map_err(|e| lost(e.into()))? {
            Reply::Refused { reason } => Err(Error::Refused(reason)),
            reply => Ok(reply),
        }
    }

    /// One request and one reply as they are, each a whole line.
    ///
    /// # Errors
    /// [`Error::Io`], also where the reply is not a whole line.
    pub fn pass_on(&mut self, line: &[u8]) -> Result<Vec<u8>, Error> {
        self.stream.get_mut().write_all(line).map_err(lost)?;
        let mut answer = Vec::new();
        (&mut self.stream).take(MAX_REPLY).read_until(b'\n', &mut answer).map_err(lost)?;
        if answer.last() != Some(&b'\n') {
            return Err(lost(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(answer)
    }

    /// Waits until the agent closes its end, which it does when its sockets are gone. False after `limit`.
    pub fn wait_closed(mut self, limit: Duration) -> bool {
        let _ = self.stream.get_ref().set_recv_timeout(Some(limit));
        !matches!(self.stream.read(&mut [0; 1]),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }
}

/// Opens a connection, asks once, closes it.
pub fn ask(control_path: &Path, op: Op) -> Result<Reply, Error> {
    Connection::open(control_path)?.ask(op)
}

/// Says something that needs no answer, or no answer that anybody waits for. Whether it arrived is not known.
pub fn tell(control_path: &Path, op: Op) {
    let told = || -> io::Result<()> {
        let mut stream = socket::connect(control_path, TELLING)?;
        if !socket::peer(&stream)?.is_ours() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.set_send_timeout(Some(TELLING))?;
        stream.write_all(&line(op)?)
    };
    let _ = told();
}

fn lost(error: io::Error) -> Error {
    Error::io("talk to the agent's control socket", error)
}

fn line(op: Op) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Request { version: VERSION, op })?;
    line.push(b'\n');
    Ok(line)
}
