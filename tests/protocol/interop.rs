//! A client of another hand: ssh-agent-lib's.

use crate::keys::{self, Key, verifies};
use crate::process::{Subject, stand_in_cannot};
use ssh_agent_lib::blocking::Client;
use ssh_agent_lib::proto::{
    AddIdentity, AddIdentityConstrained, Extension, KeyConstraint, PrivateCredential, PublicCredential,
    RemoveIdentity, SignRequest,
};
use ssh_agent_lib::ssh_encoding::Encode;
use ssh_agent_lib::ssh_key::PrivateKey;
use std::os::unix::net::UnixStream;

fn client(subject: &Subject) -> Client<UnixStream> {
    Client::new(UnixStream::connect(&subject.agent.socket).unwrap())
}

/// A key in that library's form. Its reader refuses one ECDSA key in 256, whose scalar is a byte shorter: then
/// another one is made.
fn generate(subject: &Subject, name: &str, kind: &[&str]) -> (AddIdentity, PublicCredential) {
    let readable = || {
        let _ = std::fs::remove_file(subject.scratch.path(name));
        Key::generate(&subject.scratch, name, kind);
        PrivateKey::read_openssh_file(&subject.scratch.path(name)).ok()
    };
    let key = std::iter::repeat_with(readable).take(10).find_map(|key| key).expect("no key can be read");
    let public = PublicCredential::Key(key.public_key().key_data().clone());
    let credential = PrivateCredential::Key { privkey: key.key_data().clone(), comment: name.into() };
    (AddIdentity { credential }, public)
}

fn comments(client: &mut Client<UnixStream>) -> Vec<String> {
    client.request_identities().unwrap().into_iter().map(|identity| identity.comment).collect()
}

fn sign_request(credential: &PublicCredential) -> SignRequest {
    SignRequest { credential: credential.clone(), data: keys::data(), flags: 0 }
}

fn bytes(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).unwrap();
    bytes
}

#[test]
fn add_list_sign_remove() {
    let subject = Subject::new();
    let mut client = client(&subject);
    for (name, kind) in [("ed25519", &["ed25519"][..]), ("p384", &["ecdsa", "-b", "384"])] {
        let (add, public) = generate(&subject, name, kind);
        client.add_identity(add).unwrap();
        assert_eq!(comments(&mut client), ["mine", name]);
        let signature = client.sign(sign_request(&public)).unwrap();
        verifies(&subject.scratch, &bytes(&public), &bytes(&signature)).unwrap();
        client.remove_identity(RemoveIdentity { credential: public.clone() }).unwrap();
        assert_eq!(comments(&mut client), ["mine"]);
        client.sign(sign_request(&public)).unwrap_err();
    }
    client.remove_all_identities().unwrap();
    assert!(comments(&mut client).is_empty());
}

#[test]
fn constrained() {
    let subject = Subject::new();
    let mut client = client(&subject);
    let (identity, public) = generate(&subject, "asked", &["ed25519"]);
    let constraints = vec![KeyConstraint::Lifetime(3600), KeyConstraint::Confirm];
    client.add_identity_constrained(AddIdentityConstrained { identity, constraints }).unwrap();
    assert_eq!(comments(&mut client), ["mine", "asked"]);
    client.sign(sign_request(&public)).unwrap_err();
}

#[test]
fn lock_and_unlock() {
    let subject = Subject::new();
    let mut client = client(&subject);
    client.lock("secret".into()).unwrap();
    assert!(comments(&mut client).is_empty());
    client.unlock("wrong".into()).unwrap_err();
    client.unlock("secret".into()).unwrap();
    assert_eq!(comments(&mut client), ["mine"]);
}

#[test]
fn query() {
    if stand_in_cannot("it answers query from 10.3 on") {
        return;
    }
    let subject = Subject::new();
    let request = Extension { name: "query".into(), details: Vec::new().into() };
    let answer = client(&subject).extension(request).unwrap().expect("an answer of its own");
    assert_eq!(answer.name, "query");
    let details = answer.details.into_bytes();
    assert!(details.ends_with(b"\0\0\0\x18session-bind@openssh.com"), "{details:02x?}");
}
