//! Keys that are bound to destinations: by which ways they are seen and used, in messages that hosts have signed.

use crate::destinations::{bound, nowhere};
use crate::extensions::{bind, host_signature};
use crate::harness::Talk;
use crate::keys;
use crate::wire::{self, hop, host, login, session_bind, step, to_host};

/// The key's way: from here to the first host as `user`, over it to the second, over that to the third as `root`.
fn chain(t: &Talk<'_>) -> Vec<Vec<u8>> {
    let [first, second, third] = hosts(t);
    vec![to_host(b"us?r", &first), hop(&first, b"", &second), hop(&second, b"root", &third)]
}

fn hosts(t: &Talk<'_>) -> [Vec<u8>; 3] {
    [t.keys.host.blob.clone(), t.keys.other_host.blob.clone(), t.keys.other.blob.clone()]
}

/// A hop: the host's number, its session, forwarding.
type Bound = (usize, &'static [u8], bool);

/// Binds a fresh connection along a way.
fn go(t: &mut Talk<'_>, name: &str, way: &[Bound]) {
    t.fresh();
    for (at, (number, session, forwarding)) in way.iter().enumerate() {
        let key = [&t.keys.host, &t.keys.other_host, &t.keys.other][*number];
        let message = bind(t, key, session, *forwarding);
        t.ask(&format!("{name}, bind {at}"), &message);
    }
}

fn log_in(t: &mut Talk<'_>, name: &str, session: &[u8], user: &[u8], host_key: Option<&[u8]>) {
    let blob = &t.keys.ed25519().blob;
    t.ask(name, &wire::sign(blob, &login(session, user, blob, host_key), 0));
}

scenarios! {
    /// A local program sees such a key, and may remove it and add it anew, but has no use of it.
    fn destination_unbound(t) {
        let steps = chain(t);
        bound(t, "mine", &steps);
        t.list("list");
        t.sign("sign", t.keys.ed25519(), 0);
        log_in(t, "log in", b"one", b"user", None);
        t.ask("remove", &wire::remove(&t.keys.ed25519().blob));
        bound(t, "mine again", &steps);
        t.add(t.keys.ed25519(), "without");
        log_in(t, "log in without", b"one", b"user", None);
        t.list("list again");
    }

    fn destination_first_hop(t) {
        let ([first, second, _], steps) = (hosts(t), chain(t));
        bound(t, "mine", &steps);
        go(t, "right", &[(0, b"one", false)]);
        t.list("list");
        log_in(t, "right", b"one", b"user", None);
        log_in(t, "right, with the host", b"one", b"user", Some(&first));
        log_in(t, "the pattern's other user", b"one", b"usar", None);
        log_in(t, "another user", b"one", b"root", None);
        log_in(t, "no user", b"one", b"", None);
        log_in(t, "a longer user", b"one", b"userr", None);
        log_in(t, "another session", b"two", b"user", None);
        log_in(t, "a longer session", b"one1", b"user", None);
        log_in(t, "no session", b"", b"user", None);
        log_in(t, "another host", b"one", b"user", Some(&second));
        log_in(t, "no host", b"one", b"user", Some(b""));
        t.sign("sshsig", t.keys.ed25519(), 0);
        t.ask("nonsense", &wire::sign(&t.keys.ed25519().blob, b"nonsense", 0));
        t.ask("nothing", &wire::sign(&t.keys.ed25519().blob, b"", 0));
        let of_another = login(b"one", b"user", &t.keys.p256().blob, None);
        t.ask("a login of another key", &wire::sign(&t.keys.ed25519().blob, &of_another, 0));
        let cut = login(b"one", b"user", &t.keys.ed25519().blob, None);
        t.ask("a shorter login", &wire::sign(&t.keys.ed25519().blob, &cut[..cut.len() - 1], 0));
        t.ask("a longer login", &wire::sign(&t.keys.ed25519().blob, &[&cut[..], &[0]].concat(), 0));
    }

    fn destination_chain(t) {
        let ([first, second, third], steps) = (hosts(t), chain(t));
        bound(t, "mine", &steps);
        let (one, two): (Bound, Bound) = ((0, b"one", true), (1, b"two", true));
        go(t, "at the first", &[one]);
        t.list("seen at the first");
        log_in(t, "on a forwarding", b"one", b"user", Some(&first));
        go(t, "to the second", &[one, (1, b"two", false)]);
        t.list("seen on the way to the second");
        log_in(t, "the second", b"two", b"anybody", Some(&second));
        log_in(t, "the second, unnamed", b"two", b"anybody", None);
        log_in(t, "the second, named as the first", b"two", b"anybody", Some(&first));
        log_in(t, "the first once more", b"one", b"user", Some(&first));
        go(t, "at the second", &[one, two]);
        t.list("seen at the second");
        go(t, "to the third", &[one, two, (2, b"three", false)]);
        t.list("seen on the way to the third");
        log_in(t, "the third", b"three", b"root", Some(&third));
        log_in(t, "the third, another user", b"three", b"user", Some(&third));
        go(t, "at the third", &[one, two, (2, b"three", true)]);
        t.list("not seen at the third");
        log_in(t, "from the third", b"three", b"root", Some(&third));
    }

    fn destination_elsewhere(t) {
        let (hosts, steps) = (hosts(t), chain(t));
        bound(t, "mine", &steps);
        let ways: [(&str, &[Bound]); 8] = [
            ("straight to the second", &[(1, b"x", false)]),
            ("straight to the third", &[(2, b"x", false)]),
            ("at the second", &[(1, b"x", true)]),
            ("back to the first", &[(0, b"one", true), (0, b"x", false)]),
            ("over the second to the first", &[(1, b"two", true), (0, b"x", false)]),
            ("the second left out", &[(0, b"one", true), (2, b"x", false)]),
            ("by way of the third", &[(0, b"one", true), (2, b"three", true), (1, b"x", false)]),
            ("in a circle", &[(0, b"one", true), (1, b"two", true), (0, b"y", true), (1, b"x", false)]),
        ];
        for (name, way) in ways {
            go(t, name, way);
            t.list(&format!("{name}, list"));
            let last = &hosts[way[way.len() - 1].0];
            for user in [&b"user"[..], b"root"] {
                log_in(t, &format!("{name}, {}", user.escape_ascii()), b"x", user, Some(last));
            }
            t.ask(&format!("{name}, sign"), &wire::sign(&t.keys.ed25519().blob, &keys::data(), 0));
        }
    }

    /// A hidden key is not there, for whatever is asked, and stays as it is.
    fn destination_hidden(t) {
        let steps = chain(t);
        bound(t, "mine", &steps);
        t.add(t.keys.p256(), "free");
        go(t, "elsewhere", &[(2, b"x", false)]);
        t.list("list");
        t.ask("remove", &wire::remove(&t.keys.ed25519().blob));
        t.add(t.keys.ed25519(), "in its place");
        bound(t, "bound, in its place", &[to_host(b"", &t.keys.other.blob)]);
        t.sign("the free one", t.keys.p256(), 0);
        t.on(0);
        t.list("as it was");
        go(t, "there", &[(0, b"one", false)]);
        log_in(t, "log in", b"one", b"user", None);
        t.ask("remove where it is seen", &wire::remove(&t.keys.ed25519().blob));
        t.on(0);
        t.list("gone");
    }

    fn destination_after_a_failed_bind(t) {
        let steps = chain(t);
        bound(t, "mine", &steps);
        t.add(t.keys.p256(), "free");
        t.fresh();
        let signature = host_signature(t, &t.keys.other_host, b"one");
        t.ask("failed", &session_bind(&t.keys.host.blob, b"one", &signature, false));
        t.list("list");
        t.ask("remove", &wire::remove(&t.keys.ed25519().blob));
        t.on(0);
        t.list("list as it is");
        bound(t, "mine again", &steps);
        t.fresh();
        let good = bind(t, &t.keys.host, b"one", false);
        t.ask("good", &good);
        log_in(t, "before", b"one", b"user", None);
        t.ask("replayed", &good);
        log_in(t, "after", b"one", b"user", None);
        t.list("list after");
        t.sign("the free one", t.keys.p256(), 0);
    }

    /// Another host's signature, or the same for another session, takes nobody anywhere.
    fn destination_replayed_bind(t) {
        let steps = chain(t);
        bound(t, "mine", &steps);
        let signature = host_signature(t, &t.keys.host, b"one");
        t.fresh();
        t.ask("for another session", &session_bind(&t.keys.host.blob, b"two", &signature, false));
        log_in(t, "log in to it", b"two", b"user", None);
        t.fresh();
        t.ask("once", &session_bind(&t.keys.host.blob, b"one", &signature, true));
        t.ask("once more", &session_bind(&t.keys.host.blob, b"one", &signature, true));
        t.list("list");
        log_in(t, "on a forwarding", b"one", b"user", None);
    }

    fn destination_by_authority(t) {
        let authority: &[u8] = &t.keys.authority.blob;
        let sha1: &[u8] = &t.keys.host_certified.iter().find(|(name, _)| name.starts_with("the ")).unwrap().1;
        let keys = [(authority, 1), (sha1, 1)];
        let to = host(b"user", b"host.example", &keys);
        let onward = step(&host(b"", b"host.example", &keys), &host(b"", b"on", &[(&t.keys.other_host.blob, 0)]));
        bound(t, "mine", &[step(&nowhere(), &to), onward]);
        for (name, key) in &t.keys.host_certified {
            if name.starts_with("the ") {
                continue;
            }
            t.fresh();
            let signature = host_signature(t, &t.keys.host, b"one");
            t.ask(&format!("bind, {name}"), &session_bind(key, b"one", &signature, false));
            t.list(&format!("list, {name}"));
            log_in(t, &format!("log in, {name}"), b"one", b"user", Some(key));
            t.fresh();
            t.ask(&format!("forward, {name}"), &session_bind(key, b"one", &signature, true));
            t.list(&format!("list there, {name}"));
            let next = bind(t, &t.keys.other_host, b"two", false);
            t.ask(&format!("onward, {name}"), &next);
            log_in(t, &format!("log in further on, {name}"), b"two", b"user", Some(&t.keys.other_host.blob));
        }
        go(t, "without a certificate", &[(0, b"one", false)]);
        log_in(t, "log in without a certificate", b"one", b"user", None);
        t.fresh();
        let message = bind(t, &t.keys.authority, b"one", false);
        t.ask("the authority itself", &message);
        log_in(t, "log in to the authority", b"one", b"user", None);
    }

    /// The name in a list of destinations is a name, the one in a certificate a pattern.
    fn destination_name_is_no_pattern(t) {
        let to = host(b"", b"*.example", &[(&t.keys.authority.blob, 1)]);
        bound(t, "mine", &[step(&nowhere(), &to)]);
        let signature = host_signature(t, &t.keys.host, b"one");
        let right = &t.keys.host_certified[0].1;
        t.fresh();
        t.ask("bind", &session_bind(right, b"one", &signature, false));
        log_in(t, "log in", b"one", b"user", Some(right));
    }
}
