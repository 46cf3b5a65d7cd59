//! Which libraries a client may name, and who may name one.

use crate::rig::{Rig, TOUCH, made_up, provider};
use crate::support::{Agent, Scratch};
use crate::wire::{self, Body, Conn, Fields};
use crate::wire_keys::{Key, keygen};
use std::os::unix::fs::symlink;
use std::path::Path;

fn add(rig: &Rig, key: &Key, name: &Path) -> u8 {
    let message =
        wire::add_constrained(&key.private, b"key", &[&provider(name.to_str().unwrap().as_bytes())]);
    rig.conn().ask(&message).unwrap()[0]
}

/// A file takes the place of a library: none is loaded when a key is added.
#[test]
fn libraries_are_named_by_their_real_paths() {
    let rig = Rig::new();
    let key = made_up("ssh:");
    let [inside, outside, out, into, missing] =
        ["allowed/a.so", "b.so", "allowed/out.so", "into.so", "allowed/missing.so"]
            .map(|name| rig.scratch.path(name));
    std::fs::write(&inside, "").unwrap();
    std::fs::write(&outside, "").unwrap();
    symlink(&outside, &out).unwrap();
    symlink(&inside, &into).unwrap();
    let roundabout = rig.scratch.path("allowed/../allowed/a.so");
    for good in [&inside, &into, &roundabout] {
        assert_eq!(add(&rig, &key, good), wire::SUCCESS, "{}", good.display());
    }
    rig.conn().expect(&[wire::REMOVE_ALL], wire::SUCCESS);
    let around = rig.scratch.path("allowed/../b.so");
    for bad in [&outside, &out, &missing, &around] {
        assert_eq!(add(&rig, &key, bad), wire::FAILURE, "{}", bad.display());
    }
    for bad in ["allowed/a.so", "a.so", "", "internal2", "/usr/lib/openssh/ssh-sk-helper"] {
        assert_eq!(add(&rig, &key, Path::new(bad)), wire::FAILURE, "{bad}");
    }
    assert_eq!(rig.conn().comments(), [""; 0]);
    rig.says("it is not on the list of those that may be loaded");
}

/// Without the option the list is OpenSSH's.
#[test]
fn libraries_of_the_system_are_allowed_as_it_is() {
    let scratch = Scratch::new();
    let agent = Agent::myagent(&scratch);
    let key = made_up("ssh:");
    let message = |name: &[u8]| wire::add_constrained(&key.private, b"key", &[&provider(name)]);
    let file = scratch.path("a.so");
    std::fs::write(&file, "").unwrap();
    let mut conn = Conn::open(&agent.socket).unwrap();
    conn.expect(&message(file.to_str().unwrap().as_bytes()), wire::FAILURE);
    conn.expect(&message(b"/usr/lib/openssh/ssh-sk-helper"), wire::SUCCESS);
}

/// What is built into the helper needs no library, in whatever case it is written; nor is it asked for by name.
#[test]
fn the_built_in_provider_is_always_allowed() {
    let rig = Rig::new();
    let key = made_up("ssh:");
    for name in ["internal", "INTERNAL", "Internal"] {
        assert_eq!(add(&rig, &key, Path::new(name)), wire::SUCCESS, "{name}");
    }
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
}

/// A session-bind, also one that fails, says that the peer speaks for another host.
#[test]
fn remote_peers_name_no_library() {
    let rig = Rig::new();
    let key = made_up("ssh:");
    let library = rig.scratch.path("allowed/a.so");
    std::fs::write(&library, "").unwrap();
    let named = |name: &[u8]| wire::add_constrained(&key.private, b"key", &[&provider(name)]);
    let mut conn = rig.conn();
    conn.expect(&named(library.to_str().unwrap().as_bytes()), wire::SUCCESS);
    assert_ne!(conn.ask(&wire::session_bind(b"key", b"id", b"signature", false)).unwrap(), [wire::SUCCESS]);
    conn.expect(&named(library.to_str().unwrap().as_bytes()), wire::FAILURE);
    rig.says("a remote peer may not name a library");
    // As with OpenSSH's agent, what is built in is not a library.
    conn.expect(&named(b"internal"), wire::SUCCESS);
    rig.conn().expect(&named(library.to_str().unwrap().as_bytes()), wire::SUCCESS);
}

