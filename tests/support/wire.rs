//! A raw connection to an agent, and the messages that go over it, written from the protocol alone.
//!
//! A client of another hand: nothing of the program under test and no cryptographic library is used here, so
//! that a mistake shared by both sides cannot pass. It sends what it is told to, right or wrong.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(missing_docs, unreachable_pub, clippy::cast_possible_truncation)]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub const FAILURE: u8 = 5;
pub const SUCCESS: u8 = 6;
pub const REMOVE_ALL_RSA1: u8 = 9;
pub const LIST: u8 = 11;
pub const IDENTITIES: u8 = 12;
pub const SIGN: u8 = 13;
pub const SIGNATURE: u8 = 14;
pub const ADD: u8 = 17;
pub const REMOVE: u8 = 18;
pub const REMOVE_ALL: u8 = 19;
pub const ADD_PROVIDER: u8 = 20;
pub const REMOVE_PROVIDER: u8 = 21;
pub const LOCK: u8 = 22;
pub const UNLOCK: u8 = 23;
pub const ADD_CONSTRAINED: u8 = 25;
pub const ADD_PROVIDER_CONSTRAINED: u8 = 26;
pub const EXTENSION: u8 = 27;
pub const EXTENSION_FAILURE: u8 = 28;
pub const EXTENSION_RESPONSE: u8 = 29;

/// An answer later than this is none: generous, because other tests use the same two cores.
const ANSWER: Duration = Duration::from_secs(60);

/// A message under construction.
#[derive(Clone, Default)]
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn of(kind: u8) -> Self {
        Self(vec![kind])
    }

    pub fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn string(self, bytes: &[u8]) -> Self {
        self.u32(bytes.len() as u32).raw(bytes)
    }

    /// A non-negative number, big endian: no leading zero bytes but the one that keeps it positive.
    pub fn mpint(self, number: &[u8]) -> Self {
        let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign: &[u8] = if digits.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
        self.string(&[sign, digits].concat())
    }
}

/// Reads back what [`Body`] writes; panics on anything short, since only tests feed it.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    pub fn string(&mut self) -> &'a [u8] {
        let length = self.u32() as usize;
        self.take(length)
    }
}

/// A length and a body.
pub fn frame(body: &[u8]) -> Vec<u8> {
    Body::default().string(body).0
}

pub fn list() -> Vec<u8> {
    vec![LIST]
}

pub fn sign(blob: &[u8], data: &[u8], flags: u32) -> Vec<u8> {
    Body::of(SIGN).string(blob).string(data).u32(flags).0
}

/// `private` is the key's type and numbers, as [`crate::keys::Key`] holds them.
pub fn add(private: &[u8], comment: &[u8]) -> Vec<u8> {
    Body::of(ADD).raw(private).string(comment).0
}

pub fn add_constrained(private: &[u8], comment: &[u8], constraints: &[&[u8]]) -> Vec<u8> {
    Body::of(ADD_CONSTRAINED).raw(private).string(comment).raw(&constraints.concat()).0
}

/// The constraint that removes a key after so many seconds.
pub fn lifetime(seconds: u32) -> Vec<u8> {
    Body::of(1).u32(seconds).0
}

/// The constraint that asks before each signature.
pub const CONFIRM: &[u8] = &[2];

pub fn constraint_extension(name: &[u8], rest: &[u8]) -> Vec<u8> {
    Body::of(255).string(name).raw(rest).0
}

pub fn remove(blob: &[u8]) -> Vec<u8> {
    Body::of(REMOVE).string(blob).0
}

pub fn lock(password: &[u8]) -> Vec<u8> {
    Body::of(LOCK).string(password).0
}

pub fn unlock(password: &[u8]) -> Vec<u8> {
    Body::of(UNLOCK).string(password).0
}

pub fn extension(name: &[u8], rest: &[u8]) -> Vec<u8> {
    Body::of(EXTENSION).string(name).raw(rest).0
}

pub fn session_bind(host_key: &[u8], session: &[u8], signature: &[u8], forwarding: bool) -> Vec<u8> {
    let body = Body::default().string(host_key).string(session).string(signature).u8(forwarding.into());
    extension(b"session-bind@openssh.com", &body.0)
}

