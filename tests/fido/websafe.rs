//! A key of a web site's application signs nothing that the site could take for its own.

use crate::client::SK_DUMMY;
use crate::rig::{KINDS, Rig};
use crate::support::{Agent, run};
use crate::wire::{self, Body, Conn};
use crate::wire_keys::{Key, data, verifies};
use std::path::Path;

/// A login with this key, as ssh has it signed.
fn userauth(kind: &str, blob: &[u8]) -> Vec<u8> {
    let head = Body::default().string(b"session identifier").u8(50).string(b"user");
    head.string(b"ssh-connection").string(b"publickey").u8(1).string(kind.as_bytes()).string(blob).0
}

/// A login that names the server's key.
fn hostbound(kind: &str, blob: &[u8], host: &[u8]) -> Vec<u8> {
    let head = Body::default().string(b"session identifier").u8(50).string(b"user").string(b"ssh-connection");
    let head = head.string(b"publickey-hostbound-v00@openssh.com").u8(1).string(kind.as_bytes());
    head.string(blob).string(host).0
}

/// What a browser has a token sign begins like this.
pub const OF_THE_WEB: &[u8] =
    b"{\"type\":\"webauthn.get\",\"challenge\":\"AAAA\",\"origin\":\"https://example.com\"}";

/// What is to be signed, and whether a key of the web may.
fn cases(web: &Key, other: &Key) -> Vec<(&'static str, Vec<u8>, bool)> {
    let (kind, blob) = (&web.kind(), &web.blob);
    let mut cases = vec![
        ("of the web", OF_THE_WEB.to_vec(), false),
        ("nothing", Vec::new(), false),
        ("another key's login", userauth(kind, &other.blob), false),
        ("a login as another type", userauth("ssh-ed25519", blob), false),
    ];
    for (name, good) in [
        ("SSHSIG", data()),
        ("login", userauth(kind, blob)),
        ("hostbound", hostbound(kind, blob, &other.blob)),
    ] {
        cases.push((name, good.clone(), true));
        // With one byte more or less it is no such thing.
        cases.push(("a byte more", [&good[..], &[0]].concat(), false));
        cases.push(("a byte less", good[..good.len() - 1].to_vec(), false));
    }
    cases
}

/// Each case, by the key of the web and by one of SSH's own, with OpenSSH's agent and with ours.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn keys_of_the_web_sign_only_what_is_ssh() {
    let rig = Rig::new();
    let theirs = Agent::openssh(&rig.scratch);
    for kind in KINDS {
        let [ssh, web, other] =
            ["ssh", "web", "other"].map(|name| rig.key(&format!("{kind}-{name}"), kind, "ssh:"));
        // ssh-keygen makes no keys of other applications: a token that a browser used has them.
        let web = renamed(&web, "https://example.com");
        for (agent, socket, provider) in
            [("OpenSSH", &theirs.socket, Path::new(SK_DUMMY)), ("ours", &rig.agent.socket, &rig.dummy())]
        {
            let provider = crate::rig::provider(provider.to_str().unwrap().as_bytes());
            let mut conn = Conn::open(socket).unwrap();
            for key in [&ssh, &web] {
                conn.expect(&wire::add_constrained(&key.private, b"key", &[&provider]), wire::SUCCESS);
            }
            for (case, data, may) in cases(&web, &other) {
                let mut signs =
                    |key: &Key| conn.ask(&wire::sign(&key.blob, &data, 0)).unwrap()[0] == wire::SIGNATURE;
                assert_eq!(signs(&web), may, "{agent}, {kind}, {case}");
                assert!(signs(&ssh), "{agent}, {kind}, {case}");
            }
        }
        rig.says("is not of an SSH application");
    }
}

/// The same key as if it had been made for another application.
pub fn renamed(key: &Key, application: &str) -> Key {
    let old = Body::default().string(b"ssh:").0;
    let new = Body::default().string(application.as_bytes()).0;
    let replace = |bytes: &[u8]| {
        let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
        [&bytes[..at], &new, &bytes[at + old.len()..]].concat()
    };
    Key { blob: replace(&key.blob), private: replace(&key.private) }
}

/// What comes out is a signature, for the plain key and under a certificate.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn signatures_are_the_keys_own() {
    let rig = Rig::new();
    let ca = rig.scratch.path("ca");
    let mut keygen = rig.scratch.command("ssh-keygen");
    assert_eq!(run(keygen.args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&ca)).0, 0);
    for kind in KINDS {
        let key = rig.key(kind, kind, "ssh:mine");
        let certified = key.certified(&rig.scratch, kind, "ca");
        for key in [&key, &certified] {
            rig.add(key);
            let answer = rig.conn().ask(&wire::sign(&key.blob, &data(), 0)).unwrap();
            let signature = wire::signature(&answer);
            assert_eq!(verifies(&rig.scratch, &key.plain(), &signature), Ok(()), "{}", key.kind());
        }
    }
}
