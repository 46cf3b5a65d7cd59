//! Login over sshd: the first thing that users do with a key.

use crate::client::Client;
use crate::keys::{ED25519, Key, Kind, for_every_kind};
use crate::sshd::Sshd;

/// Asserts that `ssh HOST echo` arrives at this server.
pub fn assert_reached(client: &Client, arguments: &[&str], sshd: &Sshd) {
    let (status, output, errors) = client.ssh(&[arguments, &["echo arrived in $HOME"]].concat());
    let expected = format!("arrived in {}\n", sshd.home().display());
    assert_eq!((status, output), (0, expected), "{arguments:?}: {errors}");
}

/// Asserts that ssh says "Permission denied (publickey)".
pub fn assert_denied(client: &Client, arguments: &[&str]) {
    let (status, output, errors) = client.ssh(&[arguments, &["echo arrived"]].concat());
    assert_eq!((status, output.as_str()), (255, ""), "{arguments:?}: {errors}");
    assert!(errors.contains("Permission denied (publickey)"), "{arguments:?}: {errors}");
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn login_with_every_key_type() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("server", &sshd, "")]);
    for_every_kind(|kind| {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        sshd.authorize(&[key.authorized_line(&client)]);
        client.load(&key);
        let before = sshd.logins();
        assert_reached(&client, &["server"], &sshd);
        sshd.assert_logins(&client, before, 1, &key);
    });
}

/// The flags of the sign request: an old server has only SHA-1, some only SHA-256.
#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn login_with_each_rsa_signature_algorithm() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("server", &sshd, "")]);
    for_every_kind(|kind| {
        if kind.algorithm.label != "RSA" || kind.passphrase {
            return;
        }
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        sshd.authorize(&[key.authorized_line(&client)]);
        client.load(&key);
        for signature in ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] {
            let suffix = if kind.certificate { "-cert-v01@openssh.com" } else { "" };
            let only = format!("PubkeyAcceptedAlgorithms={signature}{suffix}");
            let before = sshd.logins();
            assert_reached(&client, &["-o", &only, "server"], &sshd);
            sshd.assert_logins(&client, before, 1, &key);
        }
    });
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn login_is_denied_when_the_key_is_not_in_the_agent() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("server", &sshd, "")]);
    let key = Key::make(&client, "key", Kind::plain(&ED25519));
    let stranger = Key::make(&client, "stranger", Kind::plain(&ED25519));
    sshd.authorize(&[key.authorized_line(&client)]);
    assert_denied(&client, &["server"]);
    client.load(&stranger);
    assert_denied(&client, &["server"]);
    client.load(&key);
    assert_reached(&client, &["server"], &sshd);
    client.clear();
    assert_denied(&client, &["server"]);
    sshd.assert_logins(&client, 0, 1, &key);
}
