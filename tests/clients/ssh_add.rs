//! `ssh-add`: every option that users have in their fingers, with what it says and its exit status.

use crate::client::Client;
use crate::keys::{ED25519, Key, Kind, PASSPHRASE, for_every_kind};
use crate::support::{run, wait_until};
use std::cell::RefCell;

const EMPTY: &str = "The agent has no identities.\n";

/// `ssh-add PATH` succeeded and said so, with these further lines after each identity.
fn assert_added(client: &Client, key: &Key, (status, output, errors): (i32, String, String), more: &str) {
    let path = key.path.display();
    let mut expected = format!("Identity added: {path} ({})\n{more}", key.comment);
    if key.kind.certificate {
        expected += &format!("Certificate added: {path}-cert.pub ({})\n{more}", key.certificate_id());
    }
    assert_eq!((status, output.as_str(), errors.as_str()), (0, "", expected.as_str()), "{}", key.kind);
    assert_eq!(client.listed(), key.public_lines(), "{}", key.kind);
}

fn add(client: &Client, options: &[&str], key: &Key) -> (i32, String, String) {
    client.ssh_add(&[options, &[key.path.to_str().unwrap()]].concat())
}

/// `ssh-add -T` on the key and its certificate: one signature each, checked by ssh-add.
fn test_signature(client: &Client, key: &Key) -> bool {
    let public = key.public();
    let best = key.best_public();
    let (status, output, errors) = client.ssh_add(&["-T", public.to_str().unwrap(), best.to_str().unwrap()]);
    match status {
        0 => assert_eq!((output.as_str(), errors.as_str()), ("", ""), "{}", key.kind),
        _ => assert!(status == 1 && errors.starts_with("Agent signature failed for "), "{status} {errors}"),
    }
    status == 0
}

#[test]
fn add_list_and_test_with_every_key_type() {
    let client = Client::new();
    for_every_kind(|kind| {
        client.clear();
        client.questions();
        let key = Key::make(&client, &kind.slug(), kind);
        assert!(!test_signature(&client, &key), "a key that nobody added signs");
        assert_added(&client, &key, add(&client, &[], &key), "");
        let question = format!("Enter passphrase for {}:", key.path.display());
        let asked = if kind.passphrase { vec![question] } else { vec![] };
        assert_eq!(
            client.questions(),
            asked,
            "{kind}: the passphrase is asked once, and only where there is one"
        );
        key.remove_private();
        for hash in ["sha256", "md5"] {
            let (status, lines, errors) = client.ssh_add(&["-l", "-E", hash]);
            let expected: String = [key.public(), key.best_public()][..1 + usize::from(kind.certificate)]
                .iter()
                .map(|file| run(client.command("ssh-keygen").args(["-l", "-E", hash, "-f"]).arg(file)).1)
                .collect();
            assert_eq!((status, lines, errors.as_str()), (0, expected, ""), "{kind}: ssh-add -l -E {hash}");
        }
        assert!(test_signature(&client, &key), "{kind}: ssh-add -T");
    });
}

#[test]
fn delete_one_and_all_with_every_key_type() {
    let client = Client::new();
    let other = Key::make(&client, "other", Kind::plain(&ED25519));
    for_every_kind(|kind| {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        assert_added(&client, &key, add(&client, &[], &key), "");
        assert_eq!(add(&client, &[], &other).0, 0);
        let path = key.path.to_str().unwrap();
        let (status, output, errors) = client.ssh_add(&["-d", path]);
        let (label, comment) = (kind.algorithm.label, &key.comment);
        let mut expected = format!("Identity removed: {path} {label} ({comment})\n");
        if kind.certificate {
            expected += &format!("Identity removed: {path}-cert.pub {label}-CERT ({comment})\n");
        }
        assert_eq!((status, output.as_str(), errors), (0, "", expected), "{kind}: ssh-add -d");
        assert_eq!(client.listed(), other.public_lines(), "{kind}: the other key stays");
        assert!(!test_signature(&client, &key), "{kind}: a removed key signs");
        let (status, _, errors) = client.ssh_add(&["-d", path]);
        let refusal = format!("Could not remove identity \"{path}\": agent refused operation\n");
        assert!(status == 1 && errors.starts_with(&refusal), "{kind}: removed twice: {status} {errors}");
        assert_added_after_all(&client, &key, &other);
    });
}

/// `ssh-add -D` with the key back in the list.
fn assert_added_after_all(client: &Client, key: &Key, other: &Key) {
    assert_eq!(add(client, &[], key).0, 0);
    let everything = [other.public_lines(), key.public_lines()].concat();
    assert_eq!(client.listed(), everything, "{}: insertion order", key.kind);
    client.clear();
    assert!(!test_signature(client, key), "{}: signs after ssh-add -D", key.kind);
    for option in ["-l", "-L"] {
        let (status, output, errors) = client.ssh_add(&[option]);
        assert_eq!((status, output.as_str(), errors.as_str()), (1, EMPTY, ""), "ssh-add {option}");
    }
}

