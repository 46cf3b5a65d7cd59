//! Keys on FIDO tokens, as far as no token is needed: what is taken, listed and removed.

use crate::harness::Talk;
use crate::keys::Key;
use crate::wire::{self, Body, Conn, Fields};

const ED25519: &[u8] = b"sk-ssh-ed25519@openssh.com";
const ECDSA: &[u8] = b"sk-ecdsa-sha2-nistp256@openssh.com";

/// A token has made neither; the public halves are those of the scenarios' other keys.
fn keys(t: &Talk<'_>) -> [Key; 2] {
    let mut fields = Fields(&t.keys.ed25519().blob);
    fields.string();
    let ed25519 = public(ED25519, &[fields.string()], b"ssh:");
    let mut fields = Fields(&t.keys.p256().blob);
    fields.string();
    let ecdsa = public(ECDSA, &[fields.string(), fields.string()], b"ssh:");
    [ed25519, ecdsa].map(|blob| {
        let private = Body(blob.clone()).u8(1).string(b"a handle").string(b"").0;
        Key { blob, private }
    })
}

fn public(kind: &[u8], fields: &[&[u8]], application: &[u8]) -> Vec<u8> {
    fields.iter().fold(Body::default().string(kind), |body, field| body.string(field)).string(application).0
}

fn provider(name: &[u8]) -> Vec<u8> {
    wire::constraint_extension(b"sk-provider@openssh.com", &Body::default().string(name).0)
}

fn add(key: &Key, constraints: &[&[u8]]) -> Vec<u8> {
    wire::add_constrained(&key.private, b"token", constraints)
}

scenarios! {
    fn fido_life(t) {
        for (name, key) in ["ed25519", "ecdsa"].into_iter().zip(keys(t)) {
            t.ask(&format!("{name}: add"), &add(&key, &[&provider(b"internal")]));
            t.list(&format!("{name}: listed"));
            t.sign(&format!("{name}: no token is there"), &key, 0);
            t.ask(&format!("{name}: add again, without a provider"), &wire::add(&key.private, b"bare"));
            t.list(&format!("{name}: listed again"));
            t.ask(&format!("{name}: remove"), &wire::remove(&key.blob));
            t.ask(&format!("{name}: remove again"), &wire::remove(&key.blob));
            t.list(&format!("{name}: gone"));
        }
    }

    fn fido_providers(t) {
        let [key, _] = keys(t);
        for name in ["internal", "INTERNAL", "", "/no/such/file", "/etc/passwd", "/usr/lib/os-release",
            "/usr/lib/../../etc/passwd", "/usr/lib/../lib/os-release", "internal\0"] {
            t.ask(&format!("provider {name:?}"), &add(&key, &[&provider(name.as_bytes())]));
        }
        t.ask("two providers", &add(&key, &[&provider(b"internal"), &provider(b"internal")]));
        t.ask("cut", &add(&key, &[&provider(b"internal")[..30]]));
        t.ask("with a lifetime", &add(&key, &[&wire::lifetime(1000), &provider(b"internal")]));
        t.ask("of a plain key", &add(t.keys.ed25519(), &[&provider(b"internal")]));
        t.list("list");
    }

    /// Whatever they are: these are the quickest to make.
    fn more_keys_than_fit(t) {
        let mut fields = Fields(&t.keys.ed25519().blob);
        fields.string();
        let point = fields.string();
        let key = |number: u32| {
            let blob = public(ED25519, &[point], format!("ssh:{number}").as_bytes());
            let private = Body(blob.clone()).u8(1).string(b"a handle").string(b"").0;
            (wire::add(&private, &[b'c'; 250_000]), blob)
        };
        for number in 0..130 {
            t.ask(&format!("key {number}"), &key(number).0);
        }
        // How many fit exactly is nobody's affair.
        for number in 130..140 {
            t.send(&key(number).0);
            t.conn().map(Conn::recv);
        }
        t.ask("one that does not fit", &key(140).0);
        t.ask("one that is there", &key(7).0);
        t.ask("remove", &wire::remove(&key(7).1));
        t.ask("one in its place", &key(141).0);
    }

    fn fido_malformed(t) {
        let [key, _] = keys(t);
        let point = vec![7; 32];
        let ed25519 = |point: &[u8], application: &[u8], handle: &[u8], reserved: &[u8]| {
            let blob = public(ED25519, &[point], application);
            wire::add(&Body(blob).u8(1).string(handle).string(reserved).0, b"token")
        };
        let ecdsa = |curve: &[u8], point: &[u8]| {
            let blob = public(ECDSA, &[curve, point], b"ssh:");
            wire::add(&Body(blob).u8(1).string(b"handle").string(b"").0, b"token")
        };
        let mut fields = Fields(&t.keys.p256().blob);
        fields.string();
        let good = fields.string().len() + 4;
        let on_curve = Fields(&t.keys.p256().blob[4 + 19 + good..]).string().to_vec();
        let mut beside = on_curve.clone();
        beside[64] ^= 1;
        for (name, message) in [
            ("good", ed25519(&point, b"ssh:", b"handle", b"")),
            ("short point", ed25519(&point[1..], b"ssh:", b"handle", b"")),
            ("no application", ed25519(&point, b"", b"handle", b"")),
            ("zero in the application", ed25519(&point, b"s\0sh", b"handle", b"")),
            ("zero at the application's end", ed25519(&point, b"ssh:\0", b"handle", b"")),
            ("no handle", ed25519(&point, b"ssh:a", b"", b"")),
            ("reserved", ed25519(&point, b"ssh:b", b"handle", b"more")),
            ("good point", ecdsa(b"nistp256", &on_curve)),
            ("beside the curve", ecdsa(b"nistp256", &beside)),
            ("short ecdsa point", ecdsa(b"nistp256", &on_curve[..64])),
            ("infinity", ecdsa(b"nistp256", &[0])),
            ("other curve", ecdsa(b"nistp384", &on_curve)),
        ] {
            t.ask(name, &message);
        }
        t.list("list");
        t.ask("remove all", &[wire::REMOVE_ALL]);
        let whole = wire::add(&key.private, b"");
        for end in 1..whole.len() {
            t.ask(&format!("cut after {end} bytes"), &whole[..end]);
        }
        t.list("nothing");
    }
}
