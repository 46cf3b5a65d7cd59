//! Certificates: those of SSH that come with the request, and those of X.509 on the token.

use crate::hsm::{self, KINDS, PIN, Rig, SOFTHSM, make_key, make_token, small_token, succeed, tokens};
use crate::support::Scratch;
use crate::wire::{self, Body};

/// The blob in a file of a public key or certificate.
fn blob(rig: &Rig, name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(rig.scratch.path(name)).unwrap();
    let key = ssh_key::Certificate::from_openssh(&text);
    key.unwrap().to_bytes().unwrap()
}

/// A certificate for the public key in `name`, by an authority of the test's.
fn certify(rig: &Rig, name: &str) -> Vec<u8> {
    if !rig.scratch.path("authority").exists() {
        let mut make = rig.scratch.command("ssh-keygen");
        succeed(make.args(["-q", "-t", "ed25519", "-N", "", "-f", "authority"]));
    }
    let mut sign = rig.scratch.command("ssh-keygen");
    succeed(sign.args(["-q", "-s", "authority", "-I", "me", "-n", "user", &format!("{name}.pub")]));
    blob(rig, &format!("{name}-cert.pub"))
}

fn add(rig: &Rig, only: bool, certificates: &[&[u8]]) -> Vec<u8> {
    let list = certificates.iter().fold(Body::default(), |list, blob| list.string(blob)).0;
    let add = Body::of(wire::ADD_PROVIDER_CONSTRAINED).string(SOFTHSM.as_bytes()).string(PIN.as_bytes());
    let add = add.u8(255).string(b"associated-certs-v00@openssh.com").u8(only.into()).string(&list);
    rig.ask(&add.0)
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn certificates_come_with_their_keys_or_alone() {
    let rig = Rig::new(small_token());
    assert!(rig.add(SOFTHSM, PIN));
    let plain = rig.list().remove(0);
    std::fs::write(rig.scratch.path("own.pub"), format!("{plain}\n")).unwrap();
    succeed(rig.scratch.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", "other"]));
    let (own, other) = (certify(&rig, "own"), certify(&rig, "other"));
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    // The certificate of another key goes nowhere.
    assert_eq!(add(&rig, true, &[&other]), [wire::FAILURE]);
    assert_eq!(add(&rig, true, &[&other, &own]), [wire::SUCCESS], "{:?}", rig.refusals());
    let lines = rig.list();
    assert!(lines.len() == 1 && lines[0].contains("-cert-v01@openssh.com "), "{lines:?}");
    assert!(lines[0].ends_with(" p256"));
    assert!(rig.signs(&lines[0]), "{:?}", rig.refusals());
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    // First the certificate, then its key, as OpenSSH orders them.
    assert_eq!(add(&rig, false, &[&own]), [wire::SUCCESS]);
    assert_eq!(rig.list().len(), 2);
    assert_eq!(rig.list()[1], plain);
    assert!(rig.list().iter().all(|line| rig.signs(line)));
    // The plain key is there already, and the certificate too.
    assert_eq!(add(&rig, false, &[&own]), [wire::FAILURE]);
    rig.restart();
    assert!(rig.list().iter().all(|line| rig.signs(line)), "{:?}", rig.refusals());
    let mut forged = own;
    *forged.last_mut().unwrap() ^= 1;
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    assert_eq!(add(&rig, true, &[&forged]), [wire::FAILURE]);
}

/// A private key and a certificate, and no public key.
fn certified_key(scratch: &Scratch, name: &str, id: &str, algorithm: &[&str]) {
    let openssl = |arguments: &[&str]| succeed(scratch.command("openssl").args(arguments));
    openssl(&[&["genpkey", "-out", "key.pem", "-algorithm"], algorithm].concat());
    openssl(&["pkey", "-in", "key.pem", "-outform", "DER", "-out", "key.der"]);
    let subject = format!("/C=DE/O=Test/CN=card {name}");
    let new = ["req", "-x509", "-new", "-key", "key.pem", "-days", "30", "-outform", "DER"];
    openssl(&[&new[..], &["-out", "certificate.der", "-subj", &subject]].concat());
    for (file, what) in [("key.der", "privkey"), ("certificate.der", "cert")] {
        let mut write = hsm::tool(scratch, "one", PIN);
        write.args(["--write-object", file, "--type", what, "--id", id, "--label", "no label of the key's"]);
        succeed(&mut write);
    }
}

/// A key whose public half the token shows in a certificate alone, as cards for people have it.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, openssl: SoftHSM's tokens, and a certificate on one"]
fn a_key_is_found_by_its_x509_certificate() {
    let scratch = tokens();
    make_token(&scratch, "one", PIN);
    certified_key(&scratch, "rsa", "01", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    certified_key(&scratch, "p256", "02", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    // One that has both is one key, by its own name.
    make_key(&scratch, "one", PIN, KINDS[2], "03");
    let rig = Rig::new(scratch);
    assert!(rig.add(SOFTHSM, PIN), "{:?}", rig.refusals());
    let mut comments: Vec<_> =
        rig.list().iter().map(|line| line.splitn(3, ' ').nth(2).unwrap().to_owned()).collect();
    comments.sort_unstable();
    assert_eq!(comments, ["/C=DE/O=Test/CN=card p256", "/C=DE/O=Test/CN=card rsa", "p384"]);
    for line in rig.list() {
        assert!(rig.signs(&line), "{line}: {:?}", rig.refusals());
    }
}
