//! Helpers that crash, hang, lie, talk too much or are not there: each costs one request and nothing else.

use crate::rig::{HELPER, Rig, is_gone, made_up, provider, write_helper};
use crate::support::{Scratch, run, wait_until};
use crate::wire;
use crate::wire_keys::data;
use std::path::Path;

/// An answer of the helper's, for printf: its length, its version, what follows.
fn answer(version: u8, rest: &[u8]) -> String {
    let len = u32::try_from(rest.len() + 1).unwrap().to_be_bytes();
    let bytes = [&len[..], &[version], rest].concat();
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("cat >/dev/null; printf '{octal}'")
}

fn error(number: u32) -> String {
    answer(5, &[&[0; 4][..], &number.to_be_bytes()].concat())
}

fn signature(blob: &[u8]) -> Vec<u8> {
    wire::Body::default().u32(1).string(blob).0
}

/// The signature by another key, or of other data, that a helper could give.
fn lie() -> Vec<u8> {
    wire::Body::default().string(b"sk-ssh-ed25519@openssh.com").string(&[9; 64]).u8(1).u32(7).0
}

#[test]
fn a_helper_that_gives_no_signature_costs_one_request() {
    let huge = "cat >/dev/null; head -c 100000 /dev/zero";
    let endless = "cat >/dev/null; exec cat /dev/zero";
    for (script, reason) in [
        ("kill -SEGV $$".to_owned(), "ssh-sk-helper failed: signal: 11"),
        ("exit 3".to_owned(), "ssh-sk-helper failed: exit status: 3"),
        ("exit 0".to_owned(), "the answer of ssh-sk-helper cannot be read"),
        ("cat >/dev/null; echo nonsense".to_owned(), "the answer of ssh-sk-helper cannot be read"),
        (huge.to_owned(), "the answer of ssh-sk-helper is too long"),
        (endless.to_owned(), "the answer of ssh-sk-helper is too long"),
        (answer(4, &signature(&lie())), "ssh-sk-helper is of another version"),
        (answer(6, &signature(&lie())), "ssh-sk-helper is of another version"),
        (answer(5, &[0, 0, 0, 2, 0, 0, 0, 0]), "ssh-sk-helper answers something else"),
        (answer(5, &signature(&lie())), "the signature that ssh-sk-helper gave is not the key's"),
        (answer(5, &signature(b"")), "the signature that ssh-sk-helper gave is not the key's"),
        (answer(5, &signature(&lie())) + "; echo", "message has bytes after its last field"),
        (answer(5, &signature(&lie())) + "; exit 1", "ssh-sk-helper failed: exit status: 1"),
        (error(60), "no token with this key is there"),
        (error(59), "the token or its provider does not support this key"),
        (error(46), "the token does not know this key"),
        (error(61), "the key demands a PIN, and none is set on the token"),
        (error(4), "the provider failed, or the token was not touched in time"),
        (error(24), "ssh-sk-helper failed with error 24"),
    ] {
        let rig = Rig::with_script(&script);
        let key = made_up("ssh:");
        rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
        rig.refuses(&key.blob, &data(), reason);
        let named = format!("key {}: ", fingerprint(&rig, "key"));
        rig.says(&named);
        assert_eq!(rig.conn().comments(), ["key"], "{script}");
    }
}

/// SHA256:..., of the key with this comment.
fn fingerprint(rig: &Rig, comment: &str) -> String {
    let mut command = rig.scratch.command("ssh-add");
    let (_, out, _) = run(command.arg("-l").env("SSH_AUTH_SOCK", &rig.agent.socket));
    let line = out.lines().find(|line| line.contains(&format!(" {comment} "))).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_helper_that_is_not_there_is_named() {
    let rig = Rig::with_helper(Path::new("/nonexistent/ssh-sk-helper"));
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "SSH_SK_HELPER is /nonexistent/ssh-sk-helper");
    let scratch = Scratch::new();
    let text = scratch.path("no-program");
    std::fs::write(&text, "text").unwrap();
    let rig = Rig::start(scratch, &text, &[]);
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "ssh-sk-helper cannot be run: ");
}

/// A library may leave something running, which then has the helper's pipes: the answer is there all the same, and what
/// is left behind is ended.
#[test]
fn what_a_helper_leaves_behind_is_not_waited_for() {
    let script = "sleep 1000 & echo $! >\"$DIR/left\"; ".to_owned() + &error(60);
    let rig = Rig::with_script(&script);
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "no token with this key is there");
    let left = std::fs::read_to_string(rig.scratch.path("left")).unwrap().trim().parse().unwrap();
    wait_until("what was left behind is gone", || is_gone(left));
}

/// What a helper says is for the log: printable, and not without end.
#[test]
fn a_helpers_messages_are_cut_and_escaped() {
    let script = "cat >/dev/null; printf 'no \\033[31mluck\\r\\n' >&2
        head -c 300 /dev/zero | tr '\\0' x >&2; echo >&2
        head -c 200000 /dev/zero | tr '\\0' y >&2; exit 1";
    let rig = Rig::with_script(script);
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "no \\x1b[31mluck");
    rig.says("exit status: 1");
    let log = rig.log();
    assert!(!log.contains('\x1b') && !log.contains('\r'));
    assert!(log.contains(&"x".repeat(200)) && !log.contains(&"x".repeat(201)));
    assert!(log.contains("yyy") && log.len() < 10_000);
}

/// The helper has its three descriptors, default signals, and nothing of the agent's in its environment.
#[test]
fn a_helper_inherits_nothing() {
    let script = "cat >/dev/null; env >\"$DIR/env\"; ls /proc/self/fd >\"$DIR/fds\"
        grep -E 'Sig(Blk|Ign)' /proc/self/status >\"$DIR/signals\"; exit 1";
    let scratch = Scratch::new();
    let file = write_helper(&scratch, "helper", script);
    let rig = Rig::start(scratch, &file, &[("LD_PRELOAD", ""), ("LISTEN_FDS", "1"), ("NOTIFY_SOCKET", "@x")]);
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "exit status: 1");
    let read = |name: &str| std::fs::read_to_string(rig.scratch.path(name)).unwrap();
    for name in ["LD_PRELOAD", "LISTEN_FDS", "NOTIFY_SOCKET", "MYAGENT_PASSAGE"] {
        assert!(!read("env").contains(name), "{name}: {}", read("env"));
    }
    // Its three, and the one that ls reads the list through.
    assert_eq!(read("fds"), "0\n1\n2\n3\n");
    // But for the C library's own two, which it ignores in what it starts.
    const INTERNAL: u64 = 0b11 << 31;
    for line in read("signals").lines() {
        let mask = u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
        assert_eq!(mask & !INTERNAL, 0, "{line}");
    }
}

/// OpenSSH's own helper, with no token there, and with a provider that is none.
#[test]
fn without_a_token_the_user_is_told() {
    let rig = Rig::with_helper(Path::new(HELPER));
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "no token with this key is there");
    let library = rig.scratch.path("allowed/none.so");
    std::fs::write(&library, "no library").unwrap();
    let named = provider(library.to_str().unwrap().as_bytes());
    rig.conn().expect(&wire::add_constrained(&key.private, b"key", &[&named]), wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "the provider failed, or the token was not touched in time");
    rig.says("none.so");
}