/// A host in a list of destinations: user, name, and keys, each with the byte that tells an authority's.
pub fn host(user: &[u8], name: &[u8], keys: &[(&[u8], u8)]) -> Vec<u8> {
    let head = Body::default().string(user).string(name).string(b"");
    keys.iter().fold(head, |body, (key, authority)| body.string(key).u8(*authority)).0
}

/// One step of such a list, between two hosts.
pub fn step(from: &[u8], to: &[u8]) -> Vec<u8> {
    Body::default().string(&Body::default().string(from).string(to).string(b"").0).0
}

/// The first step of a way: from here to a host with one key.
pub fn to_host(user: &[u8], key: &[u8]) -> Vec<u8> {
    step(&host(b"", b"", &[]), &host(user, b"host.example", &[(key, 0)]))
}

/// A further step, between two hosts with one key each.
pub fn hop(from: &[u8], user: &[u8], to: &[u8]) -> Vec<u8> {
    step(&host(b"", b"via.example", &[(from, 0)]), &host(user, b"host.example", &[(to, 0)]))
}

/// The constraint that binds a key to these steps.
pub fn destinations(steps: &[Vec<u8>]) -> Vec<u8> {
    let body = Body::default().string(&steps.concat()).0;
    constraint_extension(b"restrict-destination-v00@openssh.com", &body)
}

/// What is signed to log in with the key `blob`; with a host's key by the method that names it.
pub fn login(session: &[u8], user: &[u8], blob: &[u8], host_key: Option<&[u8]>) -> Vec<u8> {
    let method: &[u8] =
        if host_key.is_some() { b"publickey-hostbound-v00@openssh.com" } else { b"publickey" };
    let head = Body::default().string(session).u8(50).string(user).string(b"ssh-connection").string(method);
    let body = head.u8(1).string(Fields(blob).string()).string(blob);
    host_key.into_iter().fold(body, Body::string).0
}

/// The keys and comments of a list answer.
pub fn identities(answer: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields = Fields(answer);
    assert_eq!(fields.u8(), IDENTITIES, "not a list: {answer:02x?}");
    let count = fields.u32();
    let all = (0..count).map(|_| (fields.string().to_vec(), fields.string().to_vec())).collect();
    assert!(fields.0.is_empty(), "bytes after the last identity: {:02x?}", fields.0);
    all
}

/// The signature (algorithm and bytes, still packed) of a sign answer.
pub fn signature(answer: &[u8]) -> Vec<u8> {
    let mut fields = Fields(answer);
    assert_eq!(fields.u8(), SIGNATURE, "not a signature: {answer:02x?}");
    let packed = fields.string().to_vec();
    assert!(fields.0.is_empty(), "bytes after the signature: {:02x?}", fields.0);
    packed
}

/// One connection to an agent.
pub struct Conn {
    stream: UnixStream,
}

impl Conn {
    pub fn open(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        Ok(Self { stream })
    }

    /// Sends one message. A peer that has closed is no error here: the next [`recv`](Self::recv) shows it.
    pub fn send(&mut self, body: &[u8]) {
        self.send_raw(&frame(body));
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(closed(error.kind()), "sending {} bytes: {error}", bytes.len());
        }
    }

    /// The next answer; `None` when the agent has closed the connection.
    pub fn recv(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.fill(&mut body)?;
        Some(body)
    }

    pub fn ask(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        self.send(body);
        self.recv()
    }

    /// Asks, and expects an answer that consists of this one number.
    #[track_caller]
    pub fn expect(&mut self, body: &[u8], answer: u8) {
        assert_eq!(self.ask(body).as_deref(), Some(&[answer][..]), "answer to type {}", body[0]);
    }

    /// The comments in the list: what the tests tell keys apart by.
    pub fn comments(&mut self) -> Vec<String> {
        let answer = self.ask(&list()).expect("the agent closed the connection");
        identities(&answer).iter().map(|(_, comment)| String::from_utf8_lossy(comment).into()).collect()
    }

    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if closed(error.kind()) => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

fn closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
