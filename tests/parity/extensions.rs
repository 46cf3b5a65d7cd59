//! Extensions: none, unknown, query, and session-bind.

use crate::harness::Talk;
use crate::keys::{self, Key};
use crate::wire::{self, Body, extension, session_bind};

/// A right session-bind message: the host key signs the session in the agent itself, and leaves it again.
pub(crate) fn bind(t: &Talk<'_>, host: &Key, session: &[u8], forwarding: bool) -> Vec<u8> {
    session_bind(&host.blob, session, &host_signature(t, host, session), forwarding)
}

pub(crate) fn host_signature(t: &Talk<'_>, host: &Key, session: &[u8]) -> Vec<u8> {
    let flags = if host.kind().starts_with("ssh-rsa") { 4 } else { 0 };
    signature(t, host, session, flags)
}

pub(crate) fn signature(t: &Talk<'_>, host: &Key, data: &[u8], flags: u32) -> Vec<u8> {
    let mut conn = wire::Conn::open(&t.agent.socket).unwrap();
    conn.expect(&wire::add(&host.private, b"host"), wire::SUCCESS);
    let answer = conn.ask(&wire::sign(&host.blob, data, flags)).unwrap();
    conn.expect(&wire::remove(&host.blob), wire::SUCCESS);
    wire::signature(&answer)
}

pub(crate) const SK_ED25519: &[u8] = b"sk-ssh-ed25519@openssh.com";
pub(crate) const SK_ECDSA: &[u8] = b"sk-ecdsa-sha2-nistp256@openssh.com";
const SHA256_OF_SSH: &str = "e30610e8a162115960fe1ec223e6529c9f4b6e80200dcb5e5c321c8af1e2b1bf";
const SHA256_OF_SESSION: &str = "3f3af1ecebbd1410ab417ec0d27bbfcb5d340e177ae159b59fc8626c2dfd9175";

/// The public half of a plain key as that of a token's: the same numbers, and an application.
pub(crate) fn on_token(key: &Key, kind: &[u8]) -> Vec<u8> {
    let mut fields = wire::Fields(&key.blob);
    fields.string();
    Body::default().string(kind).raw(fields.0).string(b"ssh:").0
}

/// What a token with this key would sign for "session", with a counter of 7.
pub(crate) fn token_signature(t: &Talk<'_>, key: &Key, kind: &[u8], flags: u8) -> Vec<u8> {
    let said = Body::default().u8(flags).u32(7).0;
    let data = [&keys::hex(SHA256_OF_SSH)[..], &said, &keys::hex(SHA256_OF_SESSION)].concat();
    let plain = signature(t, key, &data, 0);
    let mut fields = wire::Fields(&plain);
    fields.string();
    Body::default().string(kind).string(fields.string()).raw(&said).0
}

