//! What a question says of hosts: OpenSSH's line where the key is bound to destinations, and what the hosts' own
//! signatures prove.

use crate::desk::Desk;
use crate::keys::Key;
use crate::sides::Side;
use crate::support::run;
use crate::wire::{self, Body, CONFIRM, Conn, SUCCESS, session_bind, signature};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

/// A host that proves sessions with its key.
struct Host {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    blob: Vec<u8>,
}

impl Host {
    fn new(seed: u8) -> Self {
        let seed = [seed; 32];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let blob = Body::default().string(b"ssh-ed25519").string(pair.public_key().as_ref()).0;
        Self { seed, pair, blob }
    }

    fn bind(&self, conn: &mut Conn, session: &[u8], forwarding: bool) {
        let signed = self.pair.sign(session);
        let signed = Body::default().string(b"ssh-ed25519").string(signed.as_ref()).0;
        conn.expect(&session_bind(&self.blob, session, &signed, forwarding), SUCCESS);
    }

    fn fingerprint(&self, desk: &Desk) -> String {
        let name = format!("host{}", self.seed[0]);
        let (file, public) = (desk.scratch.path(&name), desk.scratch.path(&format!("{name}.pub")));
        // As a key file has it; the encoding is ssh-keygen's business.
        let halves = Body::default().string(b"ssh-ed25519").string(self.pair.public_key().as_ref());
        let secret = [&self.seed[..], self.pair.public_key().as_ref()].concat();
        let key = Key { blob: self.blob.clone(), private: halves.string(&secret).0 };
        key.write(&file, "host");
        let line = run(desk.scratch.command("ssh-keygen").args(["-y", "-f"]).arg(&file)).1;
        std::fs::write(&public, line).unwrap();
        let listed = run(desk.scratch.command("ssh-keygen").args(["-l", "-f"]).arg(&public));
        listed.1.split(' ').nth(1).unwrap().to_owned()
    }
}

/// May be used for logins at this host alone.
fn destination(host: &Host) -> Vec<u8> {
    let hop = |name: &[u8]| Body::default().string(b"").string(name).string(b"");
    let to = hop(b"host").string(&host.blob).u8(0);
    let one = Body::default().string(&hop(b"").0).string(&to.0).string(b"");
    let list = Body::default().string(&one.0);
    wire::constraint_extension(b"restrict-destination-v00@openssh.com", &Body::default().string(&list.0).0)
}

/// What a client signs to log in.
fn login(session: &[u8], user: &[u8], key: &[u8]) -> Vec<u8> {
    let body = Body::default().string(session).u8(50).string(user).string(b"ssh-connection");
    body.string(b"publickey").u8(1).string(b"ssh-ed25519").string(key).0
}

#[test]
fn a_login_with_a_destination_s_key_is_named_as_openssh_names_it() {
    let texts = [Side::Openssh, Side::ours()].map(|side| {
        let desk = Desk::of(side);
        desk.behave("exit 0");
        let host = Host::new(1);
        let add = wire::add_constrained(&desk.key.private, b"bound", &[CONFIRM, &destination(&host)]);
        desk.conn().expect(&wire::remove(&desk.key.blob), SUCCESS);
        let mut conn = desk.conn();
        conn.expect(&add, SUCCESS);
        host.bind(&mut conn, b"session", false);
        let data = login(b"session", b"tess", &desk.key.blob);
        signature(&conn.ask(&wire::sign(&desk.key.blob, &data, 0)).unwrap());
        let text = desk.text(desk.asked()[0]);
        let fingerprint = text.split(' ').find(|word| word.starts_with("SHA256:")).unwrap();
        let own = fingerprint.split('.').next().unwrap().to_owned();
        (text.replace(&own, "FP"), host.fingerprint(&desk))
    });
    let [(theirs, _), (ours, host)] = texts;
    let line = "public key authentication request for user \"tess\" to listed host";
    assert_eq!(theirs, format!("Allow use of key bound?\nKey fingerprint FP.\n{line}"));
    if Side::ours() == Side::Ours {
        assert!(ours.starts_with(&format!("{theirs}\nAsked by ")), "{ours}");
        assert!(ours.ends_with(&format!("\nto log in to the host with key {host}")), "{ours}");
    }
}

#[test]
fn a_forwarded_connection_is_called_one() {
    let desk = Desk::new();
    desk.behave("exit 0");
    let (first, second) = (Host::new(1), Host::new(2));
    let mut conn = desk.conn();
    let shown = |conn: &mut Conn| {
        let before = desk.asked().len();
        signature(&conn.ask(&desk.request()).unwrap());
        desk.text(desk.asked()[before])
    };
    assert_eq!(shown(&mut conn).lines().count(), 3);
    first.bind(&mut conn, b"one", true);
    let from = format!("for the host with key {}", first.fingerprint(&desk));
    assert_eq!(shown(&mut conn).lines().skip(3).collect::<Vec<_>>(), [&from]);
    second.bind(&mut conn, b"two", false);
    let to = format!("to log in to the host with key {}", second.fingerprint(&desk));
    assert_eq!(shown(&mut conn).lines().skip(3).collect::<Vec<_>>(), [&from, &to]);
    // Nothing is proven by a bind that fails, but the connection stays what it said to be.
    let mut conn = desk.conn();
    conn.ask(&session_bind(&first.blob, b"id", b"no signature", true)).unwrap();
    assert_eq!(shown(&mut conn).lines().nth(3), Some("for another host, which nothing proves"));
}
