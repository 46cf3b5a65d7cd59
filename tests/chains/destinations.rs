//! `ssh-add -h`: each way that a key is bound to, and those next to it.

use crate::keys::{Key, Kind, every_kind};
use crate::sides::Side;
use crate::world::{Outcome, World};

/// A key bound to destinations, a way, and what comes of it with OpenSSH's agent and with ours.
struct Case {
    name: &'static str,
    destinations: &'static [&'static str],
    /// The file of known hosts that ssh-add reads; ssh always knows the hosts as they are.
    known: &'static str,
    way: &'static [&'static str],
    /// On each host but the last: listed there or not.
    listed: &'static str,
    arrives: bool,
}

const fn case(
    name: &'static str,
    destinations: &'static [&'static str],
    way: &'static [&'static str],
    listed: &'static str,
    arrives: bool,
) -> Case {
    Case { name, destinations, known: "known_hosts", way, listed, arrives }
}

const fn with_hosts(known: &'static str, case: Case) -> Case {
    Case { known, ..case }
}

const DIRECT: &[Case] = &[
    case("bound to nothing", &[], &["a", "b"], "y", true),
    case("the host", &["a"], &["a"], "", true),
    case("another host", &["b"], &["a"], "", false),
    case("the user on the host", &["ME@a"], &["a"], "", true),
    case("another user on the host", &["nobody-else@a"], &["a"], "", false),
    case("users by a pattern", &["*@a"], &["a"], "", true),
    case("the user on another host", &["ME@b"], &["a"], "", false),
    case("one of two hosts", &["b", "a"], &["a"], "", true),
    case("only by way of a host", &["a", "a>b"], &["b"], "", false),
];

const ONE_HOP: &[Case] = &[
    case("both steps", &["a", "a>b"], &["a", "b"], "y", true),
    case("the first step alone", &["a"], &["a", "b"], "n", false),
    case("the second step alone", &["a>b"], &["a", "b"], "n", false),
    case("the last host, but straight", &["b"], &["a", "b"], "n", false),
    case("both hosts, each straight", &["a", "b"], &["a", "b"], "n", false),
    case("by way of another host", &["c", "c>b"], &["a", "b"], "n", false),
    case("to another host", &["a", "a>c"], &["a", "b"], "y", false),
    case("the way back", &["b", "b>a"], &["a", "b"], "n", false),
    case("the user at the end", &["a", "a>ME@b"], &["a", "b"], "y", true),
    case("another user at the end", &["a", "a>nobody-else@b"], &["a", "b"], "y", false),
    case("another user on the way", &["nobody-else@a", "a>b"], &["a", "b"], "y", true),
];

const MORE_HOPS: &[Case] = &[
    case("two hops", &["a", "a>b", "b>c"], &["a", "b", "c"], "yy", true),
    case("two hops, without the first step", &["a>b", "b>c"], &["a", "b", "c"], "nn", false),
    case("two hops, without the second step", &["a", "b>c"], &["a", "b", "c"], "nn", false),
    case("two hops, without the last step", &["a", "a>b"], &["a", "b", "c"], "yn", false),
    case("two hops, one left out", &["a", "a>c"], &["a", "b", "c"], "yn", false),
    case("two hops, in another order", &["b", "b>a", "a>c"], &["a", "b", "c"], "nn", false),
    case(
        "two hops, another user at the end",
        &["a", "a>b", "b>nobody-else@c"],
        &["a", "b", "c"],
        "yy",
        false,
    ),
    case("three hops", &["a", "a>b", "b>c", "c>d"], &["a", "b", "c", "d"], "yyy", true),
    case("three hops, without the first step", &["a>b", "b>c", "c>d"], &["a", "b", "c", "d"], "nnn", false),
    case("three hops, without the second step", &["a", "b>c", "c>d"], &["a", "b", "c", "d"], "nnn", false),
    case("three hops, without the third step", &["a", "a>b", "c>d"], &["a", "b", "c", "d"], "ynn", false),
    case("three hops, without the last step", &["a", "a>b", "b>c"], &["a", "b", "c", "d"], "yyn", false),
    case(
        "three hops, the last host straight",
        &["a", "a>b", "b>c", "d"],
        &["a", "b", "c", "d"],
        "yyn",
        false,
    ),
    case("there and back", &["a", "a>b", "b>a"], &["a", "b", "a"], "yy", true),
];

