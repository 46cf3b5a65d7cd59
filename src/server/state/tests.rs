//! A state on its way, whole and damaged.

use super::*;
use crate::agent::{FingerprintHash, Moment, Options, Session};
use crate::control::Registration;
use crate::message::put_string;
use crate::platform::display::Surroundings;
use crate::platform::harden::calls_are_refused;
use crate::platform::lock::Attempt;
use crate::server::Config;
use crate::server::Processes;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// An agent with a key that must be confirmed, one on a token, a refusal and a lock, all of it as small as it can be.
pub(in crate::server) fn shared(directory: &Path, questions: Questions) -> Arc<Shared> {
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(directory, private).unwrap();
    let place = |name: &str| directory.join(name);
    let places = Places { socket: place("s"), control: Some(place("c")), log: None };
    let Ok(Attempt::Acquired(lock)) = InstanceLock::try_acquire(&place("l")) else { panic!("no lock") };
    let lock = Some(lock);
    let program = Program { path: place("p"), trust_own: false };
    let (secret_memory, level, mode) = (Wish::Locked, LevelFilter::OFF, Mode::Service);
    let measures = vec![calls_are_refused()];
    let config = Config { places, mode, measures, secret_memory, lock, program, level, ends_with: None };
    let sockets = Sockets::bind(&config, None).unwrap();
    let options = Options {
        default_lifetime: Some(Duration::from_secs(9)),
        allow_remote_admin: true,
        fingerprint: FingerprintHash::Md5,
        ..Options::default()
    };
    let (vault, mut agent) = (Arc::new(Vault::new(secret_memory).unwrap()), Agent::new(options));
    let public = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap().public_key().as_ref().to_vec();
    let mut add = vec![25];
    let private = [&[7; 32], &public[..]].concat();
    for field in [b"ssh-ed25519", &public[..], &private, b"mine"] {
        put_string(&mut add, field);
    }
    add.push(2);
    let mut session = Session::new("test".to_owned());
    let mut ask = |body: &[u8]| agent.answer(&vault, &mut session, body, Moment::default());
    assert_eq!(ask(&[23, 0, 0, 0, 1, b'x'])[4], 5);
    assert_eq!(ask(&add)[4], 6);
    assert_eq!(ask(&add_on_token(&public))[4], 6);
    assert_eq!(ask(&[22, 0, 0, 0, 1, b'x'])[4], 6);
    let vault = Arc::into_inner(vault).unwrap();
    let registration =
        Registration { surroundings: Surroundings::default(), terminal: Some("/dev/pts/none".into()) };
    questions.register(registration);
    Shared::new(config, sockets, vault, agent, (questions, Processes::default()), SystemTime::now(), 0)
}

/// The message that adds a token's key.
fn add_on_token(public: &[u8]) -> Vec<u8> {
    let mut add = vec![17];
    for field in [b"sk-ssh-ed25519@openssh.com", public, b"ssh:"] {
        put_string(&mut add, field);
    }
    add.push(1);
    for field in [&b"handle"[..], b"", b"token"] {
        put_string(&mut add, field);
    }
    add
}

#[test]
fn a_state_is_taken_whole_and_unchanged_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let shared = shared(directory.path(), Questions::default());
    let whole = shared.save(&[]).unwrap();
    let (head, _, agent) = load(&whole, shared.vault.passage().unwrap()).ok().unwrap();
    assert!(agent.is_locked() && agent.key_count() == 2 && agent.refusals().iter().count() == 1);
    assert_eq!(agent.options(), shared.agent().options());
    assert!(agent.options().allow_remote_admin && *agent.options() != Options::default());
    let places = |questions: &Questions| format!("{:?}", questions.registered());
    assert_eq!(places(&head.questions), places(&shared.questions));
    assert!(places(&head.questions).contains("/dev/pts/none"));
    assert_eq!((head.handovers, head.places.socket), (1, shared.config.places.socket.clone()));
    assert!(head.calls_refused);
    // In the same vault: a new one each time would take a minute.
    let take = |bytes: &[u8]| read(bytes, |_| Ok(&*shared.vault)).map(drop);
    assert_eq!(take(&whole), Ok(()));
    for at in 0..whole.len() {
        assert!(take(&whole[..at]).is_err(), "cut after {at} bytes");
        for bits in [1 << (at % 8), 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= bits;
            assert!(take(&changed).is_err(), "byte {at} changed");
        }
    }
    assert!(take(&[&whole[..], &[0]].concat()).is_err());
    assert!(take(&[&[0], &whole[..]].concat()).is_err());
    // Another agent's key opens nothing of it.
    let other = Vault::new(Wish::Locked).unwrap().passage().unwrap();
    assert!(load(&whole, other).is_err());
}

#[test]
fn another_format_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let shared = shared(directory.path(), Questions::default());
    let mut state = shared.save(&[]).unwrap();
    state[MAGIC.len() + 3] += 1;
    let said = load(&state, shared.vault.passage().unwrap()).err().unwrap();
    assert!(said.contains("another format"), "{said}");
}
