//! Removing, and signing what is not there or not usual.

use crate::wire;

scenarios! {
    fn remove_unknown(t) {
        t.ask("from an empty agent", &wire::remove(&t.keys.other.blob));
        t.add(t.keys.ed25519(), "mine");
        t.ask("another key", &wire::remove(&t.keys.other.blob));
        t.ask("its certificate", &wire::remove(&t.keys.certified[0].1.blob));
        t.ask("no key", &wire::remove(b""));
        t.ask("no key at all", &wire::remove(b"nonsense"));
        t.ask("a longer key", &wire::remove(&[&t.keys.ed25519().blob[..], &[0]].concat()));
        t.list("list");
    }

    fn remove_all(t) {
        t.ask("from an empty agent", &[wire::REMOVE_ALL]);
        t.add(t.keys.ed25519(), "mine");
        t.add(t.keys.p256(), "other");
        t.ask("all", &[wire::REMOVE_ALL]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
        t.add(t.keys.ed25519(), "again");
        t.list("list again");
    }

    fn order_after_removal(t) {
        for (name, key) in &t.keys.plain {
            t.add(key, name);
        }
        t.ask("remove", &wire::remove(&t.keys.p256().blob));
        t.add(t.keys.p256(), "at the end");
        t.list("list");
    }

    fn sign_with_what_is_no_key(t) {
        let key = t.keys.ed25519();
        t.add(key, "mine");
        t.ask("empty", &wire::sign(b"", b"data", 0));
        t.ask("nonsense", &wire::sign(b"nonsense", b"data", 0));
        t.ask("a longer key", &wire::sign(&[&key.blob[..], &[0]].concat(), b"data", 0));
        t.ask("a shorter key", &wire::sign(&key.blob[..key.blob.len() - 1], b"data", 0));
        t.ask("the right one", &wire::sign(&key.blob, b"data", 0));
    }

    fn sign_much_and_nothing(t) {
        let key = t.keys.ed25519();
        t.add(key, "mine");
        t.add(t.keys.rsa(), "rsa");
        t.ask("nothing", &wire::sign(&key.blob, b"", 0));
        t.ask("nothing, RSA", &wire::sign(&t.keys.rsa().blob, b"", 4));
        t.ask("200000 bytes", &wire::sign(&key.blob, &[7; 200_000], 0));
        t.ask("200000 bytes, RSA", &wire::sign(&t.keys.rsa().blob, &[7; 200_000], 2));
        let most = 262_144 - 1 - 4 - key.blob.len() - 4 - 4;
        t.ask("as much as a frame holds", &wire::sign(&key.blob, &vec![7; most], 0));
    }

    fn connections_share_the_keys(t) {
        t.add(t.keys.ed25519(), "mine");
        t.on(1);
        t.list("the second sees it");
        t.ask("and removes it", &wire::remove(&t.keys.ed25519().blob));
        t.on(0);
        t.list("the first sees that");
        t.hang_up();
        t.on(1);
        t.add(t.keys.p256(), "outlives its connection");
        t.hang_up();
        t.fresh();
        t.list("still there");
    }
}