#[test]
fn only_keys_on_tokens_have_providers() {
    let rig = Rig::new();
    let key = Key::generate(&rig.scratch, "plain", &["ed25519"]);
    assert_eq!(add(&rig, &key, Path::new("internal")), wire::FAILURE);
    rig.says("a library for FIDO tokens is named, and the key is on none");
    let doubled = [&provider(b"internal")[..], &provider(b"internal")];
    let message = wire::add_constrained(&made_up("ssh:").private, b"key", &doubled);
    rig.conn().expect(&message, wire::FAILURE);
    assert_eq!(rig.conn().comments(), [""; 0]);
}

/// Each field of a key is looked at when it comes.
#[test]
fn keys_that_are_none_are_refused() {
    let rig = Rig::new();
    let ed25519 = |point: &[u8], application: &[u8]| {
        let head = Body::default().string(b"sk-ssh-ed25519@openssh.com").string(point).string(application);
        head.u8(TOUCH).string(b"handle").string(b"").0
    };
    let ecdsa = |curve: &[u8], point: &[u8]| {
        let head = Body::default().string(b"sk-ecdsa-sha2-nistp256@openssh.com").string(curve).string(point);
        head.string(b"ssh:").u8(TOUCH).string(b"handle").string(b"").0
    };
    let mut conn = rig.conn();
    conn.expect(&wire::add(&ed25519(&[7; 32], b"ssh:"), b"c"), wire::SUCCESS);
    for bad in [
        ed25519(&[7; 31], b"ssh:"),
        ed25519(&[7; 33], b"ssh:"),
        ed25519(&[7; 32], b"ssh:\0x"),
        ecdsa(b"nistp256", &[4; 65]),
        ecdsa(b"nistp256", &[0]),
        ecdsa(b"nistp256", b""),
        ecdsa(b"nistp384", &[4; 97]),
    ] {
        conn.expect(&wire::add(&bad, b"c"), wire::FAILURE);
    }
    assert_eq!(conn.comments(), ["c"]);
}

/// A certificate must be for that very key: point and application.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn certificates_are_for_their_keys() {
    let rig = Rig::new();
    keygen(&rig.scratch, &["-q", "-N", "", "-t", "ed25519", "-f", "ca"]);
    for (kind, public) in [("ed25519-sk", 0), ("ecdsa-sk", 2)] {
        let key = rig.key(kind, kind, "ssh:");
        let certified = key.certified(&rig.scratch, kind, "ca");
        let mut fields = Fields(&certified.private);
        let head = Body::default().string(fields.string()).string(fields.string());
        // The certificate with what follows the public half of another key.
        let with = |other: &Key| {
            let mut fields = Fields(&other.private);
            for _ in 0..=public {
                fields.string();
            }
            wire::add(&head.clone().raw(fields.0).0, b"c")
        };
        rig.conn().expect(&with(&key), wire::SUCCESS);
        rig.conn()
            .expect(&with(&rig.key(&format!("{kind}-elsewhere"), kind, "ssh:elsewhere")), wire::FAILURE);
        // An ECDSA key brings no public half of its own beside a certificate: there the token will not know the handle.
        let other = with(&rig.key(&format!("{kind}-other"), kind, "ssh:"));
        rig.conn().expect(&other, if kind == "ecdsa-sk" { wire::SUCCESS } else { wire::FAILURE });
        // Its signature is its authority's.
        let mut forged = certified.private.clone();
        let at = forged.windows(4).position(|window| window == b"ssh:").unwrap();
        forged[at] ^= 1;
        rig.conn().expect(&wire::add(&forged, b"c"), wire::FAILURE);
    }
}
