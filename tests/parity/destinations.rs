//! Keys that are bound to destinations: what is accepted as such. Where they are seen and used: `ways`.

use crate::harness::Talk;
use crate::wire::{
    self, Body, CONFIRM, add_constrained, constraint_extension, destinations, hop, host, lifetime, step,
    to_host,
};

/// Adds the scenarios' key, bound to these steps.
pub(crate) fn bound(t: &mut Talk<'_>, name: &str, steps: &[Vec<u8>]) {
    t.ask(name, &add_constrained(&t.keys.ed25519().private, name.as_bytes(), &[&destinations(steps)]));
}

pub(crate) fn nowhere() -> Vec<u8> {
    host(b"", b"", &[])
}

scenarios! {
    fn destination_right(t) {
        let (one, two) = (&t.keys.host.blob, &t.keys.other_host.blob);
        bound(t, "to a host", &[to_host(b"", one)]);
        bound(t, "to a user there", &[to_host(b"user", one)]);
        bound(t, "by way of a host", &[to_host(b"", one), hop(one, b"us*", two)]);
        let keys: [(&[u8], u8); 3] = [(one, 0), (two, 1), (&t.keys.rsa().blob, 0)];
        bound(t, "to a host of many keys", &[step(&nowhere(), &host(b"", b"host", &keys))]);
        bound(t, "from a host of many keys", &[step(&host(b"", b"from", &keys), &host(b"", b"host", &keys))]);
        bound(t, "an authority's number is 2", &[step(&nowhere(), &host(b"", b"host", &[(one, 2)]))]);
        bound(t, "names that end with a zero", &[step(&nowhere(), &host(b"user\0", b"host\0", &[(one, 0)]))]);
        t.list("list");
    }

    fn destination_keys_of_each_type(t) {
        for (name, key) in t.keys.plain.iter().chain(&t.keys.certified) {
            bound(t, &format!("{name} {}", key.kind()), &[to_host(b"", &key.blob)]);
        }
        for (name, key) in &t.keys.host_certified {
            bound(t, &format!("a host's, {name}"), &[to_host(b"", key)]);
        }
        t.list("list");
    }

    fn destination_wrong(t) {
        let key: &[u8] = &t.keys.host.blob;
        let to = host(b"", b"host", &[(key, 0)]);
        t.add(t.keys.ed25519(), "there before");
        bound(t, "no name", &[step(&nowhere(), &host(b"", b"", &[(key, 0)]))]);
        bound(t, "no key", &[step(&nowhere(), &host(b"", b"host", &[]))]);
        bound(t, "neither", &[step(&nowhere(), &nowhere())]);
        bound(t, "from a name alone", &[step(&host(b"", b"from", &[]), &to)]);
        bound(t, "from a key alone", &[step(&host(b"", b"", &[(key, 0)]), &to)]);
        bound(t, "from a user", &[step(&host(b"user", b"", &[]), &to)]);
        bound(t, "from a user on a host", &[step(&host(b"user", b"from", &[(key, 0)]), &to)]);
        bound(t, "a zero in a name", &[step(&nowhere(), &host(b"", b"ho\0st", &[(key, 0)]))]);
        bound(t, "a zero in a user", &[step(&nowhere(), &host(b"us\0er", b"host", &[(key, 0)]))]);
        bound(t, "an empty key", &[step(&nowhere(), &host(b"", b"host", &[(b"", 0)]))]);
        bound(t, "nonsense for a key", &[step(&nowhere(), &host(b"", b"host", &[(b"nonsense", 0)]))]);
        bound(t, "a longer key", &[step(&nowhere(), &host(b"", b"host", &[(&[key, &[0]].concat(), 0)]))]);
        let unknown = Body::default().string(b"ssh-unknown").string(b"key").0;
        bound(t, "a key of another kind", &[step(&nowhere(), &host(b"", b"host", &[(&unknown, 0)]))]);
        let forged = Body::default().raw(&t.keys.certified[0].1.blob).0;
        let forged = [&forged[..forged.len() - 1], &[forged[forged.len() - 1] ^ 1]].concat();
        bound(t, "a forged certificate", &[step(&nowhere(), &host(b"", b"host", &[(&forged, 0)]))]);
        let extended = Body::default().string(b"").string(b"host").string(b"x").string(key).u8(0).0;
        bound(t, "a host's extension", &[step(&nowhere(), &extended)]);
        let extended = Body::default().string(&nowhere()).string(&to).string(b"x").0;
        bound(t, "a step's extension", &[Body::default().string(&extended).0]);
        bound(t, "the second is wrong", &[to_host(b"", key), step(&nowhere(), &nowhere())]);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
    }

    fn destination_cut(t) {
        let whole = to_host(b"user", &t.keys.host.blob);
        for length in 1..whole.len() {
            bound(t, &format!("cut at {length}"), &[whole[..length].to_vec()]);
        }
        bound(t, "a byte more", &[[&whole[..], &[0]].concat()]);
        let mut inner = wire::Fields(&whole);
        let longer = Body::default().string(&[inner.string(), &[0]].concat()).0;
        bound(t, "a byte more in the step", &[longer]);
        t.list("list");
    }

    fn destination_none(t) {
        bound(t, "none", &[]);
        t.list("list");
    }

    fn destination_many(t) {
        let one = to_host(b"", &t.keys.host.blob);
        bound(t, "1024", &one_by_one(&one, 1024));
        bound(t, "1025", &one_by_one(&one, 1025));
        t.list("list");
    }

    fn destination_user_patterns(t) {
        for length in [255, 256, 257, 1000] {
            bound(t, &format!("{length} bytes"), &[to_host(&vec![b'u'; length], &t.keys.host.blob)]);
        }
        t.list("list");
    }

    fn destination_with_others(t) {
        let private = &t.keys.ed25519().private;
        let one = destinations(&[to_host(b"", &t.keys.host.blob)]);
        t.ask("twice", &add_constrained(private, b"twice", &[&one, &one]));
        t.ask("and unknown", &add_constrained(private, b"unknown", &[&one, &[99]]));
        t.ask("and half a lifetime", &add_constrained(private, b"half", &[&one, &[1, 0]]));
        t.list("none yet");
        t.ask("and a lifetime and confirm", &add_constrained(private, b"all", &[&lifetime(3600), &one, CONFIRM]));
        t.list("list");
        t.ask("of another type", &add_constrained(&t.keys.rsa().private, b"rsa", &[&one]));
        t.ask("of a certificate", &add_constrained(&t.keys.certified[0].1.private, b"certificate", &[&one]));
        t.list("list of three");
    }

    /// Constraints that are for other keys.
    fn constraints_of_other_keys(t) {
        let private = &t.keys.ed25519().private;
        for provider in [&b"internal"[..], b"/usr/lib/none.so", b""] {
            let body = Body::default().string(provider).0;
            let name = format!("provider {}", provider.escape_ascii());
            let constraint = constraint_extension(b"sk-provider@openssh.com", &body);
            t.ask(&name, &add_constrained(private, b"mine", &[&constraint]));
        }
        let certificates = Body::default().string(&t.keys.certified[0].1.blob).0;
        for list in [&b""[..], &certificates] {
            let body = Body::default().u8(0).string(list).0;
            let constraint = constraint_extension(b"associated-certs-v00@openssh.com", &body);
            t.ask(&format!("certificates, {} bytes", list.len()), &add_constrained(private, b"mine", &[&constraint]));
        }
        t.list("list");
    }
}

fn one_by_one(step: &[u8], count: usize) -> Vec<Vec<u8>> {
    vec![step.to_vec(); count]
}
