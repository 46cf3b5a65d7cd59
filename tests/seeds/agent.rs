//! The whole agent as a state machine: steps on several connections while the clock goes on, and after each
//! step what must hold of its answer.
//!
//! A step is an operation byte, an argument byte, and what the operation takes from the bytes behind them.
//! Most steps send one of the recorded messages, whole or damaged: keys that belong together, signatures of
//! hosts and right passwords are nothing that a fuzzer could guess.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use myagent::agent::{Agent, Moment, Session};
use myagent::key;
use myagent::message::{Reader, Request, number};
use myagent::vault::{Vault, Wish};

macro_rules! recorded {
    ($($name:literal)*) => { &[$(include_bytes!(concat!("../../fuzz/seeds/request/", $name))),*] };
}

/// What OpenSSH's clients really sent (see `record-seeds`).
const RECORDED: &[&[u8]] = recorded!(
    "list" "add-ed25519" "sign-ed25519" "remove-ed25519" "add-p256" "sign-p256" "remove-p256" "add-p384"
    "sign-p384" "remove-p384" "add-p521" "sign-p521" "remove-p521" "add-rsa1024" "sign-rsa1024" "remove-rsa1024"
    "add-rsa2048" "sign-rsa2048" "remove-rsa2048" "add-dss" "sign-dss" "remove-dss" "add-cert-ed25519"
    "add-cert-p256" "add-cert-rsa2048" "add-lifetime" "add-confirm" "add-both" "add-destination" "sshsig" "login"
    "login-2" "lock" "unlock" "unlock-wrong" "add-provider" "remove-provider" "remove-all" "remove-all-rsa1"
    "add-composite" "add-cert-composite" "add-sk-ed25519" "add-cert-sk-ecdsa"
);

/// Connections that take turns.
const SESSIONS: usize = 4;

/// Most steps of one run: enough for every state, and a run stays short.
const MOST_STEPS: usize = 64;

/// Most passwords of one run: their hash is slow on purpose, and would eat the time of everything else.
const MOST_PASSWORDS: u32 = 3;

static VAULT: LazyLock<Arc<Vault>> = LazyLock::new(|| Arc::new(Vault::new(Wish::Memfd).expect("a vault")));

struct Machine {
    agent: Agent,
    sessions: [Session; SESSIONS],
    now: Moment,
    /// What the answers so far say of the lock.
    locked: bool,
    passwords: u32,
}

fn connection() -> Session {
    Session::new("fuzzer".to_owned())
}

impl Machine {
    fn new() -> Self {
        Self {
            agent: Agent::default(),
            sessions: std::array::from_fn(|_| connection()),
            now: Moment::default(),
            locked: false,
            passwords: 0,
        }
    }

    /// Takes one step from `input`; `None` when it holds no more.
    fn step(&mut self, input: &mut Reader<'_>) -> Option<()> {
        let (operation, argument) = (input.u8().ok()?, input.u8().ok()?);
        let session = usize::from(operation) % SESSIONS;
        let recorded = RECORDED[usize::from(argument) % RECORDED.len()];
        match usize::from(operation) / SESSIONS % 8 {
            0..=3 => self.send(session, recorded),
            4 => self.now = self.now + Duration::from_secs(argument.into()),
            5 if argument % 2 == 0 => self.sessions[session] = connection(),
            5 => self.hand_over(),
            6 => {
                let (low, high, change) = (input.u8().ok()?, input.u8().ok()?, input.u8().ok()?);
                let mut message = recorded.to_vec();
                let place = usize::from(u16::from_le_bytes([low, high])) % message.len();
                match change {
                    0 => message.truncate(place),
                    change => message[place] ^= change,
                }
                self.send(session, &message);
            }
            _ => {
                let message = input.bytes(argument.into()).ok()?;
                self.send(session, message);
            }
        }
        Some(())
    }

