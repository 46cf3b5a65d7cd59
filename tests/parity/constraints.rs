//! Lifetimes, confirmation, and constraints that must have the whole key refused.

use crate::harness::Talk;
use crate::wire::{CONFIRM, add, add_constrained, constraint_extension, lifetime};

fn constrained(t: &mut Talk<'_>, step: &str, constraints: &[&[u8]]) {
    t.ask(step, &add_constrained(&t.keys.ed25519().private, step.as_bytes(), constraints));
}

scenarios! {
    fn lifetime_long(t) {
        constrained(t, "an hour", &[&lifetime(3600)]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
        constrained(t, "the longest", &[&lifetime(u32::MAX)]);
        t.list("list again");
    }

    fn lifetime_zero(t) {
        constrained(t, "dies now", &[&lifetime(0)]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
    }

    fn lifetime_ends(t) {
        t.add(t.keys.p256(), "stays");
        constrained(t, "short", &[&lifetime(1)]);
        t.wait_for_keys(1);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
    }

    /// Adding again without a lifetime is forever, with one is that one.
    fn lifetime_is_replaced(t) {
        constrained(t, "short, then forever", &[&lifetime(1)]);
        constrained(t, "forever", &[]);
        t.add(t.keys.p256(), "forever, then short");
        t.ask("short", &add_constrained(&t.keys.p256().private, b"short", &[&lifetime(1)]));
        t.wait_for_keys(1);
        t.list("list");
    }

    /// There is nobody to ask.
    fn confirm(t) {
        constrained(t, "confirm", &[CONFIRM]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
        t.add(t.keys.ed25519(), "without");
        t.sign("sign without", t.keys.ed25519(), 0);
        constrained(t, "with again", &[CONFIRM]);
        t.sign("sign with again", t.keys.ed25519(), 0);
    }

    fn both(t) {
        constrained(t, "lifetime and confirm", &[&lifetime(3600), CONFIRM]);
        t.sign("sign", t.keys.ed25519(), 0);
        constrained(t, "confirm and lifetime", &[CONFIRM, &lifetime(3600)]);
        t.sign("sign again", t.keys.ed25519(), 0);
        t.list("list");
    }

    fn none(t) {
        constrained(t, "none", &[]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
    }

    fn refused(t) {
        constrained(t, "lifetime twice", &[&lifetime(3600), &lifetime(3600)]);
        constrained(t, "confirm twice", &[CONFIRM, CONFIRM]);
        constrained(t, "confirm, lifetime, confirm", &[CONFIRM, &lifetime(3600), CONFIRM]);
        for kind in [0, 3, 4, 99, 254] {
            constrained(t, &format!("unknown {kind}"), &[&[kind]]);
            constrained(t, &format!("lifetime and unknown {kind}"), &[&lifetime(3600), &[kind]]);
        }
        for length in 1..5 {
            constrained(t, &format!("lifetime of {length} bytes"), &[&lifetime(3600)[..length]]);
        }
        t.list("list");
    }

    /// A refused constraint leaves the key that was there as it was.
    fn refused_while_there(t) {
        t.add(t.keys.ed25519(), "first");
        constrained(t, "unknown", &[&[99]]);
        constrained(t, "confirm twice", &[CONFIRM, CONFIRM]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
    }

    fn extensions_refused(t) {
        constrained(t, "unknown extension", &[&constraint_extension(b"none@example.com", b"")]);
        constrained(t, "extension of an empty name", &[&constraint_extension(b"", b"")]);
        constrained(t, "extension without a name", &[&[255]]);
        constrained(t, "extension with a short name", &[&[255, 0, 0, 0, 9, b'x']]);
        let destination = b"restrict-destination-v00@openssh.com";
        constrained(t, "destination without a body", &[&constraint_extension(destination, b"")]);
        constrained(t, "destination of nonsense", &[&constraint_extension(destination, b"\0\0\0\x03abc")]);
        t.list("list");
    }

    /// A plain add carries constraints too.
    fn on_a_plain_add(t) {
        let plain = |constraints: &[&[u8]]| {
            [&add(&t.keys.ed25519().private, b"mine")[..], &constraints.concat()].concat()
        };
        let (short, asked, unknown) = (plain(&[&lifetime(1)]), plain(&[CONFIRM]), plain(&[&[99]]));
        t.ask("confirm", &asked);
        t.sign("sign", t.keys.ed25519(), 0);
        t.ask("unknown", &unknown);
        t.ask("lifetime", &short);
        t.wait_for_keys(0);
        t.list("list");
    }

    fn each_type(t) {
        for (name, key) in t.keys.plain.iter().chain(&t.keys.certified) {
            let constraints: [&[u8]; 2] = [&lifetime(3600), CONFIRM];
            let comment = format!("{name} {}", key.kind());
            t.ask(&comment, &add_constrained(&key.private, comment.as_bytes(), &constraints));
        }
        t.list("list");
    }
}
