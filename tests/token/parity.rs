//! The same tokens behind OpenSSH's agent and behind ours: the same keys by the same names, the same verdicts.

use crate::hsm::{self, KINDS, PIN, Rig, SOFTHSM, full_token, list, make_key, make_token};
use crate::support::{Agent, Scratch, run};
use crate::wire::{self, Body, Conn};

/// OpenSSH's, before 10 without Ed25519 on tokens.
fn openssh(scratch: &Scratch) -> Agent {
    let socket = scratch.path("openssh.sock");
    let mut start = hsm::command(scratch, "ssh-agent");
    start.arg("-D").arg("-a").arg(&socket);
    Agent::spawn(start, socket)
}

/// A key without a label, one with an empty ID's neighbour, a token beside, and one that was never initialized.
fn tokens() -> Scratch {
    let scratch = full_token();
    let mut unnamed = hsm::tool(&scratch, "one", PIN);
    hsm::succeed(unnamed.args(["--keypairgen", "--key-type", "EC:prime256v1", "--id", "77"]));
    make_token(&scratch, "two", PIN);
    make_key(&scratch, "two", PIN, KINDS[1], "01");
    scratch
}

/// Keys and comments; in which order a token of SoftHSM's gives them differs from process to process.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.retain(|line| !line.starts_with("ssh-ed25519"));
    lines.sort_unstable();
    lines
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn the_same_keys_by_the_same_names() {
    let rig = Rig::new(tokens());
    let theirs = openssh(&rig.scratch);
    let verdict = |agent: &Agent, pin: &str, arguments: &[&str]| {
        run(&mut hsm::ssh_add(&rig.scratch, agent, pin, arguments))
    };
    let steps: [(&str, &[&str]); 9] = [
        ("wrong", &["-s", SOFTHSM]),
        ("", &["-s", SOFTHSM]),
        (PIN, &["-s", "/usr/lib/there/is/no/such.so"]),
        (PIN, &["-s", SOFTHSM]),
        (PIN, &["-s", SOFTHSM]),
        ("", &["-e", SOFTHSM]),
        ("", &["-e", SOFTHSM]),
        (PIN, &["-c", "-t", "1000", "-s", SOFTHSM]),
        ("", &["-D"]),
    ];
    for (pin, step) in steps {
        assert_eq!(verdict(&rig.agent, pin, step), verdict(&theirs, pin, step), "{step:?}");
        assert_eq!(sorted(rig.list()), sorted(list(&rig.scratch, &theirs)), "{step:?}");
    }
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn the_same_verdicts_on_raw_messages() {
    let rig = Rig::new(hsm::small_token());
    let theirs = openssh(&rig.scratch);
    let with = |number: u8| Body::of(number).string(SOFTHSM.as_bytes()).string(PIN.as_bytes());
    let remove = || with(wire::REMOVE_PROVIDER).0;
    let messages = [
        with(wire::ADD_PROVIDER).0,
        remove(),
        with(wire::ADD_PROVIDER_CONSTRAINED).0,
        remove(),
        with(wire::ADD_PROVIDER_CONSTRAINED).u8(1).u32(1000).u8(2).0,
        remove(),
        with(wire::ADD_PROVIDER_CONSTRAINED).u8(2).u8(2).0,
        with(wire::ADD_PROVIDER_CONSTRAINED).u8(1).u32(5).u8(1).u32(5).0,
        with(wire::ADD_PROVIDER_CONSTRAINED).u8(1).0,
        with(wire::ADD_PROVIDER_CONSTRAINED).u8(7).0,
        with(wire::ADD_PROVIDER_CONSTRAINED).u8(255).string(b"nobody@example.com").0,
        Body::of(wire::ADD_PROVIDER).string(SOFTHSM.as_bytes()).0,
        Body::of(wire::ADD_PROVIDER).0,
        Body::of(wire::REMOVE_PROVIDER).string(b"").string(b"").0,
        Body::of(wire::ADD_PROVIDER).string(b"").string(b"").0,
        Body::of(wire::ADD_PROVIDER).string(b"libsofthsm2.so").string(PIN.as_bytes()).0,
        Body::of(wire::ADD_PROVIDER).string(b"/etc/passwd").string(PIN.as_bytes()).0,
        remove(),
    ];
    for message in messages {
        let ours = rig.ask(&message);
        let expected = Conn::open(&theirs.socket).unwrap().ask(&message).unwrap();
        assert_eq!(ours, expected, "{message:?}: {:?}", rig.refusals());
    }
}
