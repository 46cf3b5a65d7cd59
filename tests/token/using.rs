//! Adding a provider, signing with its keys, removing it.

use crate::hsm::{
    self, KINDS, PIN, Rig, SOFTHSM, full_token, make_key, make_token, small_token, succeed, tokens,
};
use crate::support::{Scratch, run, wait_until};
use crate::wire::{self, Body};
use std::path::Path;

/// Base64 of OpenSSH's.
pub(crate) fn blob_of(rig: &Rig, line: &str) -> Vec<u8> {
    let list = rig.ask(&wire::list());
    let wanted = line.split(' ').nth(1).unwrap();
    let all = wire::identities(&list).into_iter().map(|(blob, _)| blob);
    all.into_iter().find(|blob| base64(blob) == wanted).expect("it is listed")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if shown { char::from(DIGITS[index]) } else { '=' });
        }
    }
    text
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn every_kind_is_added_signs_and_goes() {
    let rig = Rig::new(full_token());
    assert!(rig.add(SOFTHSM, PIN));
    let lines = rig.list();
    let mut comments: Vec<_> = lines.iter().map(|line| line.split(' ').nth(2).unwrap()).collect();
    comments.sort_unstable();
    let mut labels = KINDS.map(|(_, label)| label);
    labels.sort_unstable();
    assert_eq!(comments, labels);
    for line in &lines {
        assert!(rig.signs(line), "{line}: {:?}", rig.refusals());
    }
    assert_eq!(rig.processes().len(), 1);
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    assert!(rig.list().is_empty() && !rig.signs(&lines[0]));
    wait_until("the process is gone", || rig.processes().is_empty());
    assert!(run(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM])).0 != 0, "it was removed twice");
    // Once more from the start.
    assert!(rig.add(SOFTHSM, PIN));
    assert!(lines.iter().all(|line| rig.signs(line)));
    assert!(!rig.logged().contains(PIN) && !rig.logged().contains(&PIN[..16]));
}

/// OpenSSL verifies, which knows nothing of SSH.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, openssl: SoftHSM's tokens, and a second opinion of RSA"]
fn rsa_signs_with_the_hash_that_is_asked_for() {
    let scratch = tokens();
    make_token(&scratch, "one", PIN);
    make_key(&scratch, "one", PIN, KINDS[0], "01");
    let rig = Rig::new(scratch);
    assert!(rig.add(SOFTHSM, PIN));
    let line = &rig.list()[0];
    let blob = blob_of(&rig, line);
    let place = |name: &str| rig.scratch.path(name);
    std::fs::write(place("key.pub"), format!("{line}\n")).unwrap();
    std::fs::write(place("data"), "what is signed").unwrap();
    let pem = succeed(rig.scratch.command("ssh-keygen").args(["-e", "-m", "PKCS8", "-f", "key.pub"]));
    std::fs::write(place("pem"), pem).unwrap();
    for (flags, name, hash) in [
        (0, "ssh-rsa", "-sha1"),
        (2, "rsa-sha2-256", "-sha256"),
        (4, "rsa-sha2-512", "-sha512"),
        (6, "rsa-sha2-256", "-sha256"),
    ] {
        let reply = rig.ask(&wire::sign(&blob, b"what is signed", flags));
        assert_eq!(reply[0], wire::SIGNATURE, "{name}: {:?}", rig.refusals());
        let mut fields = wire::Fields(wire::Fields(&reply[1..]).string());
        assert_eq!(fields.string(), name.as_bytes());
        std::fs::write(place("signature"), fields.string()).unwrap();
        let mut verify = rig.scratch.command("openssl");
        succeed(verify.args(["dgst", hash, "-verify", "pem", "-signature", "signature", "data"]));
    }
}

