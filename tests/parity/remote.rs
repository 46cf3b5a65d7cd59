//! Forwarded connections: what a peer on another host may ask beside listing and signing.

use crate::extensions::bind;
use crate::wire::{self, Body, add_constrained, constraint_extension, session_bind};

scenarios! {
    /// A connection that a client has bound to its own login may do all that a local one may.
    fn bound_for_a_login(t) {
        let message = bind(t, &t.keys.host, b"session", false);
        t.ask("bind", &message);
        t.add(t.keys.ed25519(), "mine");
        t.ask("remove", &wire::remove(&t.keys.ed25519().blob));
        t.add(t.keys.p256(), "other");
        t.ask("lock", &wire::lock(b"x"));
        t.ask("unlock", &wire::unlock(b"x"));
        t.list("list");
        t.ask("remove all", &[wire::REMOVE_ALL]);
        t.list("none");
    }

    fn forwarded(t) {
        t.add(t.keys.p256(), "there before");
        t.fresh();
        let message = bind(t, &t.keys.host, b"session", true);
        t.ask("bind", &message);
        t.list("list");
        t.sign("sign", t.keys.p256(), 0);
        t.ask("add", &wire::add(&t.keys.ed25519().private, b"mine"));
        t.list("list with one more");
        t.ask("remove", &wire::remove(&t.keys.p256().blob));
        t.list("list with one fewer");
        t.ask("remove all, SSH1", &[wire::REMOVE_ALL_RSA1]);
        t.on(0);
        t.add(t.keys.p384(), "another");
        t.on(1);
        t.ask("remove all", &[wire::REMOVE_ALL]);
        t.list("list at last");
    }

    fn forwarded_locking(t) {
        t.add(t.keys.ed25519(), "mine");
        t.fresh();
        let message = bind(t, &t.keys.host, b"session", true);
        t.ask("bind", &message);
        t.ask("lock", &wire::lock(b"x"));
        t.list("list");
        t.ask("unlock", &wire::unlock(b"x"));
        t.on(0);
        t.ask("lock locally", &wire::lock(b"y"));
        t.on(1);
        t.ask("unlock what is locked locally", &wire::unlock(b"y"));
        t.list("list once more");
        t.on(0);
        t.ask("unlock locally", &wire::unlock(b"y"));
        t.on(1);
        t.list("list unlocked");
    }

    /// A failed bind that says so counts as forwarding as well, and so does one that cannot be read.
    fn forwarded_by_a_failed_bind(t) {
        t.add(t.keys.p256(), "there before");
        t.fresh();
        t.ask("bind", &session_bind(&t.keys.host.blob, b"session", b"nonsense", true));
        t.ask("add", &wire::add(&t.keys.ed25519().private, b"mine"));
        t.fresh();
        t.ask("bind nothing", &wire::extension(b"session-bind@openssh.com", b""));
        t.ask("remove", &wire::remove(&t.keys.p256().blob));
        t.on(0);
        t.list("list");
    }

    /// No such library exists; a remote peer does not even learn that.
    fn remote_providers(t) {
        let constraint = constraint_extension(
            b"sk-provider@openssh.com",
            &Body::default().string(b"internal").0,
        );
        for forwarding in [false, true] {
            t.fresh();
            let message = bind(t, &t.keys.host, b"session", forwarding);
            t.ask(&format!("bind {forwarding}"), &message);
            let provider = Body::default().string(b"/usr/lib/none.so").string(b"").0;
            t.ask(&format!("add {forwarding}"), &[&[wire::ADD_PROVIDER], &provider[..]].concat());
            t.ask(&format!("add constrained {forwarding}"), &[&[wire::ADD_PROVIDER_CONSTRAINED], &provider[..]].concat());
            t.ask(&format!("remove {forwarding}"), &[&[wire::REMOVE_PROVIDER], &provider[..]].concat());
            t.ask(&format!("key {forwarding}"), &add_constrained(&t.keys.ed25519().private, b"mine", &[&constraint]));
        }
        t.list("list");
    }
}
