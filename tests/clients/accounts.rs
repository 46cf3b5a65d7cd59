//! What users write into ssh_config: several accounts on one host, and keys that are added when first used.

use crate::client::Client;
use crate::git::{clone_and_push, served_repository};
use crate::keys::{ED25519, Key, Kind, for_every_kind};
use crate::login::assert_reached;
use crate::sshd::Sshd;

/// `IdentitiesOnly` with the public half, as the README tells those who have two accounts.
fn only(key: &Key) -> String {
    let mut lines = format!("    IdentitiesOnly yes\n    IdentityFile {}\n", key.public().display());
    if key.kind.certificate {
        lines += &format!("    CertificateFile {}\n", key.certificate().display());
    }
    lines
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn two_accounts_with_identities_only_choose_their_key_with_every_key_type() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    for_every_kind(|kind| {
        client.clear();
        // More than the server's MaxAuthTries stand before the two that count.
        for number in 1..=4 {
            let name = format!("{}-{number}", kind.slug());
            client.load(&Key::make(&client, &name, Kind::plain(&ED25519)));
        }
        let accounts = ["work", "private"].map(|account| {
            let key = Key::make(&client, &format!("{}-{account}", kind.slug()), kind);
            client.load(&key);
            key
        });
        let [work, private] = &accounts;
        sshd.authorize(&accounts.each_ref().map(|key| key.authorized_line(&client)));
        let (only_work, only_private) = (only(work), only(private));
        let aliases = [("work", &sshd, &*only_work), ("private", &sshd, &only_private), ("any", &sshd, "")];
        client.configure(&aliases);
        for (alias, key) in [("private", private), ("work", work)] {
            let before = sshd.logins();
            assert_reached(&client, &[alias], &sshd);
            sshd.assert_logins(&client, before, 1, key);
        }
        let (status, _, errors) = client.ssh(&["any", "echo arrived"]);
        assert!(status == 255 && errors.contains("Too many authentication failures"), "{status} {errors}");
    });
}

#[test]
#[ignore = "needs sshd and git: tests/run runs it"]
fn git_with_two_accounts_on_one_host() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    let served = served_repository(&client);
    let keys = ["work", "private"].map(|name| Key::make(&client, name, Kind::plain(&ED25519)));
    sshd.authorize(&keys.each_ref().map(|key| key.authorized_line(&client)));
    keys.iter().for_each(|key| client.load(key));
    let lines = keys.each_ref().map(only);
    client.configure(&[("github-work", &sshd, &lines[0]), ("github-private", &sshd, &lines[1])]);
    for (host, key) in ["github-private", "github-work"].into_iter().zip(keys.iter().rev()) {
        let before = sshd.logins();
        clone_and_push(&client, &format!("{host}:{}", served.display()), &served, host);
        sshd.assert_logins(&client, before, 2, key);
    }
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn add_keys_to_agent_asks_once_and_then_never_with_every_key_type() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    for_every_kind(|kind| {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        sshd.authorize(&[key.authorized_line(&client)]);
        let path = key.path.display();
        let lines = format!("    IdentityFile {path}\n    AddKeysToAgent yes\n    BatchMode no\n");
        client.configure(&[("server", &sshd, &lines)]);
        client.questions();
        let before = sshd.logins();
        assert_reached(&client, &["server"], &sshd);
        let question = format!("Enter passphrase for key '{path}':");
        let asked = if kind.passphrase { vec![question] } else { vec![] };
        assert_eq!(client.questions(), asked, "{kind}: at the first login");
        assert_eq!(client.listed()[0], key.public_lines()[0], "{kind}: in the agent from now on");
        key.remove_private();
        for _ in 0..2 {
            assert_reached(&client, &["server"], &sshd);
        }
        assert_eq!(client.questions(), [""; 0], "{kind}: at the next logins");
        sshd.assert_logins(&client, before, 3, &key);
    });
}
