//! `ssh-keygen -Y sign` and certificates signed by a CA key, with the key in the agent only.

use crate::client::Client;
use crate::keys::{ED25519, Key, Kind, SIGNER, for_every_kind};
use crate::support::run;
use std::fs::File;
use std::path::Path;

/// Signs `message` with what the agent holds of this key; the signature lies beside it.
pub fn sign(client: &Client, key: &Key, message: &Path) -> (i32, String, String) {
    let _ = std::fs::remove_file(message.with_extension("sig"));
    let mut keygen = client.command("ssh-keygen");
    keygen.args(["-q", "-U", "-Y", "sign", "-n", "file", "-f"]).arg(key.best_public());
    run(keygen.arg(message))
}

/// What `ssh-keygen -Y verify` says to the signature of `signed` over `message`.
pub fn verify(client: &Client, key: &Key, signed: &Path, message: &Path) -> (i32, String, String) {
    let signers = message.with_extension("signers");
    std::fs::write(&signers, format!("{SIGNER} {}\n", key.authorized_line(client))).unwrap();
    let signature = format!("{}.sig", signed.display());
    let mut keygen = client.command("ssh-keygen");
    keygen.args(["-Y", "verify", "-n", "file", "-I", SIGNER, "-s", &signature, "-f"]).arg(&signers);
    run(keygen.stdin(File::open(message).unwrap()))
}

/// Signs and verifies; the error says which step failed.
pub fn sign_and_verify(client: &Client, key: &Key, message: &Path) -> Result<(), String> {
    let (status, _, errors) = sign(client, key, message);
    if status != 0 {
        return Err(format!("ssh-keygen -Y sign: {errors}"));
    }
    let (status, verdict, errors) = verify(client, key, message, message);
    let (label, fingerprint) = (key.kind.label(), key.fingerprint(client));
    if (status, &*verdict)
        == (0, &format!("Good \"file\" signature for {SIGNER} with {label} key {fingerprint}\n"))
    {
        return Ok(());
    }
    Err(format!("ssh-keygen -Y verify: {verdict}{errors}"))
}

#[test]
fn files_are_signed_and_verified_with_every_key_type() {
    let client = Client::new();
    let (message, other) = (client.scratch.path("message"), client.scratch.path("other"));
    std::fs::write(&message, "release 1.0\n").unwrap();
    std::fs::write(&other, "release 1.0 \n").unwrap();
    for_every_kind(|kind| {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        client.load(&key);
        client.questions();
        sign_and_verify(&client, &key, &message).unwrap();
        assert_eq!(client.questions(), [""; 0], "{kind}: no passphrase is asked");
        let (status, verdict, _) = verify(&client, &key, &message, &other);
        assert!(status != 0 && verdict == "Could not verify signature.\n", "{kind}: {status} {verdict}");
        client.clear();
        assert_ne!(sign(&client, &key, &message).0, 0, "{kind}: signed without the agent");
    });
}

#[test]
fn certificates_are_signed_by_a_ca_key_of_every_type_in_the_agent() {
    let client = Client::new();
    let user = Key::make(&client, "user", Kind::plain(&ED25519));
    for_every_kind(|kind| {
        if kind.certificate {
            return;
        }
        client.clear();
        let ca = Key::make(&client, &kind.slug(), kind);
        client.load(&ca);
        let mut keygen = client.command("ssh-keygen");
        keygen.args(["-q", "-I", "by the agent", "-n", SIGNER, "-Us"]).arg(ca.public());
        let (status, _, errors) = run(keygen.arg(user.public()));
        assert_eq!(status, 0, "{kind}: {errors}");
        // ssh-keygen checks the CA's signature before it prints a certificate.
        let (status, text, errors) = run(client.command("ssh-keygen").arg("-Lf").arg(user.certificate()));
        assert_eq!(status, 0, "{kind}: {errors}");
        let signed_by = format!("Signing CA: {} {}", kind.algorithm.label, ca.fingerprint(&client));
        assert!(text.contains(&signed_by), "{kind}: {text}");
    });
}