/// SSHSIG, as ssh-keygen asks an agent for it and checks it.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn ssh_keygen_signs_files() {
    let rig = Rig::new(full_token());
    assert!(rig.add(SOFTHSM, PIN));
    for line in rig.list() {
        std::fs::write(rig.scratch.path("key.pub"), format!("{line}\n")).unwrap();
        std::fs::write(rig.scratch.path("file"), "contents").unwrap();
        let _ = std::fs::remove_file(rig.scratch.path("file.sig"));
        let mut sign = rig.scratch.command("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", "test", "-f", "key.pub", "file"]);
        succeed(sign.env("SSH_AUTH_SOCK", &rig.agent.socket));
        let mut check = rig.scratch.command("ssh-keygen");
        check.args(["-Y", "check-novalidate", "-n", "test", "-s", "file.sig"]);
        succeed(check.stdin(std::fs::File::open(rig.scratch.path("file")).unwrap()));
    }
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_wrong_pin_is_named_and_harms_nothing() {
    let rig = Rig::new(small_token());
    for (pin, reason) in [("wrong pin 1357", "token one: wrong PIN"), ("", "token one: it wants a PIN")] {
        assert!(!rig.add(SOFTHSM, pin));
        assert!(rig.says(reason), "{:?}", rig.refusals());
        wait_until("the process is gone", || rig.processes().is_empty());
    }
    assert!(!rig.logged().contains("1357"));
    assert!(rig.add(SOFTHSM, PIN), "{:?}", rig.refusals());
    assert!(rig.signs(&rig.list()[0]));
    // Whoever does not know the PIN changes nothing of what is there.
    assert!(!rig.add(SOFTHSM, "wrong pin 1357"));
    assert!(rig.signs(&rig.list()[0]));
    wait_until("one process is left", || rig.processes().len() == 1);
}