#[test]
fn lifetime_ends_with_every_key_type() {
    let client = Client::new();
    let keys = RefCell::new(Vec::new());
    for_every_kind(|kind| {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        let lasting = add(&client, &["-t", "1h"], &key);
        assert_added(&client, &key, lasting, "Lifetime set to 3600 seconds\n");
        assert!(test_signature(&client, &key), "{kind}: within its lifetime");
        keys.borrow_mut().push(key);
    });
    // Added again the new lifetime counts, and it may be over before the next look.
    let keys = keys.into_inner();
    for lifetime in ["1h", "1"] {
        for key in &keys {
            let (status, _, errors) = add(&client, &["-t", lifetime], key);
            assert!(status == 0 && errors.contains("Lifetime set to "), "{}: {status} {errors}", key.kind);
        }
    }
    for key in keys {
        let gone = || key.public_lines().iter().all(|line| !client.listed().contains(line));
        wait_until(&format!("the lifetime of {} is over", key.kind), gone);
        assert!(!test_signature(&client, &key), "{}: signs after its lifetime", key.kind);
    }
}

#[test]
fn locked_agent_with_every_key_type() {
    for_every_kind(|kind| {
        // An agent each: what is locked by mistake, or slow after wrong passwords, must not spoil the next.
        let client = Client::new();
        let key = Key::make(&client, &kind.slug(), kind);
        assert_added(&client, &key, add(&client, &[], &key), "");
        client.questions();
        client.answer("open sesame");
        assert_eq!(client.ssh_add(&["-x"]), (0, String::new(), "Agent locked.\n".into()));
        assert_eq!(client.questions(), ["Enter lock password:", "Again:"]);
        assert_locked(&client, &key);
        client.answer("open barley");
        assert_refused(client.ssh_add(&["-X"]), "Failed to unlock agent: agent refused operation\n");
        assert_locked(&client, &key);
        client.answer("open sesame");
        assert_eq!(client.ssh_add(&["-X"]), (0, String::new(), "Agent unlocked.\n".into()));
        assert_refused(client.ssh_add(&["-X"]), "Failed to unlock agent: agent refused operation\n");
        client.answer(PASSPHRASE);
        assert_eq!(client.listed(), key.public_lines(), "{kind}: the key is back");
        assert!(test_signature(&client, &key), "{kind}: signs again");
    });
}

fn assert_refused((status, output, errors): (i32, String, String), expected: &str) {
    assert_eq!((status, output.as_str()), (1, ""), "{errors}");
    assert!(errors.starts_with(expected), "{errors:?}, not {expected:?}");
}

/// Nothing is seen, signed, added or removed.
fn assert_locked(client: &Client, key: &Key) {
    assert_eq!(client.ssh_add(&["-l"]), (1, EMPTY.into(), String::new()));
    assert!(!test_signature(client, key), "{}: signs while locked", key.kind);
    assert_refused(client.ssh_add(&["-D"]), "Failed to remove all identities.\n");
    let path = key.path.to_str().unwrap();
    let refusal = format!("Could not remove identity \"{path}\": agent refused operation\n");
    assert_refused(client.ssh_add(&["-d", path]), &refusal);
    assert_refused(client.ssh_add(&["-x"]), "Failed to lock agent: agent refused operation\n");
    if !key.kind.passphrase {
        let refusal = format!("Could not add identity \"{path}\": agent refused operation\n");
        assert_refused(client.ssh_add(&[path]), &refusal);
    }
}

#[test]
fn adding_again_replaces_the_comment_in_place() {
    let client = Client::new();
    let mut first = Key::make(&client, "first", Kind::plain(&ED25519));
    let second = Key::make(&client, "second", Kind::plain(&ED25519));
    assert_eq!(add(&client, &[], &first).0, 0);
    assert_eq!(add(&client, &[], &second).0, 0);
    first.comment = "another comment".into();
    let mut keygen = client.command("ssh-keygen");
    assert_eq!(run(keygen.args(["-q", "-c", "-C", &first.comment, "-f"]).arg(&first.path)).0, 0);
    let (status, _, errors) = add(&client, &[], &first);
    assert!(status == 0 && errors.ends_with("(another comment)\n"), "{errors}");
    assert_eq!(client.listed(), [first.public_lines(), second.public_lines()].concat());
}

#[test]
fn certificate_with_an_end_is_added_like_one_without() {
    let client = Client::new();
    for_every_kind(|kind| {
        if kind.certificate && !kind.passphrase {
            client.clear();
            let key = Key::make(&client, kind.algorithm.name, kind);
            key.certify(&client, &["-V", "-1d:+1d", "-z", "7", "-O", "clear", "-O", "permit-pty"]);
            assert_eq!(add(&client, &[], &key).0, 0, "{kind}");
            assert_eq!(client.listed(), key.public_lines(), "{kind}");
            assert!(test_signature(&client, &key), "{kind}");
        }
    });
}

#[test]
fn no_agent_is_status_2() {
    let mut client = Client::new();
    let unset = run(client.command("ssh-add").arg("-l").env_remove("SSH_AUTH_SOCK"));
    let words = "Could not open a connection to your authentication agent.\n";
    assert_eq!(unset, (2, String::new(), words.into()));
    assert_eq!(client.ssh_add(&["-l"]), (1, EMPTY.into(), String::new()));
    client.agent.child.kill().unwrap();
    client.agent.child.wait().unwrap();
    let (status, output, errors) = client.ssh_add(&["-l"]);
    assert_eq!((status, output.as_str()), (2, ""));
    assert!(errors.starts_with("Error connecting to agent: "), "{errors}");
}
