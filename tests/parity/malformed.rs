//! Bodies that end too early and bodies that go on.

use crate::harness::Talk;
use crate::wire::{self, Body};

/// Sends every beginning of a message, shortest first; of the long middle of a long one, every third.
fn every_cut(t: &mut Talk<'_>, body: &[u8]) {
    let sent = |length: &usize| *length < 200 || length % 3 == 0 || length + 100 > body.len();
    for length in (1..body.len()).filter(sent) {
        t.ask(&format!("cut at {length}"), &body[..length]);
    }
    t.list("list");
}

fn cut_key(t: &mut Talk<'_>, key: &crate::keys::Key) {
    let constraints: [&[u8]; 2] = [&wire::lifetime(3600), wire::CONFIRM];
    every_cut(t, &wire::add_constrained(&key.private, b"mine", &constraints));
}

/// A lock or unlock message that does not parse, then another connection.
fn malformed_lock(t: &mut Talk<'_>, body: &[u8]) {
    t.add(t.keys.ed25519(), "mine");
    t.ask("malformed", body);
    t.fresh();
    t.list("list");
}

scenarios! {
    fn cut_ed25519(t) { cut_key(t, &t.keys.plain[0].1); }
    fn cut_p256(t) { cut_key(t, &t.keys.plain[1].1); }
    fn cut_p384(t) { cut_key(t, &t.keys.plain[2].1); }
    fn cut_p521(t) { cut_key(t, &t.keys.plain[3].1); }
    fn cut_rsa(t) { cut_key(t, &t.keys.plain[4].1); }
    fn cut_ed25519_certificate(t) { cut_key(t, &t.keys.certified[0].1); }
    fn cut_p256_certificate(t) { cut_key(t, &t.keys.certified[1].1); }
    fn cut_rsa_certificate(t) { cut_key(t, &t.keys.certified[4].1); }

    fn cut_plain_add(t) {
        every_cut(t, &wire::add(&t.keys.ed25519().private, b"mine"));
    }

    fn cut_sign(t) {
        t.add(t.keys.ed25519(), "mine");
        every_cut(t, &wire::sign(&t.keys.ed25519().blob, b"data", 0));
    }

    fn cut_remove(t) {
        t.add(t.keys.ed25519(), "mine");
        every_cut(t, &wire::remove(&t.keys.ed25519().blob));
    }

    fn cut_providers(t) {
        let body = |kind| Body::of(kind).string(b"/usr/lib/none.so").string(b"pin").0;
        for kind in [wire::ADD_PROVIDER, wire::REMOVE_PROVIDER, wire::ADD_PROVIDER_CONSTRAINED] {
            let body = body(kind);
            for length in 1..body.len() {
                t.ask(&format!("type {kind} cut at {length}"), &body[..length]);
            }
        }
        t.list("list");
    }

    fn lock_without_a_body(t) { malformed_lock(t, &[wire::LOCK]); }
    fn lock_with_a_short_length(t) { malformed_lock(t, &[wire::LOCK, 0, 0]); }
    fn lock_with_a_short_password(t) { malformed_lock(t, &[wire::LOCK, 0, 0, 0, 9, b'x']); }
    fn unlock_without_a_body(t) { malformed_lock(t, &[wire::UNLOCK]); }
    fn unlock_with_a_short_password(t) { malformed_lock(t, &[wire::UNLOCK, 0, 0, 0, 9, b'x']); }

    /// A length in the middle of a message that points far past its end.
    fn lengths_that_lie(t) {
        let key = t.keys.ed25519();
        for length in [0x7fff_ffff, 0x8000_0000, 0xffff_ffff_u32] {
            let lie = length.to_be_bytes();
            let lying = |kind: u8| [&[kind][..], &lie, b"data"].concat();
            t.ask(&format!("add {length}"), &lying(wire::ADD));
            t.ask(&format!("sign {length}"), &lying(wire::SIGN));
            t.ask(&format!("remove {length}"), &lying(wire::REMOVE));
            t.ask(&format!("extension {length}"), &lying(wire::EXTENSION));
            let comment = [&[wire::ADD][..], &key.private, &lie, b"mine"].concat();
            t.ask(&format!("comment {length}"), &comment);
        }
        t.list("list");
    }

    /// One byte more than the message has.
    fn trailing_byte(t) {
        let key = t.keys.ed25519();
        let more = |body: Vec<u8>| [&body[..], &[0]].concat();
        t.ask("list", &more(wire::list()));
        t.ask("add", &more(wire::add(&key.private, b"mine")));
        t.ask("add constrained", &more(wire::add_constrained(&key.private, b"mine", &[wire::CONFIRM])));
        t.add(key, "mine");
        t.ask("sign", &more(wire::sign(&key.blob, b"data", 0)));
        t.ask("remove", &more(wire::remove(&key.blob)));
        t.add(t.keys.p256(), "other");
        t.ask("remove all", &more(vec![wire::REMOVE_ALL]));
        t.add(t.keys.p384(), "third");
        t.ask("remove all, SSH1", &more(vec![wire::REMOVE_ALL_RSA1]));
        t.ask("unlock", &more(wire::unlock(b"secret")));
        t.ask("lock", &more(wire::lock(b"secret")));
        t.ask("query", &more(wire::extension(b"query", b"")));
        let provider = |kind| more(Body::of(kind).string(b"/usr/lib/none.so").string(b"pin").0);
        for kind in [wire::ADD_PROVIDER, wire::REMOVE_PROVIDER, wire::ADD_PROVIDER_CONSTRAINED] {
            t.ask(&format!("type {kind}"), &provider(kind));
        }
    }
}