/// A key that was removed comes back with the PIN only, though its provider is in use: with another request's
/// constraints it would be freed of its own.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_key_does_not_come_back_without_its_pin() {
    let scratch = small_token();
    make_key(&scratch, "one", PIN, KINDS[4], "02");
    let rig = Rig::new(scratch);
    assert_eq!(run(&mut rig.ssh_add(PIN, &["-q", "-c", "-s", SOFTHSM])).0, 0);
    let lines = rig.list();
    std::fs::write(rig.scratch.path("gone.pub"), format!("{}\n", lines[0])).unwrap();
    succeed(&mut rig.ssh_add("", &["-q", "-d", "gone.pub"]));
    assert!(!rig.add(SOFTHSM, "wrong pin"));
    assert_eq!(rig.list(), lines[1..]);
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn single_keys_go_and_the_last_one_takes_the_process() {
    let scratch = small_token();
    make_key(&scratch, "one", PIN, KINDS[4], "02");
    let rig = Rig::new(scratch);
    assert!(rig.add(SOFTHSM, PIN));
    for (number, line) in rig.list().iter().enumerate() {
        assert_eq!(rig.processes().len(), 1);
        let name = format!("{number}.pub");
        std::fs::write(rig.scratch.path(&name), format!("{line}\n")).unwrap();
        succeed(&mut rig.ssh_add("", &["-q", "-d", &name]));
    }
    wait_until("the process is gone", || rig.processes().is_empty());
    assert!(rig.add(SOFTHSM, PIN));
    succeed(&mut rig.ssh_add("", &["-q", "-D"]));
    wait_until("the process is gone", || rig.processes().is_empty());
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn tokens_with_the_same_pin_come_together_and_others_by_their_own() {
    let scratch = tokens();
    for (token, pin, id) in [("one", PIN, "01"), ("two", PIN, "02"), ("three", "another pin", "03")] {
        make_token(&scratch, token, pin);
        make_key(&scratch, token, pin, ("EC:prime256v1", token), id);
    }
    let rig = Rig::new(scratch);
    let comments = || {
        let mut comments: Vec<_> =
            rig.list().iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect();
        comments.sort_unstable();
        comments
    };
    assert!(rig.add(SOFTHSM, PIN));
    assert_eq!(comments(), ["one", "two"]);
    assert!(rig.says("token three: wrong PIN"), "{:?}", rig.refusals());
    // The keys of the first two stay with their own process.
    assert!(rig.add(SOFTHSM, "another pin"));
    assert_eq!(comments(), ["one", "three", "two"]);
    assert!(rig.list().iter().all(|line| rig.signs(line)));
    assert_eq!(rig.processes().len(), 2);
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    wait_until("both processes are gone", || rig.processes().is_empty());
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn only_what_is_on_the_list_is_loaded() {
    let rig = Rig::new(small_token());
    let place = |name: &str| rig.scratch.path(name);
    let real = Path::new(SOFTHSM).canonicalize().unwrap();
    std::fs::copy(&real, place("outside.so")).unwrap();
    std::os::unix::fs::symlink(place("outside.so"), place("allowed/out.so")).unwrap();
    std::os::unix::fs::symlink(&real, place("in.so")).unwrap();
    for bad in ["outside.so", "allowed/out.so", "allowed/missing.so"] {
        assert!(!rig.add(place(bad).to_str().unwrap(), PIN), "{bad}");
        assert!(rig.processes().is_empty());
    }
    assert!(rig.says("not on the list"), "{:?}", rig.refusals());
    std::fs::write(place("allowed/none.so"), "no library").unwrap();
    assert!(!rig.add(place("allowed/none.so").to_str().unwrap(), PIN));
    assert!(rig.says("cannot be used"), "{:?}", rig.refusals());
    assert!(rig.add(place("in.so").to_str().unwrap(), PIN));
    // By any name of it.
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_remote_peer_names_no_provider() {
    let rig = Rig::new(small_token());
    let mut conn = rig.connect();
    let add = Body::of(wire::ADD_PROVIDER).string(SOFTHSM.as_bytes()).string(PIN.as_bytes()).0;
    // A bind that fails is one that was attempted.
    let bind = Body::of(wire::EXTENSION).string(b"session-bind@openssh.com").raw(&[0; 13]).0;
    conn.ask(&bind).unwrap();
    assert_eq!(conn.ask(&add).unwrap(), [wire::FAILURE]);
    assert!(rig.list().is_empty() && rig.processes().is_empty());
    assert_eq!(rig.ask(&add), [wire::SUCCESS]);
}

/// A token with a key that wants its PIN for each signature.
fn careful_token() -> Scratch {
    let scratch = tokens();
    make_token(&scratch, "one", PIN);
    let mut make = hsm::tool(&scratch, "one", PIN);
    make.args(["--keypairgen", "--key-type", "rsa:2048", "--label", "each", "--id", "01", "--always-auth"]);
    succeed(&mut make);
    scratch
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_key_that_wants_its_pin_each_time_is_refused_where_nobody_can_be_asked() {
    let rig = Rig::new(careful_token());
    assert!(rig.add(SOFTHSM, PIN));
    assert!(!rig.signs(&rig.list()[0]));
    assert!(rig.says("no way to ask") || rig.says("nothing was entered"), "{:?}", rig.refusals());
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_key_that_wants_its_pin_each_time_asks_for_it_each_time() {
    let rig = Rig::with_person(careful_token(), PIN);
    assert!(rig.add(SOFTHSM, PIN));
    let line = &rig.list()[0];
    for count in 1..=2 {
        assert!(rig.signs(line), "{:?}", rig.refusals());
        assert_eq!(rig.asked().matches("Enter the PIN for a signature with key SHA256:").count(), count);
    }
    // A wrong one is tried once, and not kept.
    std::fs::write(rig.scratch.path("said"), "a wrong pin").unwrap();
    assert!(!rig.signs(line));
    assert!(rig.says("wrong PIN"), "{:?}", rig.refusals());
    assert_eq!(rig.asked().lines().count(), 3);
    std::fs::write(rig.scratch.path("said"), PIN).unwrap();
    assert!(rig.signs(line));
    assert!(!rig.logged().contains(PIN));
}

/// The question for a PIN goes with what it is for: nobody is to type one for nothing.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_question_for_a_pin_ends_with_the_key_and_with_a_lock() {
    let rig = Rig::with_person(careful_token(), "");
    // Somebody who does not answer.
    std::fs::remove_file(rig.scratch.path("said")).unwrap();
    succeed(rig.scratch.command("mkfifo").arg("said"));
    let ends: [&dyn Fn(); 2] = [&|| assert_eq!(rig.ask(&wire::lock(b"secret")), [wire::SUCCESS]), &|| {
        succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM])).clear();
    }];
    for (count, end) in ends.into_iter().enumerate() {
        rig.ask(&wire::unlock(b"secret"));
        rig.add(SOFTHSM, PIN);
        let mut conn = rig.connect();
        let blob = blob_of(&rig, &rig.list()[0]);
        conn.send(&wire::sign(&blob, b"data", 0));
        wait_until("it is asked", || rig.asked().lines().count() == count + 1);
        end();
        assert_eq!(conn.recv().unwrap(), [wire::FAILURE]);
        wait_until("what asked is gone", || rig.processes().len() <= 1);
    }
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_key_to_confirm_signs_after_a_yes() {
    let rig = Rig::with_person(small_token(), "yes");
    succeed(&mut rig.ssh_add(PIN, &["-q", "-c", "-s", SOFTHSM]));
    let line = &rig.list()[0];
    assert!(rig.signs(line), "{:?}", rig.refusals());
    assert!(rig.asked().contains("Allow use of key p256?"), "{}", rig.asked());
    std::fs::write(rig.scratch.path("said"), "no").unwrap();
    assert!(!rig.signs(line));
}
