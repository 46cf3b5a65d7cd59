//! Every file gives the key that it was made with, and no other passphrase does.

use crate::samples::{self, COMMITTED, Sample};
use myagent::key::import;
use myagent::keyfile::{self, Refusal};
use myagent::vault::Vault;
use std::path::Path;
use std::process::Command;

/// Reads one file with and without its passphrase, and has its key sign.
fn check(sample: &Sample, passphrase: &[u8], vault: &Vault) {
    let (name, bytes) = (sample.path.display(), sample.bytes());
    let refused = |passphrase: &[u8]| keyfile::read(&bytes, passphrase, vault).err();
    let expected = sample.public();
    if sample.is_encrypted() {
        assert_eq!(refused(b""), Some(Refusal::Encrypted), "{name}");
        assert_eq!(refused(b"correct hors"), Some(Refusal::WrongPassphrase), "{name}");
    }
    let file = keyfile::read(&bytes, passphrase, vault).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    assert_eq!(base64(&file.public), expected[1], "{name}: another key");
    assert_eq!(String::from_utf8_lossy(&file.comment), sample.comment(), "{name}");
    let imported = import(&file.plain().unwrap(), vault).unwrap();
    let signature = imported.key.sign(vault, b"data", 2).unwrap();
    assert!(myagent::key::verify(&imported.blob, b"data", &signature), "{name}: its signature is wrong");
    if sample.form.starts_with("certified") {
        let certificate = file.certificate.as_ref().unwrap_or_else(|| panic!("{name}: no certificate"));
        let imported = import(&file.certified(certificate).unwrap(), vault).unwrap();
        assert_eq!(*imported.blob, **certificate, "{name}");
    } else {
        assert!(file.certificate.is_none(), "{name}");
    }
    let public = keyfile::public(&bytes);
    match public {
        Ok(blob) => {
            assert_eq!(
                myagent::key::plain(&blob).as_deref(),
                Some(&*file.public),
                "{name}: another public half"
            );
        }
        Err(refusal) => assert!(refusal == Refusal::Encrypted && bytes.starts_with(b"-----BEGIN"), "{name}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    use ssh_key::encoding::base64::{Base64, Encoding};
    Base64::encode_string(bytes)
}

fn check_all(directory: &Path) {
    let (vault, passphrase) = (samples::vault(), samples::passphrase(directory));
    samples::all(directory).iter().for_each(|sample| check(sample, &passphrase, &vault));
    for (name, expected) in [
        ("dsa.openssh", "keys of type ssh-dss are not supported"),
        ("dsa.pem", "keys of type ssh-dss are not supported"),
        ("dsa.pkcs8", "keys of type ssh-dss are not supported"),
        ("dsa.ppk", "keys of type ssh-dss are not supported"),
        ("ed448.pkcs8", "keys of type Ed448 are not supported"),
        ("ed448.ppk", "keys of type ssh-ed448 are not supported"),
        ("x25519.pkcs8", "keys of type X25519 are not supported"),
        ("secp256k1.sec1", "keys of type ECDSA with secp256k1 are not supported"),
        ("secp256k1.pkcs8", "keys of type ECDSA with secp256k1 are not supported"),
        ("scrypt.pkcs8", "it is encrypted with scrypt, which is not supported"),
        ("sha512.pkcs8", "it is encrypted with PBKDF2 by SHA-512, which is not supported"),
        ("sshcom", "it is in ssh.com's form, which is not supported"),
        ("rsa1", "it is in SSH-1's form, which is not supported"),
        ("../putty-rsa2048.pub", "it holds a public key, not a private one"),
        ("../putty-ed25519-cert.pub", "it holds a public key, not a private one"),
        ("../passphrase", "it is no key file of OpenSSH, PuTTY or OpenSSL"),
    ] {
        let bytes = std::fs::read(directory.join("refused").join(name)).unwrap();
        let refusal =
            keyfile::read(&bytes, &passphrase, &vault).err().unwrap_or_else(|| panic!("{name} was read"));
        assert_eq!(refusal.to_string(), expected, "{name}");
    }
}

#[test]
fn the_committed_files_of_every_form_are_read() {
    check_all(Path::new(COMMITTED));
}

#[test]
#[ignore = "needs puttygen, ssh-keygen and openssl: they make all files anew"]
fn fresh_files_of_every_form_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let make = Path::new(COMMITTED).with_file_name("make");
    let made = Command::new(make).arg(directory.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    check_all(directory.path());
}
