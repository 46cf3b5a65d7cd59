//! What a user does with a key on a token: ssh-add, ssh, ssh-keygen.

use crate::client::Client;
use crate::keys::{Algorithm, Key, Kind, SIGNER};
use crate::sshd::Sshd;
use crate::support::run;
use std::fs::File;
use std::path::Path;

static ALGORITHMS: [Algorithm; 2] = [
    Algorithm { name: "ed25519-sk", options: &["-t", "ed25519-sk"], label: "ED25519-SK" },
    Algorithm { name: "ecdsa-sk", options: &["-t", "ecdsa-sk"], label: "ECDSA-SK" },
];

/// Both algorithms, plain and certified.
fn kinds() -> impl Iterator<Item = Kind> {
    let kinds =
        |algorithm| [false, true].map(|certificate| Kind { algorithm, certificate, passphrase: false });
    ALGORITHMS.iter().flat_map(kinds)
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn keys_are_added_listed_tested_and_removed() {
    let client = Client::new();
    for kind in kinds() {
        let key = Key::make(&client, &kind.slug(), kind);
        client.load(&key);
        assert_eq!(client.listed(), key.public_lines(), "{kind}");
        let (_, listed, _) = client.ssh_add(&["-l"]);
        let plain = key.kind.algorithm.label;
        let mut expected = format!("256 {} {} ({plain})\n", key.fingerprint(&client), key.comment);
        if kind.certificate {
            expected += &format!("256 {} {} ({plain}-CERT)\n", key.fingerprint(&client), key.comment);
        }
        assert_eq!(listed, expected, "{kind}");
        for public in [Some(key.public()), kind.certificate.then(|| key.certificate())].into_iter().flatten()
        {
            let (status, _, errors) = client.ssh_add(&["-T", public.to_str().unwrap()]);
            assert_eq!(status, 0, "{kind}: {errors}");
            let (status, _, errors) = client.ssh_add(&["-qd", public.to_str().unwrap()]);
            assert_eq!(status, 0, "{kind}: {errors}");
        }
        assert_eq!(client.listed(), [""; 0], "{kind}");
    }
}

#[test]
#[ignore = "needs sshd, /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn login_with_keys_on_a_token() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("server", &sshd, "")]);
    for kind in kinds() {
        let key = Key::make(&client, &kind.slug(), kind);
        sshd.authorize(&[key.authorized_line(&client)]);
        client.load(&key);
        let before = sshd.logins();
        let (status, output, errors) = client.ssh(&["server", "echo arrived"]);
        assert_eq!((status, output.as_str()), (0, "arrived\n"), "{kind}: {errors}");
        sshd.assert_logins(&client, before, 1, &key);
        client.clear();
        assert_eq!(client.ssh(&["server", "echo arrived"]).0, 255, "{kind}");
    }
}

/// `ssh-keygen -Y sign` with the agent's key, and the verdict of `-Y verify`.
fn sign_and_verify(client: &Client, key: &Key, message: &Path) -> (i32, String) {
    let mut keygen = client.command("ssh-keygen");
    keygen.args(["-q", "-U", "-Y", "sign", "-n", "file", "-f"]).arg(key.best_public());
    let (status, _, errors) = run(keygen.arg(message));
    assert_eq!(status, 0, "{}: {errors}", key.kind);
    let (signers, signature) = (message.with_extension("signers"), message.with_extension("sig"));
    std::fs::write(&signers, format!("{SIGNER} {}\n", key.authorized_line(client))).unwrap();
    let mut keygen = client.command("ssh-keygen");
    keygen.args(["-Y", "verify", "-n", "file", "-I", SIGNER, "-f"]).arg(&signers).arg("-s").arg(&signature);
    let (status, verdict, _) = run(keygen.stdin(File::open(message).unwrap()));
    std::fs::remove_file(&signature).unwrap();
    (status, verdict)
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn files_are_signed() {
    let client = Client::new();
    let message = client.scratch.path("message");
    std::fs::write(&message, "release 1.0\n").unwrap();
    for kind in kinds() {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        client.load(&key);
        let (label, fingerprint) = (key.kind.label(), key.fingerprint(&client));
        let good = format!("Good \"file\" signature for {SIGNER} with {label} key {fingerprint}\n");
        assert_eq!(sign_and_verify(&client, &key, &message), (0, good), "{kind}");
    }
}
