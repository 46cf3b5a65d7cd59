//! Plays a scenario to one agent, and notes every answer.
//!
//! A scenario must not decide by the answers what it asks next: the steps are the same on both sides.

use crate::given::{Keys, given};
use crate::keys::{self, Key};
use crate::sides::Side;
use crate::support::{Agent, Scratch, wait_until};
use crate::wire::{self, Conn, Fields};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::time::Duration;

/// One step's answer: for the comparison, and as the table of differences names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) step: String,
    pub(crate) raw: Vec<u8>,
    pub(crate) text: String,
}

/// One agent, the connections to it, and the answers so far.
pub(crate) struct Talk<'a> {
    pub(crate) keys: &'static Keys,
    pub(crate) scratch: &'a Scratch,
    pub(crate) agent: Agent,
    connections: Vec<Option<Conn>>,
    current: usize,
    answers: Vec<Answer>,
    steps: BTreeSet<String>,
}

impl Talk<'_> {
    /// From here on, talks over connection `number`, opening it when it is new. The first one is 0.
    pub(crate) fn on(&mut self, number: usize) {
        while self.connections.len() <= number {
            // An agent that died refuses: its answers are then "no agent".
            self.connections.push(Conn::open(&self.agent.socket).ok());
        }
        self.current = number;
    }

    /// Opens one more connection and talks over it.
    pub(crate) fn fresh(&mut self) {
        self.on(self.connections.len());
    }

    pub(crate) fn conn(&mut self) -> Option<&mut Conn> {
        self.connections[self.current].as_mut()
    }

    /// Hangs up the current connection.
    pub(crate) fn hang_up(&mut self) {
        self.connections[self.current] = None;
    }

    pub(crate) fn send(&mut self, body: &[u8]) {
        self.send_raw(&wire::frame(body));
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        if let Some(conn) = self.conn() {
            conn.send_raw(bytes);
        }
    }

    /// Notes the next answer on this connection under a name.
    pub(crate) fn note(&mut self, step: &str) -> Vec<u8> {
        let answer = match self.conn() {
            Some(conn) => conn.recv(),
            None => return self.push(step, Vec::new(), "no agent".into()),
        };
        match answer {
            Some(raw) => {
                let text = describe(&raw);
                self.push(step, raw, text)
            }
            None => self.push(step, Vec::new(), "closed".into()),
        }
    }

    /// Sends one message and notes the answer.
    pub(crate) fn ask(&mut self, step: &str, body: &[u8]) -> Vec<u8> {
        self.send(body);
        self.note(step)
    }

    pub(crate) fn list(&mut self, step: &str) -> Vec<u8> {
        self.ask(step, &wire::list())
    }

    pub(crate) fn add(&mut self, key: &Key, comment: &str) {
        self.ask(&format!("add {comment}"), &wire::add(&key.private, comment.as_bytes()));
    }

    /// Has the tests' data signed. ECDSA signatures differ each time: ssh-keygen judges them, and the
    /// verdict is noted instead.
    pub(crate) fn sign(&mut self, step: &str, key: &Key, flags: u32) {
        self.send(&wire::sign(&key.blob, &keys::data(), flags));
        let raw = self.note(step);
        if raw.first() != Some(&wire::SIGNATURE) {
            return;
        }
        let signature = wire::signature(&raw);
        let algorithm = String::from_utf8_lossy(Fields(&signature).string()).into_owned();
        if algorithm.starts_with("ecdsa-") {
            let verdict = keys::verifies(self.scratch, &key.plain(), &signature);
            let text = format!("signature {algorithm}: {verdict:?}");
            let last = self.answers.last_mut().unwrap();
            (last.raw, last.text) = (text.clone().into_bytes(), text);
        }
    }

    /// Waits, over a connection of its own and noting nothing, until so many keys are left.
    pub(crate) fn wait_for_keys(&self, count: usize) {
        let mut conn = Conn::open(&self.agent.socket).unwrap();
        wait_until("the keys have expired", || conn.comments().len() == count);
    }

    /// Waits out a lifetime that nothing can be asked about meanwhile, and a little more.
    pub(crate) fn outlive(&self, lifetime: Duration) {
        std::thread::sleep(lifetime + Duration::from_millis(100));
    }

    /// Stops the agent where it stands, until [`thaw`](Self::thaw).
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        wait_until("the agent has stopped", || crate::support::is_stopped(self.agent.pid()));
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.agent.pid().try_into().unwrap()), signal).unwrap();
    }

    /// Notes an answer under a name of its own.
    fn push(&mut self, step: &str, raw: Vec<u8>, text: String) -> Vec<u8> {
        assert!(self.steps.insert(step.into()), "two steps named {step}");
        self.answers.push(Answer { step: step.into(), raw: raw.clone(), text });
        raw
    }
}

/// An answer in a few words, for people and for the table.
fn describe(raw: &[u8]) -> String {
    match raw {
        [wire::FAILURE] => "FAILURE".into(),
        [wire::SUCCESS] => "SUCCESS".into(),
        [wire::EXTENSION_FAILURE] => "EXTENSION_FAILURE".into(),
        [wire::IDENTITIES, ..] => {
            let all = wire::identities(raw);
            let comments: Vec<_> =
                all.iter().map(|(_, comment)| comment.escape_ascii().to_string()).collect();
            format!("list [{}]", comments.join(", "))
        }
        [wire::SIGNATURE, ..] => {
            let packed = wire::signature(raw);
            format!("signature {}", String::from_utf8_lossy(Fields(&packed).string()))
        }
        [wire::EXTENSION_RESPONSE, rest @ ..] => {
            let (mut fields, mut names) = (Fields(rest), Vec::new());
            while !fields.0.is_empty() {
                names.push(String::from_utf8_lossy(fields.string()).into_owned());
            }
            format!("EXTENSION_RESPONSE {}", names.join(" "))
        }
        other => format!("{other:02x?}"),
    }
}

/// The answers, and the agent's log.
pub(crate) fn play(side: Side, scenario: fn(&mut Talk<'_>)) -> (Vec<Answer>, String) {
    let scratch = Scratch::new();
    let keys = given();
    let agent = side.start(&scratch);
    let mut talk = Talk {
        keys,
        scratch: &scratch,
        agent,
        connections: vec![],
        current: 0,
        answers: vec![],
        steps: BTreeSet::new(),
    };
    talk.on(0);
    scenario(&mut talk);
    assert!(!talk.answers.is_empty(), "the scenario asked nothing");
    let answers = std::mem::take(&mut talk.answers);
    drop(talk);
    (answers, std::fs::read_to_string(scratch.path("agent.log")).unwrap_or_default())
}
