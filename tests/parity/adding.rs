//! Keys and certificates of each type: added, listed, used, removed.

use crate::harness::Talk;
use crate::keys::Key;
use crate::wire;

/// The whole life of one key.
fn life(t: &mut Talk<'_>, key: &Key) {
    t.sign("sign before", key, 0);
    t.add(key, "mine");
    t.list("listed");
    for flags in [0, 1, 2, 3, 4, 6, 8, 0x8000_0000, 0xffff_ffff] {
        t.sign(&format!("sign with flags {flags}"), key, flags);
    }
    t.ask("remove", &wire::remove(&key.blob));
    t.list("gone");
    t.sign("sign after", key, 0);
    t.ask("remove again", &wire::remove(&key.blob));
}

scenarios! {
    fn ed25519(t) { life(t, &t.keys.plain[0].1); }
    fn p256(t) { life(t, &t.keys.plain[1].1); }
    fn p384(t) { life(t, &t.keys.plain[2].1); }
    fn p521(t) { life(t, &t.keys.plain[3].1); }
    fn rsa(t) { life(t, &t.keys.plain[4].1); }
    fn ed25519_certificate(t) { life(t, &t.keys.certified[0].1); }
    fn p256_certificate(t) { life(t, &t.keys.certified[1].1); }
    fn p384_certificate(t) { life(t, &t.keys.certified[2].1); }
    fn p521_certificate(t) { life(t, &t.keys.certified[3].1); }
    fn rsa_certificate(t) { life(t, &t.keys.certified[4].1); }

    fn all_types_in_order(t) {
        for (name, key) in &t.keys.plain {
            t.add(key, name);
        }
        for (name, key) in t.keys.certified.iter().rev() {
            t.add(key, &format!("{name} certificate"));
        }
        t.list("list");
        t.ask("remove a certificate", &wire::remove(&t.keys.certified[1].1.blob));
        t.ask("remove a key", &wire::remove(&t.keys.plain[2].1.blob));
        t.list("two fewer");
        t.sign("the key of a removed certificate", &t.keys.plain[1].1, 0);
        t.sign("the certificate of a removed key", &t.keys.certified[2].1, 0);
    }

    /// A certificate and its key are two identities.
    fn certificate_without_its_key(t) {
        let (plain, certified) = (&t.keys.plain[0].1, &t.keys.certified[0].1);
        t.add(certified, "certificate");
        t.sign("certificate", certified, 0);
        t.sign("key", plain, 0);
        t.ask("remove the key", &wire::remove(&plain.blob));
        t.list("list");
    }

    /// The certificate of one key with the private half of another.
    fn certificate_of_another_key(t) {
        let blob = &t.keys.certified[0].1.blob;
        let mut fields = wire::Fields(&t.keys.other.private);
        fields.string();
        let private =
            wire::Body::default().string(b"ssh-ed25519-cert-v01@openssh.com").string(blob).raw(fields.0).0;
        t.ask("add", &wire::add(&private, b"wrong"));
        t.list("list");
    }

    fn adding_again(t) {
        let (first, second) = (t.keys.ed25519(), &t.keys.other);
        t.add(first, "first");
        t.add(second, "second");
        t.add(first, "first anew");
        t.list("same place, new comment");
        t.fresh();
        t.add(second, "second anew");
        t.on(0);
        t.list("from another connection");
    }

    fn comments(t) {
        let long = "x".repeat(200_000);
        let comments: [(&str, &[u8]); 6] = [
            ("empty", b""),
            ("not UTF-8", b"\xff\xfe\x80"),
            ("UTF-8", "Schl\u{fc}ssel \u{1f511}".as_bytes()),
            ("control characters", b"\x1b[31mred\x07\r\n\x7f"),
            ("blanks", b"  two  blanks  "),
            ("very long", long.as_bytes()),
        ];
        for (name, comment) in comments {
            t.ask(name, &wire::add(&t.keys.ed25519().private, comment));
            t.list(&format!("{name}, listed"));
        }
    }

    /// More identities than fit into one answer.
    fn list_too_long(t) {
        let long = "x".repeat(200_000);
        t.ask("first", &wire::add(&t.keys.ed25519().private, long.as_bytes()));
        t.ask("second", &wire::add(&t.keys.other.private, long.as_bytes()));
        t.list("list of 400000 bytes");
        t.sign("still signs", t.keys.ed25519(), 0);
    }

    fn comment_with_nul(t) {
        t.ask("inside", &wire::add(&t.keys.ed25519().private, b"a\0b"));
        t.ask("only", &wire::add(&t.keys.p256().private, b"\0"));
        t.ask("at the end", &wire::add(&t.keys.other.private, b"a\0"));
        t.list("list");
    }
}