    /// What the next program reads is what this one wrote.
    fn hand_over(&mut self) {
        let mut state = Vec::new();
        self.agent.save(&VAULT, &mut state).expect("a state");
        let mut reader = Reader::new(&state);
        let next = Agent::load(&mut reader, &VAULT).expect("what was saved");
        assert!(reader.is_empty() && next.options() == self.agent.options());
        let blobs = |agent: &Agent| agent.identities().map(|key| key.blob.clone()).collect::<Vec<_>>();
        assert!(blobs(&next) == blobs(&self.agent) && next.key_count() == self.agent.key_count());
        assert_eq!(next.failed_unlocks(), self.agent.failed_unlocks());
        self.agent = next;
    }

    fn send(&mut self, session: usize, message: &[u8]) {
        if matches!(message.first(), Some(&(number::LOCK | number::UNLOCK))) {
            self.passwords += 1;
            if self.passwords > MOST_PASSWORDS {
                return;
            }
        }
        let was_locked = self.locked;
        let frame = self.agent.answer(&VAULT, &mut self.sessions[session], message, self.now);
        let (length, answer) = frame.split_at(4);
        assert_eq!(length, u32::try_from(answer.len()).expect("a short answer").to_be_bytes());
        let succeeded = answer == [number::SUCCESS];
        match (message.first(), answer[0]) {
            (Some(&number::REQUEST_IDENTITIES), number::IDENTITIES_ANSWER) => self.check_list(answer),
            (Some(&number::SIGN_REQUEST), number::SIGN_RESPONSE) => {
                assert!(!was_locked);
                check_signature(message, answer);
            }
            (Some(&number::EXTENSION), number::EXTENSION_RESPONSE) => assert!(!was_locked),
            (Some(&number::EXTENSION), number::EXTENSION_FAILURE) => assert_eq!(answer.len(), 1),
            (Some(&number::EXTENSION), number::SUCCESS) => assert!(succeeded),
            (Some(&number::LOCK), number::SUCCESS) => {
                assert!(succeeded && !was_locked);
                self.locked = true;
            }
            (Some(&number::UNLOCK), number::SUCCESS) => {
                assert!(succeeded && was_locked);
                self.locked = false;
            }
            (Some(&(number::REMOVE_ALL_IDENTITIES | number::REMOVE_ALL_RSA_IDENTITIES)), number::SUCCESS) => {
                assert!(succeeded && !was_locked && self.agent.identities().next().is_none());
            }
            (Some(_), number::SUCCESS) => assert!(succeeded && !was_locked),
            (_, answered) => assert_eq!((answered, answer.len()), (number::FAILURE, 1)),
        }
        assert_eq!(self.agent.is_locked(), self.locked);
    }

    /// The list is whole but for keys that are bound to destinations, which it may hide, in the keys' order; it shows
    /// nothing while locked, and nothing whose time is over.
    fn check_list(&self, answer: &[u8]) {
        let mut reader = Reader::new(&answer[1..]);
        let count = reader.u32().expect("a count");
        let mut listed = Vec::new();
        for _ in 0..count {
            listed.push(reader.string().expect("a key"));
            reader.string().expect("a comment");
        }
        assert!(reader.is_empty());
        assert!(count == 0 || !self.locked);
        let mut shown = listed.into_iter().peekable();
        for identity in self.agent.identities() {
            let listed = shown.next_if(|blob| **blob == *identity.blob).is_some();
            assert!(listed || identity.destinations.is_some());
        }
        assert!(shown.next().is_none());
        assert!(self.agent.identities().all(|key| key.expires.is_none_or(|end| end > self.now)));
    }
}

/// A signature verifies by the plain key: what an authority says of it may be of a kind that is not known here.
fn check_signature(message: &[u8], answer: &[u8]) {
    let Ok(Request::Sign { blob, data, .. }) = Request::decode(message) else {
        panic!("signed what does not decode");
    };
    let plain = key::certified_key(blob).unwrap_or_else(|| blob.to_vec());
    let mut reader = Reader::new(&answer[1..]);
    let signature = reader.string().expect("a signature");
    assert!(reader.is_empty() && key::verify(&plain, data, signature));
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let mut machine = Machine::new();
    let mut input = Reader::new(input);
    for _ in 0..MOST_STEPS {
        if machine.step(&mut input).is_none() {
            break;
        }
    }
}
