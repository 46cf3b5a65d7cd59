//! What work with secrets leaves on the stack of a thread that lives on: nothing.
//!
//! AWS-LC wipes most of what it puts there, so that a look for the secrets alone would hardly ever fail. Each piece of
//! work must also have swept the stack, and must not have gone deeper than it swept.

use aws_lc_rs::digest::{SHA512, digest};
use myagent::agent::PasswordHash;
use myagent::key;
use myagent::message::{PrivateKey, Request};
use myagent::vault::{Vault, Wish};
use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::LazyLock;

use super::keys::Key;
use super::painted::stack_after;
use super::support::{Scratch, run};
use super::wire;

/// As ssh-keygen takes them.
const KINDS: [(&str, &[&str]); 6] = [
    ("ed25519", &["ed25519"]),
    ("p256", &["ecdsa", "-b", "256"]),
    ("p384", &["ecdsa", "-b", "384"]),
    ("p521", &["ecdsa", "-b", "521"]),
    ("rsa1024", &["rsa", "-b", "1024"]),
    ("rsa3072", &["rsa", "-b", "3072"]),
];

/// Keys that take long to make, or that ssh-keygen need not know.
const KEPT: [(&str, &str); 2] =
    [("rsa9216", "tests/protocol/rsa9216.key"), ("composite", "tests/vectors/composite/key")];

const PASSWORD: &[u8] = b"a password that is looked for";

/// Bytes that sweeps within sweeps may leave: where they return to.
const WORDS: usize = 100;

/// Bytes that may be left of the frames above a sweep: the public half's, and of a debug build.
const FRAMES: usize = 2000;

/// Made once: it takes seconds.
pub(crate) static KEYS: LazyLock<Vec<(&str, Key)>> = LazyLock::new(|| {
    let scratch = Scratch::new();
    let made = KINDS.iter().map(|(name, kind)| (*name, Key::generate(&scratch, name, kind)));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    made.chain(KEPT.iter().map(|(name, path)| (*name, Key::read(&root.join(path))))).collect()
});

fn private(message: &[u8]) -> PrivateKey<'_> {
    let Ok(Request::Add(add)) = Request::decode(message) else { panic!("no key") };
    add.key
}

/// The private numbers, and what Ed25519 makes of its own.
fn secrets(key: &PrivateKey<'_>) -> Vec<Vec<u8>> {
    let with_expanded = |seed: &[u8]| vec![seed.to_vec(), digest(&SHA512, seed).as_ref().to_vec()];
    match key {
        PrivateKey::Ed25519 { secret, .. } => with_expanded(&secret[..32]),
        PrivateKey::Ecdsa { scalar, .. } => vec![scalar.to_vec()],
        PrivateKey::Rsa { d, iqmp, p, q, .. } => [d, iqmp, p, q].map(|number| number.to_vec()).into(),
        PrivateKey::Composite { secret, .. } => {
            let (first, second) = secret.split_at(32);
            [vec![first.to_vec()], with_expanded(second)].concat()
        }
        PrivateKey::Sk(_) => panic!("a token's key"),
    }
}

/// The stack was swept after `work`, which went no deeper, and nothing of the secrets is there.
fn leaves_nothing(what: &str, secrets: &[Vec<u8>], work: impl FnOnce() + Send) {
    let stack = stack_after(work);
    let left = stack.around_the_sweep();
    println!("{what}: {} bytes deep, {left:?}", stack.depth());
    let left = left.unwrap_or_else(|| panic!("{what}: the stack was not swept"));
    assert!(left.below < WORDS, "{what}: the work went deeper than it swept");
    assert!(left.above < stack_after(|| ()).left() + FRAMES, "{what}: the sweep began too deep");
    for secret in secrets {
        assert!(!stack.holds(secret), "{what}: a piece of the key is on the stack");
    }
}

/// Never inlined, so that its frame is where the next one has its own.
#[inline(never)]
fn fills<const DEPTH: usize>(byte: u8) {
    black_box(&mut [byte; DEPTH]);
}

