//! Clients that go away, wait, or ask for tokens that nobody has.

use crate::wire::{self, Body, frame};

scenarios! {
    fn hang_up_in_a_frame(t) {
        let add = frame(&wire::add(&t.keys.ed25519().private, b"mine"));
        for length in [1, 3, 4, 5, 20, add.len() - 1] {
            t.fresh();
            t.send_raw(&add[..length]);
            t.hang_up();
        }
        t.fresh();
        t.list("list");
        t.send_raw(&add);
        t.note("add");
        t.list("list again");
    }

    /// The request is there, and the end of the client's sending too, before the agent looks.
    fn half_closed(t) {
        t.list("before");
        t.freeze();
        t.send(&wire::list());
        t.conn().unwrap().half_close();
        t.thaw();
        t.note("answered");
        t.fresh();
        t.list("another connection");
    }

    fn half_closed_without_a_request(t) {
        t.conn().unwrap().half_close();
        t.note("closed");
    }

    /// One client waits in the middle of a frame; the next is served.
    fn half_a_frame_stops_nobody(t) {
        let add = frame(&wire::add(&t.keys.ed25519().private, b"mine"));
        let (head, tail) = add.split_at(30);
        t.send_raw(head);
        t.on(1);
        t.list("another");
        t.on(0);
        t.send_raw(tail);
        t.note("add");
        t.on(1);
        t.list("another again");
    }

    fn no_such_provider(t) {
        for (name, pin) in [("/usr/lib/none.so", "1234"), ("/nowhere/none.so", ""), ("none.so", "x"), ("", "")] {
            let body = |kind| Body::of(kind).string(name.as_bytes()).string(pin.as_bytes());
            t.ask(&format!("add {name:?}"), &body(wire::ADD_PROVIDER).0);
            let constrained = body(wire::ADD_PROVIDER_CONSTRAINED).raw(&wire::lifetime(60)).0;
            t.ask(&format!("add constrained {name:?}"), &constrained);
            t.ask(&format!("remove {name:?}"), &body(wire::REMOVE_PROVIDER).0);
        }
        t.list("list");
    }
}