scenarios! {
    fn extension_names(t) {
        t.ask("no name", &[wire::EXTENSION]);
        t.ask("empty name", &extension(b"", b""));
        t.ask("unknown, empty body", &extension(b"none@example.com", b""));
        t.ask("unknown, with a body", &extension(b"none@example.com", b"body"));
        t.ask("not UTF-8", &extension(b"\xff\xfe", b""));
        t.ask("NUL inside", &extension(b"query\0x", b""));
        t.ask("part of a name", &extension(b"session-bind", b""));
        t.ask("short name", &[wire::EXTENSION, 0, 0, 0, 9, b'q']);
        t.list("list");
    }

    fn query(t) {
        t.ask("query", &extension(b"query", b""));
        t.ask("with a body", &extension(b"query", b"body"));
    }

    fn bind_right(t) {
        for (name, key) in &t.keys.plain {
            t.fresh();
            let message = bind(t, key, b"session", false);
            t.ask(name, &message);
        }
        t.list("list");
    }

    fn bind_with_rsa_of_each_hash(t) {
        for flags in [0, 2, 4] {
            t.fresh();
            let signature = signature(t, t.keys.rsa(), b"session", flags);
            t.ask(&format!("flags {flags}"), &session_bind(&t.keys.rsa().blob, b"session", &signature, false));
            let wrong = session_bind(&t.keys.rsa().blob, b"another", &signature, false);
            t.ask(&format!("flags {flags}, another session"), &wrong);
        }
        t.list("list");
    }

    /// The host's key is on a FIDO token: what that signs tells of itself, and is no plain signature.
    fn bind_with_a_token(t) {
        let tokens = [(t.keys.ed25519(), SK_ED25519), (t.keys.p256(), SK_ECDSA)];
        for (key, kind) in tokens {
            let name = String::from_utf8_lossy(kind);
            let host_key = on_token(key, kind);
            for flags in [0, 1, 5] {
                let signature = token_signature(t, key, kind, flags);
                t.fresh();
                t.ask(&format!("{name}, flags {flags}"), &session_bind(&host_key, b"session", &signature, false));
                t.fresh();
                let wrong = session_bind(&host_key, b"another", &signature, false);
                t.ask(&format!("{name}, flags {flags}, another session"), &wrong);
                let mut changed = signature.clone();
                *changed.last_mut().unwrap() ^= 1;
                t.fresh();
                t.ask(
                    &format!("{name}, flags {flags}, another count"),
                    &session_bind(&host_key, b"session", &changed, false),
                );
            }
            let plain = host_signature(t, key, b"session");
            t.fresh();
            t.ask(&format!("{name}, plain signature"), &session_bind(&host_key, b"session", &plain, false));
        }
        t.list("list");
    }

    fn bind_with_a_host_certificate(t) {
        for (name, key) in &t.keys.certified {
            t.fresh();
            let plain = t.keys.plain.iter().find(|(kind, _)| kind == name).map(|(_, key)| key).unwrap();
            let signature = host_signature(t, plain, b"session");
            t.ask(name, &session_bind(&key.blob, b"session", &signature, false));
        }
    }

    fn bind_forwarding(t) {
        let hops = [bind(t, &t.keys.host, b"one", true), bind(t, &t.keys.other_host, b"two", false)];
        t.ask("first hop, forwarded", &hops[0]);
        t.ask("second hop, not forwarded", &hops[1]);
        let more = bind(t, &t.keys.host, b"three", true);
        t.ask("a third is too many", &more);
        t.list("list");
    }

    fn bind_twice(t) {
        let same = bind(t, &t.keys.host, b"one", true);
        t.ask("first", &same);
        t.ask("the same", &same);
        let other_key = bind(t, &t.keys.other_host, b"one", true);
        t.ask("same session, other key", &other_key);
        let not_forwarded = bind(t, &t.keys.host, b"one", false);
        t.ask("the same, not forwarded", &not_forwarded);
        t.fresh();
        let authenticating = bind(t, &t.keys.host, b"two", false);
        t.ask("for authentication", &authenticating);
        t.ask("for authentication, the same", &authenticating);
        let other = bind(t, &t.keys.host, b"three", false);
        t.ask("another after authentication", &other);
    }

    fn bind_wrong_signature(t) {
        let host = &t.keys.host;
        let right = host_signature(t, host, b"session");
        t.ask("of another session", &session_bind(&host.blob, b"another", &right, false));
        t.ask("of another key", &session_bind(&t.keys.other_host.blob, b"session", &right, false));
        t.ask("of another type", &session_bind(&t.keys.rsa().blob, b"session", &right, false));
        let mut flipped = right.clone();
        *flipped.last_mut().unwrap() ^= 1;
        t.ask("one bit changed", &session_bind(&host.blob, b"session", &flipped, false));
        t.ask("empty", &session_bind(&host.blob, b"session", b"", false));
        t.ask("longer", &session_bind(&host.blob, b"session", &[&right[..], &[0]].concat(), false));
        t.ask("right after all", &session_bind(&host.blob, b"session", &right, false));
        t.list("list");
    }

    /// A host certificate that no authority signed.
    fn bind_forged_certificate(t) {
        for (name, host) in &t.keys.certified {
            t.fresh();
            let signature = host_signature(t, host, b"session");
            let mut forged = host.blob.clone();
            *forged.last_mut().unwrap() ^= 1;
            t.ask(&format!("forged, {name}"), &session_bind(&forged, b"session", &signature, false));
            t.ask(&format!("right, {name}"), &session_bind(&host.blob, b"session", &signature, false));
        }
        t.list("list");
    }

    fn bind_session_lengths(t) {
        for length in [1, 20, 32, 64, 128, 129, 1000] {
            t.fresh();
            let message = bind(t, &t.keys.host, &vec![7; length], false);
            t.ask(&format!("{length} bytes"), &message);
        }
    }

    fn bind_seventeen(t) {
        for number in 1..=17_u8 {
            let message = bind(t, &t.keys.host, &[number; 32], true);
            t.ask(&format!("bind {number}"), &message);
        }
        let first = bind(t, &t.keys.host, &[1; 32], true);
        t.ask("the first again", &first);
        t.list("list");
        t.fresh();
        t.ask("another connection", &first);
    }

    fn bind_malformed(t) {
        let host = &t.keys.host;
        let right = bind(t, host, b"session", false);
        for length in 1 + 4 + 24..right.len() {
            t.ask(&format!("cut at {length}"), &right[..length]);
        }
        let signature = host_signature(t, host, b"session");
        t.ask("no key", &session_bind(b"", b"session", &signature, false));
        t.ask("no such key", &session_bind(b"nonsense", b"session", &signature, false));
        t.ask("a longer key", &session_bind(&[&host.blob[..], &[0]].concat(), b"session", &signature, false));
        t.fresh();
        t.ask("a byte more", &[&right[..], &[0]].concat());
        t.fresh();
        let body = Body::default().string(&host.blob).string(b"session").string(&signature).u8(2);
        t.ask("forwarding is 2", &extension(b"session-bind@openssh.com", &body.0));
        t.list("list");
    }

    /// A bound connection may list and sign with keys that are not constrained.
    fn bound_connection(t) {
        t.add(t.keys.ed25519(), "mine");
        let message = bind(t, &t.keys.host, b"session", true);
        t.ask("bind", &message);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
    }
}