/// The look is not blind.
#[test]
fn a_stack_that_nobody_sweeps_is_seen() {
    let secret: Vec<u8> = (1..=32).collect();
    let stack = stack_after(|| _ = black_box(<[u8; 32]>::try_from(&secret[..])));
    assert!(stack.holds(&secret));
    assert!(stack.around_the_sweep().is_none());
    let deep = stack_after(|| {
        fills::<100_000>(7);
        fills::<50_000>(0);
    });
    assert!(deep.around_the_sweep().is_some_and(|left| left.below > 10_000));
}

/// Set in the process that runs one test alone.
const ALONE: &str = "MYAGENT_TEST_ALONE";

/// In a process of its own: AWS-LC's memory can only be the vault's from its first block on, and without that no parsed
/// key is kept between signatures.
#[test]
fn no_kept_key_is_left_on_a_stack() {
    if std::env::var_os(ALONE).is_some() {
        assert!(myagent::vault::install_heap());
        return keys_leave_nothing(&["rsa3072"], Wish::Memfd);
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let command = command.args(["--exact", "stacks::no_kept_key_is_left_on_a_stack"]).env(ALONE, "1");
    let (status, said, error) = run(command);
    assert!(status == 0 && said.contains("1 passed"), "{said}{error}");
}

#[test]
fn no_key_is_left_on_a_stack() {
    let all: Vec<_> = KEYS.iter().map(|(name, _)| *name).collect();
    for wish in [Wish::Memfd, Wish::Locked] {
        keys_leave_nothing(&all, wish);
    }
}

fn keys_leave_nothing(names: &[&str], wish: Wish) {
    let vault = Vault::new(wish).unwrap();
    for (name, key) in KEYS.iter().filter(|(name, _)| names.contains(name)) {
        let message = wire::add(&key.private, name.as_bytes());
        let (private, mut imported) = (private(&message), None);
        let secrets = secrets(&private);
        leaves_nothing(&format!("{name} comes"), &secrets, || {
            imported = Some(key::import(&private, &vault).unwrap());
        });
        let key = imported.unwrap().key;
        // Twice: what is computed once and kept makes the second signature another one.
        for turn in ["signs", "signs again"] {
            leaves_nothing(&format!("{name} {turn}"), &secrets, || {
                _ = black_box(key.sign(&vault, &[7; 200], 2).unwrap());
            });
        }
    }
}

#[test]
fn no_password_is_left_on_a_stack() {
    let (secrets, mut hash) = ([PASSWORD.to_vec()], None);
    leaves_nothing("lock", &secrets, || hash = PasswordHash::new(PASSWORD));
    let hash = hash.unwrap();
    leaves_nothing("unlock", &secrets, || assert!(hash.matches(PASSWORD)));
    leaves_nothing("wrong password", &secrets, || assert!(!hash.matches(b"another one")));
}

#[test]
fn a_panic_is_swept_too() {
    let vault = Vault::new(Wish::Locked).unwrap();
    let record = vault.seal(PASSWORD).unwrap();
    let panics = |plain: &[u8]| {
        black_box(<[u8; 16]>::try_from(&plain[..16]).unwrap());
        // Without the message, which has a stack of its own making.
        resume_unwind(Box::new(()))
    };
    leaves_nothing("panic", &[PASSWORD.to_vec()], || {
        assert!(catch_unwind(|| vault.open(&record, panics)).is_err());
    });
}

#[test]
fn nothing_is_left_of_what_is_sealed() {
    for wish in [Wish::Memfd, Wish::Locked] {
        let (vault, secret) = (Vault::new(wish).unwrap(), [PASSWORD.to_vec()]);
        for secret in [PASSWORD.to_vec(), PASSWORD.repeat(1000)] {
            let (secrets, mut record) = ([secret.clone()], None);
            leaves_nothing("seal", &secrets, || record = Some(vault.seal(&secret).unwrap()));
            let record = record.unwrap();
            leaves_nothing("open", &secrets, || {
                vault.open(&record, |plain| assert!(plain == secret)).unwrap();
            });
        }
        let mut witness = None;
        leaves_nothing("witness", &secret, || witness = Some(vault.witness(b"state").unwrap()));
        leaves_nothing("attest", &secret, || assert!(vault.attests(b"state", &witness.unwrap())));
        let mut passage = None;
        leaves_nothing("passage", &secret, || passage = Some(vault.passage().unwrap()));
        leaves_nothing("resume", &secret, || drop(Vault::resume(wish, passage.unwrap()).unwrap()));
    }
}
