//! A state on its way into the next program. Its witness refuses any change; and behind that, what reads it stands by
//! itself: whatever the bytes are, a state is read or refused, an agent that was read writes itself again as the
//! same, and no key is in it that does not open.
//!
//! The first byte says what the rest is: changes to a real agent's state, or a state's two parts as raw bytes.

use std::sync::LazyLock;

use crate::world::VAULT;
use myagent::agent::{Agent, Moment, Options, Session};
use myagent::message::{Constraint, Reader, Request};
use myagent::server::state::{FORMAT, Head};

macro_rules! recorded {
    ($($name:literal)*) => { &[$(include_bytes!(concat!("../../fuzz/seeds/request/", $name))),*] };
}

/// Messages that make an agent which has some of everything; the last one locks it.
const RECORDED: &[&[u8]] = recorded!(
    "add-ed25519" "add-p256" "add-rsa1024" "add-sk-ed25519" "add-lifetime" "add-composite" "add-cert-ed25519"
    "add-destination" "remove-dss" "lock"
);

/// The state of that agent, unlocked and locked.
static STATES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let mut agent = Agent::new(Options { allow_remote_admin: true, ..Options::default() });
    let mut session = Session::new("fuzzer".to_owned());
    let mut states = [Vec::new(), Vec::new()];
    let (lock, others) = RECORDED.split_last().expect("messages");
    for message in others {
        agent.answer(&VAULT, &mut session, &without_provider(message), Moment::default());
    }
    agent.save(&VAULT, &mut states[0]).expect("a state");
    agent.answer(&VAULT, &mut session, lock, Moment::default());
    assert!(agent.is_locked() && agent.key_count() == 6);
    agent.save(&VAULT, &mut states[1]).expect("a state");
    states
});

/// A provider is looked for on disk: a key of a token comes without one here.
fn without_provider(message: &[u8]) -> Vec<u8> {
    let mut request = Request::decode(message).unwrap_or_else(|error| panic!("{error}"));
    if let Request::Add(add) = &mut request {
        add.constraints.retain(|constraint| !matches!(constraint, Constraint::SkProvider(_)));
    }
    let mut again = Vec::new();
    request.encode(&mut again);
    again
}

fn load(state: &[u8]) -> Option<Agent> {
    let mut reader = Reader::new(state);
    let agent = Agent::load(&mut reader, &VAULT).ok()?;
    reader.end().ok()?;
    Some(agent)
}

/// Written, an agent is read again as the same.
fn check_agent(agent: &Agent) {
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    agent.save(&VAULT, &mut once).expect("a state");
    let again = load(&once).expect("what was saved");
    assert_eq!((again.is_locked(), again.failed_unlocks()), (agent.is_locked(), agent.failed_unlocks()));
    assert_eq!((again.key_count(), again.options()), (agent.key_count(), agent.options()));
    assert!(again.identities().all(|identity| identity.key.opens(&VAULT)));
    again.save(&VAULT, &mut twice).expect("a state");
    // The lock's hash is sealed anew each time.
    assert!(once == twice || (agent.is_locked() && once.len() == twice.len()));
}

/// A real state, with bytes changed, and cut or grown.
fn damaged(which: u8, changes: &[u8]) {
    let whole = &STATES[usize::from(which & 1)];
    let mut state = whole.clone();
    let mut changes = Reader::new(changes);
    while let (Ok(how), Ok(place), Ok(byte)) = (changes.u8(), changes.u32(), changes.u8()) {
        let place = usize::try_from(place).unwrap_or(0) % state.len();
        match how % 4 {
            0 => state[place] ^= byte,
            1 => state[place] = byte,
            2 => state.insert(place, byte),
            _ => state.truncate(place + 1),
        }
    }
    let witness = VAULT.witness(whole).expect("a witness");
    assert_eq!(VAULT.attests(&state, &witness), state == *whole);
    let agent = load(&state);
    assert!(agent.is_some() || state != *whole);
    // Changes can make another lock of it, or none: that is what the witness is for.
    if let Some(agent) = agent {
        check_agent(&agent);
    }
}

/// Whether this is such a head.
#[allow(dead_code)] // the tests alone ask
pub(crate) fn is_head(rest: &[u8]) -> bool {
    let state = [&b"myagent\n"[..], &FORMAT.to_be_bytes(), rest].concat();
    Head::load(&mut Reader::new(&state)).is_ok()
}

/// What comes before the agent's part, with a right beginning.
fn head(rest: &[u8]) {
    let state = [&b"myagent\n"[..], &FORMAT.to_be_bytes(), rest].concat();
    let mut reader = Reader::new(&state);
    let Ok(head) = Head::load(&mut reader) else { return };
    let read = state.len() - reader.rest().len();
    assert!(Head::load(&mut Reader::new(&state[..read - 1])).is_err());
    assert!(head.descriptors() < 3 + state.len());
    assert!(Head::load(&mut Reader::new(&state[1..])).is_err());
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let Some((which, rest)) = input.split_first() else { return };
    match which {
        0 | 1 => damaged(*which, rest),
        2 => head(rest),
        3 => {
            if let Some(agent) = load(rest) {
                check_agent(&agent);
            }
        }
        _ => {}
    }
}
