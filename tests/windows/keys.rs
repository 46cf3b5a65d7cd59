//! Keys on Windows: the limits that Windows' own agent refuses are kept, and what is not there is said.

use std::fs::File;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsHandle;
use std::time::Duration;

use crate::rig::{
    ADD, ADD_CONSTRAINED, Agent, Client, FAILURE, LOCK, REMOVE_ALL, SIGN, SIGNATURE, SUCCESS, UNLOCK, until,
};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use myagent::platform::windows::{descriptor, security};
use windows_sys::Win32::Storage::FileSystem::{READ_CONTROL, WRITE_DAC};

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A key of this number: its public half as it is, as a blob, and the message that adds it.
pub(crate) fn key(number: u8) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let seed = [number; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let blob = [string(b"ssh-ed25519"), string(&public)].concat();
    let private = [&seed[..], &public].concat();
    let add = [string(b"ssh-ed25519"), string(&public), string(&private), string(b"a key")].concat();
    (public, blob, add)
}

/// Whether the agent signs with it, and rightly.
pub(crate) fn signs(client: &mut Client, (public, blob, _): &(Vec<u8>, Vec<u8>, Vec<u8>)) -> bool {
    let request = [string(blob), string(b"data"), vec![0; 4]].concat();
    let (kind, body) = client.ask(SIGN, &request);
    if kind != SIGNATURE {
        assert_eq!(kind, FAILURE);
        return false;
    }
    // The signature's string, its algorithm's name, and the 64 bytes.
    let signature = &body[body.len() - 64..];
    UnparsedPublicKey::new(&ED25519, public).verify(b"data", signature).is_ok()
}

#[test]
fn a_key_comes_signs_and_goes() {
    let agent = Agent::start();
    let (mut client, key) = (agent.client(), key(1));
    assert_eq!(client.ask(ADD, &key.2).0, SUCCESS);
    assert!(signs(&mut client, &key) && signs(&mut agent.client(), &key));
    assert_eq!(client.ask(REMOVE_ALL, b"").0, SUCCESS);
    assert!(!signs(&mut client, &key));
}

#[test]
fn a_lifetime_is_kept() {
    let agent = Agent::start();
    let (mut client, key) = (agent.client(), key(2));
    let added = client.ask(ADD_CONSTRAINED, &[&key.2[..], &[1, 0, 0, 0, 2]].concat());
    assert_eq!(added.0, SUCCESS);
    assert!(signs(&mut client, &key));
    let begun = std::time::Instant::now();
    until(|| (client.keys() == 0).then_some(()));
    assert!(begun.elapsed() > Duration::from_millis(500), "not at once");
    assert!(!signs(&mut client, &key));
}

#[test]
fn a_lock_hides_the_keys_until_the_password() {
    let agent = Agent::start();
    let (mut client, key) = (agent.client(), key(3));
    client.ask(ADD, &key.2);
    assert_eq!(client.ask(LOCK, &string(b"password")).0, SUCCESS);
    assert_eq!((client.keys(), signs(&mut client, &key)), (0, false));
    assert_eq!(client.ask(UNLOCK, &string(b"another")).0, FAILURE);
    assert_eq!(client.ask(UNLOCK, &string(b"password")).0, SUCCESS);
    assert!(signs(&mut client, &key));
}

/// A destination constraint for no host at all is refused, and one for a host binds the key to it: nothing has shown here
/// that the connection leads there.
#[test]
fn a_destination_is_kept() {
    let agent = Agent::start();
    let (mut client, key) = (agent.client(), key(4));
    let hop = |host: &[u8], keys: &[u8]| [string(b""), string(host), string(b""), keys.to_vec()].concat();
    let host_key = [string(&self::key(9).1), vec![0]].concat();
    let destination = [string(&hop(b"", b"")), string(&hop(b"host", &host_key)), string(b"")].concat();
    let name = string(b"restrict-destination-v00@openssh.com");
    let bound = [&key.2[..], &[255], &name, &string(&string(&destination))].concat();
    assert_eq!(client.ask(ADD_CONSTRAINED, &bound).0, SUCCESS);
    assert_eq!(client.keys(), 1);
    assert!(!signs(&mut client, &key), "it is for a host that nothing has been shown of");
    assert!(agent.place.status()["keys"][0]["restricted"].as_bool().unwrap());
}

/// Tokens are not used here yet: whoever wants one learns it.
#[test]
fn what_is_not_there_is_refused_by_name() {
    let agent = Agent::start();
    let mut client = agent.client();
    let token = [string(br"C:\a.dll"), string(b"1234")].concat();
    assert_eq!(client.ask(20, &token).0, FAILURE);
    let sk = [
        string(b"sk-ssh-ed25519@openssh.com"),
        string(&key(5).0),
        string(b"ssh:"),
        vec![1],
        string(b"handle"),
        string(b""),
        string(b"a key"),
    ];
    assert_eq!(client.ask(ADD, &sk.concat()).0, FAILURE);
    let refusals = agent.place.status()["refusals"].to_string();
    for what in ["no PKCS#11 tokens", "no FIDO keys"] {
        assert!(refusals.contains(what), "{refusals}");
    }
}

/// OpenSSH's rule: a private key that others can read is not used.
#[test]
fn a_file_that_others_may_read_is_refused() {
    let agent = Agent::start();
    let file = agent.place.profile.path().join("a key");
    std::fs::copy("fuzz/seeds/keyfile/openssh-ed25519.plain", &file).unwrap();
    let path = file.display().to_string();
    let give = |others: &str| {
        let rights = File::options().access_mode(READ_CONTROL | WRITE_DAC).open(&file).unwrap();
        let own = security::own().unwrap();
        descriptor::set_list(rights.as_handle(), &format!("D:P(A;;FA;;;{own}){others}")).unwrap();
    };
    give("(A;;FR;;;WD)");
    let (status, _, error) = agent.place.run(&["add", &path]);
    assert_eq!((status, agent.client().keys()), (1, 0), "{error}");
    let own = security::own().unwrap();
    assert_eq!(
        error,
        format!(
            "myagent: {path}: other users may use this file (Everyone)\nhint: close it to them: icacls \"{path}\" \
             /inheritance:r /grant:r *{own}:F /remove:g *S-1-1-0\n"
        )
    );
    give("");
    let (status, _, error) = agent.place.run(&["add", &path]);
    assert_eq!((status, agent.client().keys()), (0, 1), "{error}");
}
