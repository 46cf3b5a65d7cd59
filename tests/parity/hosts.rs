//! Hosts with keys that are out of the ordinary, and what a bound key signs for them.

use crate::destinations::bound;
use crate::extensions::{SK_ECDSA, SK_ED25519, bind, on_token, signature, token_signature};
use crate::keys::{Key, base64, keygen, read_public};
use crate::wire::{self, Body, Fields, login, session_bind, to_host};
use std::path::Path;

const RSA_NAMES: [&str; 8] = [
    "ssh-rsa",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "rsa-sha2-384",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-ed25519",
];

scenarios! {
    /// A host with an RSA key of more bits than most libraries verify.
    fn bind_with_a_large_rsa_key(t) {
        let host = Key::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/rsa9216.key"));
        bound(t, "mine", &[to_host(b"user", &host.blob)]);
        for flags in [0, 2, 4] {
            let signature = signature(t, &host, b"one", flags);
            t.fresh();
            t.ask(&format!("bind, flags {flags}"), &session_bind(&host.blob, b"one", &signature, false));
            t.list(&format!("list, flags {flags}"));
            let blob = &t.keys.ed25519().blob;
            t.ask(&format!("log in, flags {flags}"), &wire::sign(blob, &login(b"one", b"user", blob, None), 0));
        }
    }

    /// A host whose key is on a FIDO token, under a certificate.
    fn bind_with_a_tokens_certificate(t) {
        let tokens = [(t.keys.ed25519(), SK_ED25519), (t.keys.p256(), SK_ECDSA)];
        keygen(t.scratch, &["-q", "-N", "", "-f", "token_ca", "-t", "ed25519"]);
        for (key, kind) in tokens {
            let name = String::from_utf8_lossy(kind);
            let line = format!("{name} {}\n", base64(&on_token(key, kind)));
            std::fs::write(t.scratch.path("token.pub"), line).unwrap();
            keygen(t.scratch, &["-q", "-h", "-s", "token_ca", "-I", "x", "-n", "host.example", "token.pub"]);
            let certificate = read_public(&t.scratch.path("token-cert.pub"));
            let signature = token_signature(t, key, kind, 1);
            t.fresh();
            t.ask(&name, &session_bind(&certificate, b"session", &signature, false));
            t.fresh();
            t.ask(&format!("another session, {name}"), &session_bind(&certificate, b"another", &signature, false));
            t.on(0);
            bound(t, &format!("{name}, to it"), &[to_host(b"", &certificate)]);
        }
    }

    fn bind_to_no_session(t) {
        let message = bind(t, &t.keys.host, b"", false);
        t.ask("empty", &message);
    }

    /// The same number with a zero before it is the same key.
    fn bind_in_another_encoding(t) {
        let mut fields = Fields(&t.keys.rsa().blob);
        let (kind, e, n) = (fields.string(), fields.string(), fields.string());
        let longer = Body::default().string(kind).string(&[&[0], e].concat()).string(n).0;
        let signature = signature(t, t.keys.rsa(), b"one", 4);
        bound(t, "mine", &[to_host(b"", &t.keys.rsa().blob)]);
        t.fresh();
        t.ask("bind", &session_bind(&longer, b"one", &signature, false));
        t.list("list");
        let blob = &t.keys.ed25519().blob;
        t.ask("log in", &wire::sign(blob, &login(b"one", b"user", blob, None), 0));
        t.fresh();
        t.ask("bind as usual", &session_bind(&t.keys.rsa().blob, b"one", &signature, true));
        t.ask("bind again", &session_bind(&longer, b"one", &signature, true));
        t.list("list again");
    }

    fn destination_odd_logins(t) {
        let host = &t.keys.host;
        bound(t, "mine", &[to_host(b"user", &host.blob)]);
        let message = bind(t, host, b"one", false);
        t.fresh();
        t.ask("bind", &message);
        let blob = &t.keys.ed25519().blob;
        t.ask("zero, at the user's end", &wire::sign(blob, &login(b"one", b"user\0", blob, None), 0));
        t.ask("a zero in the user", &wire::sign(blob, &login(b"one", b"us\0r", blob, None), 0));
        let parts = |service: &[u8], method: &[u8], signed: u8, algorithm: &[u8]| {
            let head = Body::default().string(b"one").u8(50).string(b"user").string(service).string(method);
            wire::sign(blob, &head.u8(signed).string(algorithm).string(blob).0, 0)
        };
        t.ask("as usual", &parts(b"ssh-connection", b"publickey", 1, b"ssh-ed25519"));
        t.ask("zero, at the service's", &parts(b"ssh-connection\0", b"publickey", 1, b"ssh-ed25519"));
        t.ask("zero, at the method's", &parts(b"ssh-connection", b"publickey\0", 1, b"ssh-ed25519"));
        t.ask("zero, at the algorithm's", &parts(b"ssh-connection", b"publickey", 1, b"ssh-ed25519\0"));
        t.ask("signed 2", &parts(b"ssh-connection", b"publickey", 2, b"ssh-ed25519"));
        t.ask("signed 0", &parts(b"ssh-connection", b"publickey", 0, b"ssh-ed25519"));
        t.ask("a short name", &parts(b"ssh-connection", b"publickey", 1, b"ED25519"));
        t.ask("capitals", &parts(b"ssh-connection", b"publickey", 1, b"SSH-ED25519"));
    }

    fn unlock_with_more(t) {
        t.ask("lock", &wire::lock(b"x"));
        t.ask("a byte more", &[&wire::unlock(b"x")[..], &[0]].concat());
        t.ask("unlock", &wire::unlock(b"x"));
    }

    /// DSA is long gone, but 9.2 has it.
    fn dsa(t) {
        keygen(t.scratch, &["-q", "-N", "", "-f", "dsa", "-t", "dsa"]);
        let key = Key::read(&t.scratch.path("dsa"));
        t.add(&key, "dsa");
        t.list("list");
        bound(t, "to such a host", &[to_host(b"", &key.blob)]);
    }

    /// Each name that a bound RSA key may sign under.
    fn destination_rsa_logins(t) {
        let host = &t.keys.host;
        let to = wire::destinations(&[to_host(b"user", &host.blob)]);
        let (plain, certified) = (t.keys.rsa(), &t.keys.certified[4].1);
        for (name, key) in [("plain", plain), ("certified", certified)] {
            t.ask(name, &wire::add_constrained(&key.private, name.as_bytes(), &[&to]));
        }
        let message = bind(t, host, b"one", false);
        t.fresh();
        t.ask("bind", &message);
        for (name, key) in [("plain", plain), ("certified", certified)] {
            for algorithm in RSA_NAMES {
                let head = Body::default().string(b"one").u8(50).string(b"user").string(b"ssh-connection");
                let body = head.string(b"publickey").u8(1).string(algorithm.as_bytes()).string(&key.blob).0;
                for flags in [0, 2, 4] {
                    t.ask(&format!("{name}, {algorithm}, {flags}"), &wire::sign(&key.blob, &body, flags));
                }
            }
        }
    }
}