const HOST_KEYS: &[Case] = &[
    case("an authority's host", &["d"], &["d"], "", true),
    case("by way of an authority's host", &["d", "d>a"], &["d", "a"], "y", true),
    case("to an authority's host", &["a", "a>d"], &["a", "d"], "y", true),
    with_hosts("other_name", case("a host of the authority by another name", &["e"], &["d"], "", false)),
    with_hosts("other_name", case("by way of another name", &["e", "e>a"], &["d", "a"], "n", false)),
    with_hosts("other_authority", case("a host of another authority", &["d"], &["d"], "", false)),
    with_hosts("other_authority", case("by way of one", &["d", "d>a"], &["d", "a"], "n", false)),
    with_hosts("no_authority", case("a certified host by its own key", &["d"], &["d"], "", false)),
    with_hosts("changed", case("a host whose key was another", &["b"], &["b"], "", false)),
    with_hosts("changed", case("to such a host", &["a", "a>b"], &["a", "b"], "y", false)),
    with_hosts("changed", case("by way of such a host", &["b", "b>a"], &["b", "a"], "n", false)),
];

/// The files of known hosts that cases name, beside the right one.
fn know(world: &World) {
    let other = &world.door.public_lines()[0];
    let e = format!("@cert-authority e {}", world.client.ca_line());
    world.know("other_name", &[("e", e)]);
    world.know("other_authority", &[("d", format!("@cert-authority d {other}"))]);
    world.know("no_authority", &[("d", format!("d {}", world.host("d").host_key()))]);
    world.know("changed", &[("b", format!("b {other}"))]);
}

/// Goes every way with both agents; panics with the list of what was not as it should be.
fn both_agents(cases: &[Case]) {
    let mut wrong = Vec::new();
    for side in [Side::Openssh, Side::ours()] {
        let world = World::new(side);
        know(&world);
        for case in cases {
            world.load(case.known, case.destinations);
            let outcome = world.go(case.way);
            let expected = Outcome { listed: case.listed.into(), arrived: case.arrives };
            println!("{side:?}: {}: {outcome:?}", case.name);
            if outcome != expected {
                wrong.push(format!("{side:?}: {}: {outcome:?}, not {expected:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn straight_to_a_host() {
    both_agents(DIRECT);
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn by_way_of_one_host() {
    both_agents(ONE_HOP);
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn by_way_of_more_hosts() {
    both_agents(MORE_HOPS);
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn hosts_are_their_keys() {
    both_agents(HOST_KEYS);
}

/// With one way that each key is bound to, and one that it is not; each form of signature.
#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn keys_of_every_kind_and_their_certificates() {
    let outcome = |listed: &str, arrived| Outcome { listed: listed.into(), arrived };
    let (mut wrong, mut beside) = (Vec::new(), Vec::new());
    for side in [Side::Openssh, Side::ours()] {
        let mut world = World::new(side);
        let forms = ["ed25519", "ecdsa-256", "rsa-2048"];
        let forms = |kind: &Kind| !kind.passphrase && forms.contains(&kind.algorithm.name);
        for kind in every_kind().into_iter().filter(forms) {
            world.key = Key::make(&world.client, &kind.slug(), kind);
            world.load("known_hosts", &["a", "a>b"]);
            if kind.certificate {
                // Where the agent has the plain key as well, the ssh of OpenSSH 9.2 has that sign the certificate's
                // login: the agent finds another key in the login than it is to sign with, and refuses. That of 10.6
                // arrives.
                beside.push(world.go(&["a", "b"]));
                let public = world.key.public();
                let (status, _, errors) = world.client.ssh_add(&["-qdk", public.to_str().unwrap()]);
                assert_eq!(status, 0, "{errors}");
            }
            let outcomes = [world.go(&["a", "b"]), world.go(&["a", "c"])];
            println!("{side:?}: {kind}: {outcomes:?}");
            if outcomes != [outcome("y", true), outcome("y", false)] {
                wrong.push(format!("{side:?}: {kind}: {outcomes:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (openssh, ours) = beside.split_at(beside.len() / 2);
    assert_eq!(ours, openssh, "certificates beside their plain keys");
}
