//! What a restart keeps: everything.

use crate::keys::{Key, data, verifies};
use crate::rig::{Rig, WAYS, Way};
use crate::support::wait_until;
use crate::wire::Body;
use crate::wire::{
    self, CONFIRM, Conn, FAILURE, SUCCESS, add, add_constrained, destinations, identities, lifetime, lock,
    login, remove, session_bind, sign, signature, to_host, unlock,
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use std::time::{Duration, Instant};

/// How a restart is asked for.
type Ask = fn(&Rig);

const ASKS: [(&str, Ask); 2] = [("restart", Rig::restarted), ("SIGHUP", Rig::hang_up)];

/// Every kind of key, certificates beside their keys.
fn all_kinds(rig: &Rig) -> Vec<(Vec<u8>, Key)> {
    let kinds: [(&str, &[&str]); 6] = [
        ("ed25519", &["ed25519"]),
        ("p256", &["ecdsa", "-b", "256"]),
        ("p384", &["ecdsa", "-b", "384"]),
        ("p521", &["ecdsa", "-b", "521"]),
        ("rsa2048", &["rsa", "-b", "2048"]),
        ("rsa1024", &["rsa", "-b", "1024"]),
    ];
    let mut keys: Vec<(Vec<u8>, Key)> = kinds
        .iter()
        .map(|(name, kind)| (name.as_bytes().to_vec(), Key::generate(&rig.scratch, name, kind)))
        .collect();
    for at in [0, 1, 4] {
        let name = String::from_utf8(keys[at].0.clone()).unwrap();
        let certified = keys[at].1.certified(&rig.scratch, &name, "p384");
        keys.push((format!("{name}-cert").into_bytes(), certified));
    }
    // Comments are bytes: of no encoding, none at all, and long.
    keys[1].0 = b"\xff\xfe caf\xe9 \x1b[31m\n".to_vec();
    keys[2].0 = Vec::new();
    keys[3].0 = vec![b'x'; 100_000];
    keys
}

fn listed(conn: &mut Conn) -> Vec<(Vec<u8>, Vec<u8>)> {
    identities(&conn.ask(&wire::list()).expect("a list"))
}

#[test]
fn keys_of_every_kind_with_comments_and_order() {
    for (way, (_, ask)) in WAYS.into_iter().zip(ASKS) {
        let rig = Rig::new(way);
        let keys = all_kinds(&rig);
        // Not in the order of anything else.
        for (comment, key) in keys.iter().rev() {
            rig.conn().expect(&add(&key.private, comment), SUCCESS);
        }
        // One that came again has its first place and its last comment.
        rig.conn().expect(&add(&keys[5].1.private, b"again"), SUCCESS);
        let before = listed(&mut rig.conn());
        for _ in 0..2 {
            ask(&rig);
            assert_eq!(listed(&mut rig.conn()), before, "{way:?}");
        }
        for (comment, key) in &keys {
            let flags = if key.kind().contains("rsa") { 4 } else { 0 };
            let answer = rig.conn().ask(&sign(&key.blob, &data(), flags)).unwrap();
            let verdict = verifies(&rig.scratch, &key.plain(), &signature(&answer));
            assert!(verdict.is_ok(), "{}: {verdict:?}", String::from_utf8_lossy(comment));
        }
    }
}

/// The end is a moment, not a rest that begins anew.
#[test]
fn lifetimes_end_when_they_would_have() {
    let rig = Rig::new(Way::Daemon);
    let keys = ["short", "long"].map(|name| Key::generate(&rig.scratch, name, &["ed25519"]));
    let begun = Instant::now();
    rig.conn().expect(&add_constrained(&keys[0].private, b"short", &[&lifetime(4)]), SUCCESS);
    rig.conn().expect(&add_constrained(&keys[1].private, b"long", &[&lifetime(3600)]), SUCCESS);
    let added = Instant::now();
    // Restarted all the while: had it begun anew each time, the short one would never go.
    wait_until("the short one has expired", || {
        rig.restarted();
        rig.conn().comments() == ["long"]
    });
    assert!(begun.elapsed() >= Duration::from_secs(4), "gone before its time");
    rig.conn().expect(&sign(&keys[0].blob, b"data", 0), FAILURE);
    let passed = added.elapsed().as_secs();
    let left = rig.status().keys[0].remaining_seconds.expect("a lifetime");
    assert!(left <= 3600 - passed, "{left} s left after {passed}");
}

/// A lifetime that ends while no program is there to see it.
#[test]
fn a_key_that_expires_in_the_handover_is_gone() {
    let rig = Rig::new(Way::Service);
    let key = Key::generate(&rig.scratch, "short", &["ed25519"]);
    rig.conn().expect(&add_constrained(&key.private, b"short", &[&lifetime(1)]), SUCCESS);
    // Holds the handover back, for longer than the key lives: a frame that is never complete.
    let mut half = rig.conn();
    half.send_raw(&[0, 0]);
    rig.restarted();
    assert!(rig.conn().comments().is_empty());
    rig.conn().expect(&sign(&key.blob, b"data", 0), FAILURE);
}

#[test]
fn a_key_that_must_be_confirmed_still_must() {
    let rig = Rig::new(Way::Daemon);
    let keys = ["asks", "asks not"].map(|name| Key::generate(&rig.scratch, name, &["ed25519"]));
    rig.conn().expect(&add_constrained(&keys[0].private, b"asks", &[CONFIRM]), SUCCESS);
    rig.conn().expect(&add(&keys[1].private, b"asks not"), SUCCESS);
    rig.restarted();
    let confirm: Vec<bool> = rig.status().keys.iter().map(|key| key.confirm).collect();
    assert_eq!(confirm, [true, false]);
    rig.conn().expect(&sign(&keys[0].blob, b"data", 0), FAILURE);
    signature(&rig.conn().ask(&sign(&keys[1].blob, b"data", 0)).unwrap());
}

/// A key stays bound to its destinations, and forwarded peers to what they may do.
#[test]
fn destinations_and_what_forwarded_peers_may() {
    for (way, admin) in [(Way::Daemon, false), (Way::Service, true)] {
        let options: &[&str] = if admin { &["--allow-remote-admin"] } else { &[] };
        let rig = Rig::with(way, &[&["--trust-own-binary"], options].concat(), "true");
        let [key, host, other] =
            ["key", "host", "other"].map(|name| Key::generate(&rig.scratch, name, &["ed25519"]));
        let bind = |host: &Key, forwarding| {
            rig.conn().expect(&add(&host.private, b"host"), SUCCESS);
            let signature = signature(&rig.conn().ask(&sign(&host.blob, b"one", 0)).unwrap());
            rig.conn().expect(&remove(&host.blob), SUCCESS);
            let mut conn = rig.conn();
            conn.expect(&session_bind(&host.blob, b"one", &signature, forwarding), SUCCESS);
            conn
        };
        let bound = destinations(&[to_host(b"user", &host.blob)]);
        rig.conn().expect(&add_constrained(&key.private, b"bound", &[&bound]), SUCCESS);
        for _ in 0..2 {
            rig.restarted();
            assert_eq!(rig.conn().comments(), ["bound"]);
            assert!(rig.status().keys[0].restricted);
            assert!(bind(&other, false).comments().is_empty(), "seen elsewhere after a restart");
            let log_in = |user: &[u8]| sign(&key.blob, &login(b"one", user, &key.blob, None), 0);
            let mut conn = bind(&host, false);
            conn.expect(&log_in(b"root"), FAILURE);
            signature(&conn.ask(&log_in(b"user")).unwrap());
            let answer = if admin { SUCCESS } else { FAILURE };
            let mut conn = bind(&other, true);
            conn.expect(&add(&other.private, b"other"), answer);
            conn.expect(&remove(&other.blob), answer);
        }
    }
}

/// Locked stays locked, with its password and the delay of the wrong ones.
#[test]
fn the_lock_and_its_failures() {
    for (way, (_, ask)) in WAYS.into_iter().zip(ASKS) {
        let rig = Rig::new(way);
        let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
        rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
        rig.conn().expect(&lock(b"secret"), SUCCESS);
        for _ in 0..4 {
            rig.conn().expect(&unlock(b"wrong"), FAILURE);
        }
        ask(&rig);
        assert!(rig.conn().comments().is_empty());
        rig.conn().expect(&sign(&key.blob, b"data", 0), FAILURE);
        rig.conn().expect(&add(&key.private, b"other"), FAILURE);
        let status = rig.status();
        assert!(status.locked && status.keys.is_empty());
        assert_eq!(status.failed_unlocks, 4, "the failures are forgotten");
        // The fifth waits four tenths of a second: a lower bound, which a slow machine cannot break.
        let begun = Instant::now();
        rig.conn().expect(&unlock(b"wrong"), FAILURE);
        assert!(begun.elapsed() >= Duration::from_millis(400), "guesses are free after a restart");
        rig.conn().expect(&unlock(b"secret"), SUCCESS);
        assert_eq!(rig.conn().comments(), ["mine"]);
        ask(&rig);
        assert_eq!((rig.status().failed_unlocks, rig.conn().comments()), (0, vec!["mine".to_owned()]));
    }
}

/// What `status` says: the same process since the same time, restarted so many times, and the refusals.
#[test]
fn status_goes_on() {
    let rig = Rig::new(Way::Daemon);
    rig.conn().expect(&unlock(b"not locked"), FAILURE);
    let before = rig.status();
    assert_eq!((before.pid, before.handovers, before.refusals.len()), (rig.pid, 0, 1));
    // Seconds since 1970: another program's start would be later.
    wait_until("a second has passed", || {
        rig.status().started < std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
    });
    for times in 1..=3 {
        rig.restarted();
        let after = rig.status();
        assert_eq!((after.pid, after.started, after.handovers), (before.pid, before.started, times));
        assert_eq!(after.refusals, before.refusals);
        assert_eq!(
            (&after.socket, &after.log, &after.program),
            (&before.socket, &before.log, &before.program)
        );
        assert_eq!(after.restart_failure, None);
        let state = |status: &myagent::control::Status| {
            let mut all: Vec<_> = status.measures.iter().map(|m| (m.name.clone(), m.state)).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        assert_eq!(state(&after), state(&before), "a measure is not what it was");
    }
    let (_, text, _) = crate::support::run(&mut rig.myagent("status"));
    assert!(text.contains("3 times since"), "{text}");
}

/// Its level and all that it says: nothing of the predecessor's is lost.
#[test]
fn the_log_goes_on() {
    let rig = Rig::with(Way::Daemon, &["--trust-own-binary", "--log", "debug"], "true");
    rig.wait_logged("INFO");
    let before = rig.logged();
    rig.restarted();
    rig.conn().comments();
    rig.wait_logged("DEBUG");
    wait_until("the next program logs", || rig.logged().matches("listening").count() == 2);
    assert!(rig.logged().starts_with(&before) && rig.logged().contains("handing over"), "{}", rig.logged());
    let silent = Rig::with(Way::Daemon, &["--trust-own-binary", "--log", "off"], "true");
    silent.restarted();
    assert!(silent.status().log.is_none() && !silent.log().exists());
}

/// Both kinds of memory, and too little of either.
#[test]
fn every_kind_of_secret_memory() {
    for (options, before) in [
        (["--trust-own-binary", "--secret-memory", "mlock"], "true"),
        (["--trust-own-binary", "--secret-memory", "memfd"], "true"),
        (["--trust-own-binary", "--secret-memory", "memfd"], "ulimit -l 0"),
        (["--trust-own-binary", "--secret-memory", "memfd"], "ulimit -l 64"),
        // The region takes all of it.
        (["--trust-own-binary", "--secret-memory", "memfd"], "ulimit -l 36"),
        (["--trust-own-binary", "--secret-memory", "mlock"], "ulimit -l 36"),
    ] {
        let rig = Rig::with(Way::Service, &options, before);
        let key = Key::generate(&rig.scratch, "key", &["rsa", "-b", "2048"]);
        rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
        let memory = |rig: &Rig| {
            let all = rig.status().measures;
            all.into_iter().find(|measure| measure.name == "secret memory").unwrap().detail
        };
        let kind = memory(&rig);
        for _ in 0..2 {
            rig.restarted();
            assert_eq!(memory(&rig), kind, "{options:?} {before}");
            assert_eq!(rig.conn().comments(), ["mine"]);
            signature(&rig.conn().ask(&sign(&key.blob, b"data", 4)).unwrap());
        }
    }
}

/// Many keys: the state is larger than a pipe, a page or a message.
#[test]
fn two_thousand_keys() {
    let rig = Rig::new(Way::Daemon);
    let mut conn = rig.conn();
    for number in 0..2000_u32 {
        let seed = [[7; 28].as_slice(), &number.to_be_bytes()].concat();
        let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().public_key().as_ref().to_vec();
        let key = Body::default().string(b"ssh-ed25519").string(&public).string(&[seed, public].concat());
        conn.expect(&add(&key.0, format!("{number:0100}").as_bytes()), SUCCESS);
    }
    drop(conn);
    let before = rig.status().keys;
    rig.restarted();
    assert_eq!(rig.status().keys, before);
    assert_eq!(before.len(), 2000);
}
