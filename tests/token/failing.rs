//! Providers that crash, hang, talk and lie: they end their own process, and nothing else.

use crate::hsm::{PIN, Rig, SOFTHSM, Shim, children, lives, small_token, succeed, tokens};
use crate::support::wait_until;
use crate::using::blob_of;
use crate::wire::{self, Body};
use std::path::Path;
use std::process::Stdio;

/// An agent with a key of the shim's and, beside it, one of its own.
fn rig() -> (Rig, Shim, String) {
    let scratch = small_token();
    let shim = Shim::new(&scratch, "well");
    let rig = Rig::new(scratch);
    assert!(rig.add(shim.path(), PIN), "{:?}", rig.refusals());
    let line = rig.list().remove(0);
    assert!(rig.signs(&line));
    (rig, shim, line)
}

/// The agent serves others, and everything that is not the provider's.
fn serves(rig: &Rig) {
    let mut make = rig.scratch.command("ssh-keygen");
    let _ = std::fs::remove_file(rig.scratch.path("own"));
    succeed(make.args(["-q", "-t", "ed25519", "-N", "", "-C", "own", "-f", "own"]));
    succeed(&mut rig.ssh_add("", &["-q", "own"]));
    succeed(&mut rig.ssh_add("", &["-T", "own.pub"]));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_provider_that_fails_while_it_loads() {
    let scratch = small_token();
    let shim = Shim::new(&scratch, "crash at load");
    let rig = Rig::new(scratch);
    for mode in ["crash at load", "leave at load"] {
        shim.set(mode);
        assert!(!rig.add(shim.path(), PIN), "{mode}");
        assert!(rig.says("its process has ended"), "{mode}: {:?}", rig.refusals());
        wait_until("nothing is left of it", || rig.processes().is_empty());
    }
    serves(&rig);
    shim.set("well");
    assert!(rig.add(shim.path(), PIN));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_provider_that_hangs_while_it_loads_keeps_nobody_waiting() {
    for mode in ["hang at load", "hang at login"] {
        let scratch = small_token();
        let shim = Shim::new(&scratch, mode);
        let rig = Rig::new(scratch);
        let mut adding = rig.ssh_add(PIN, &["-q", "-s", shim.path()]).stderr(Stdio::null()).spawn().unwrap();
        shim.reached();
        serves(&rig);
        assert!(rig.add(SOFTHSM, PIN), "another provider: {:?}", rig.refusals());
        // The client goes, and takes the process with it.
        adding.kill().unwrap();
        adding.wait().unwrap();
        wait_until("the hanging process is gone", || rig.processes().len() == 1);
    }
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_provider_that_crashes_while_it_signs_is_named_and_comes_back() {
    let (rig, shim, line) = rig();
    let constrained = rig.list();
    shim.set("crash at sign");
    assert!(!rig.signs(&line));
    assert!(rig.says("its process has ended; ssh-add -s starts a new one"), "{:?}", rig.refusals());
    wait_until("nothing is left of it", || rig.processes().is_empty());
    serves(&rig);
    shim.set("well");
    assert!(!rig.signs(&line), "its keys are refused until it is added again");
    assert!(rig.list().contains(&line));
    assert!(!rig.add(shim.path(), "wrong pin"));
    assert!(!rig.signs(&line), "and without the PIN they stay so");
    assert!(rig.add(shim.path(), PIN), "{:?}", rig.refusals());
    assert!(rig.signs(&line));
    assert_eq!(rig.list()[0], constrained[0]);
    wait_until("one process is left", || rig.processes().len() == 1);
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_provider_that_hangs_while_it_signs_keeps_nobody_waiting() {
    let (rig, shim, line) = rig();
    let blob = blob_of(&rig, &line);
    shim.set("hang at sign");
    let mut hanging = rig.connect();
    hanging.send(&wire::sign(&blob, b"data", 0));
    shim.reached();
    // One more in the queue, which goes away.
    let mut waiting = rig.connect();
    waiting.send(&wire::sign(&blob, b"data", 0));
    drop(waiting);
    serves(&rig);
    assert_eq!(rig.processes().len(), 1, "a person may be at the keypad");
    // Removed, it goes at once, whatever it does.
    succeed(&mut rig.ssh_add("", &["-q", "-e", shim.path()]));
    wait_until("the process is gone", || rig.processes().is_empty());
    assert_eq!(hanging.recv().unwrap(), [wire::FAILURE]);
    serves(&rig);
}

/// A person at a keypad takes their time, and the signature that was waiting behind it comes late.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_lock_meanwhile_wins() {
    let (rig, shim, line) = rig();
    let blob = blob_of(&rig, &line);
    shim.set("wait at sign");
    let (mut first, mut second) = (rig.connect(), rig.connect());
    first.send(&wire::sign(&blob, b"data", 0));
    shim.reached();
    second.send(&wire::sign(&blob, b"data", 0));
    let mut conn = rig.connect();
    assert_eq!(conn.ask(&wire::lock(b"secret")).unwrap(), [wire::SUCCESS]);
    shim.set("well");
    assert_eq!(first.recv().unwrap(), [wire::FAILURE]);
    assert_eq!(second.recv().unwrap(), [wire::FAILURE]);
    assert_eq!(conn.ask(&wire::unlock(b"secret")).unwrap(), [wire::SUCCESS]);
    assert!(rig.signs(&line));
    // What is asked for in order is done in order.
    shim.set("wait at sign");
    first.send(&wire::sign(&blob, b"data", 0));
    second.send(&wire::sign(&blob, b"data", 0));
    shim.set("well");
    assert!([&mut first, &mut second].map(|conn| conn.recv().unwrap()[0]) == [wire::SIGNATURE; 2]);
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_wrong_signature_does_not_go_out() {
    let (rig, shim, line) = rig();
    let blob = blob_of(&rig, &line);
    for mode in ["wrong signature", "short signature"] {
        shim.set(mode);
        assert_eq!(rig.ask(&wire::sign(&blob, b"data", 0)), [wire::FAILURE], "{mode}");
        assert!(rig.says("its signature is wrong"), "{mode}: {:?}", rig.refusals());
    }
    shim.set("well");
    assert!(rig.signs(&line), "a fault of one signature is no other one's");
    shim.set("endless signature");
    assert!(!rig.signs(&line));
    serves(&rig);
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_token_that_was_taken_out_wants_its_pin_again() {
    let (rig, shim, line) = rig();
    shim.set("removed");
    assert!(!rig.signs(&line));
    assert!(rig.says("taken out or logged out; ssh-add -s asks for its PIN again"), "{:?}", rig.refusals());
    shim.set("well");
    assert!(rig.add(shim.path(), PIN), "it is usable again, and that is said: {:?}", rig.refusals());
    assert!(rig.signs(&line));
    wait_until("one process is left", || rig.processes().len() == 1);
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_provider_that_talks_and_reads_disturbs_nothing() {
    let scratch = small_token();
    let shim = Shim::new(&scratch, "noise");
    let rig = Rig::new(scratch);
    assert!(rig.add(shim.path(), PIN), "{:?}", rig.refusals());
    assert!(rig.signs(&rig.list()[0]));
    assert!(!rig.logged().contains("noise"));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn what_a_provider_has_forked_goes_with_it() {
    let scratch = small_token();
    let shim = Shim::new(&scratch, "fork");
    let rig = Rig::new(scratch);
    assert!(rig.add(shim.path(), PIN));
    let forked = children(rig.processes()[0]);
    assert_eq!(forked.len(), 1);
    succeed(&mut rig.ssh_add("", &["-q", "-e", shim.path()]));
    wait_until("both are gone", || rig.processes().is_empty() && !lives(forked[0]));
}

/// Providers of keys on tokens of both kinds, on a file system that hangs.
#[test]
#[ignore = "needs gcc: a file system that hangs"]
fn a_file_system_that_hangs_keeps_nobody_waiting() {
    let scratch = tokens();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/token/hang.c");
    succeed(scratch.command("gcc").args(["-shared", "-fPIC", "-o", "hang.so"]).arg(source));
    let library = scratch.path("hang.so");
    let rig = Rig::with(scratch, |start| {
        start.env("LD_PRELOAD", library);
    });
    let mut make = rig.scratch.command("ssh-keygen");
    succeed(make.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "own"]));
    succeed(&mut rig.ssh_add("", &["-q", "own"]));
    // Clients of both kinds that wait, and those that do not.
    let fido = Body::of(wire::ADD_CONSTRAINED).string(b"sk-ssh-ed25519@openssh.com").string(&[7; 32]);
    let fido = fido.string(b"ssh:").u8(1).string(b"handle").string(b"").string(b"comment").u8(255);
    let fido = fido.string(b"sk-provider@openssh.com").string(b"/hung/sk.so").0;
    let card = Body::of(wire::ADD_PROVIDER).string(b"/hung/card.so").string(b"").0;
    let mut waiting = [rig.connect(), rig.connect(), rig.connect(), rig.connect()];
    waiting.iter_mut().for_each(|conn| conn.send(&fido));
    // The agent has a thread for each, until there are enough: the next is refused, and so is every later one.
    wait_until("enough hang", || {
        let mut conn = rig.connect();
        conn.send(&card);
        drop(conn);
        rig.says("too many providers")
    });
    assert_eq!(rig.ask(&card), [wire::FAILURE]);
    assert_eq!(rig.ask(&fido), [wire::FAILURE]);
    succeed(&mut rig.ssh_add("", &["-T", "own.pub"]));
}
