//! The composite of ML-DSA-44 and Ed25519: what its authors publish, and what OpenSSH 10.6 made.
//!
//! `composite/make` says where each file is from. The agent's signatures are fresh each time in their first
//! half, which another implementation of ML-DSA judges, over a representative that is put together here anew;
//! Ed25519's half has one right value, and the published one is it.

use crate::keys::{Key, base64_decode, data};
use crate::support::{Agent, Scratch, run};
use crate::wire::{self, Body, Conn, FAILURE, Fields, SUCCESS};
use fips204::ml_dsa_44;
use fips204::traits::{SerDes, Verifier};
use myagent::key::{HostKey, verify};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Its two names; the first is OpenSSH 10.6's, and that of the files.
const NAMES: [(&[u8], &[u8]); 2] = [
    (b"ssh-mldsa44-ed25519", b"ssh-mldsa44-ed25519-cert"),
    (b"ssh-mldsa44-ed25519@openssh.com", b"ssh-mldsa44-ed25519-cert-v01@openssh.com"),
];

/// Where ML-DSA's half ends: in a public key, a private key, and a signature.
const PUBLIC: usize = 1312;
const SECRET: usize = 32;
const SIGNATURE: usize = 2420;

/// The published vector.
struct Lamps {
    message: Vec<u8>,
    public: Vec<u8>,
    secret: Vec<u8>,
    signature: Vec<u8>,
    with_context: Vec<u8>,
}

fn lamps() -> Lamps {
    let vector: Value = serde_json::from_str(include_str!("composite/lamps.json")).unwrap();
    let field = |name: &str| base64_decode(vector[name].as_str().unwrap());
    Lamps {
        message: field("m"),
        public: field("pk"),
        secret: field("sk"),
        signature: field("s"),
        with_context: field("sWithContext"),
    }
}

fn packed(fields: &[&[u8]]) -> Vec<u8> {
    fields.iter().fold(Body::default(), |body, field| body.string(field)).0
}

fn key(name: &[u8], public: &[u8], secret: &[u8]) -> Key {
    Key { blob: packed(&[name, public]), private: packed(&[name, public, secret]) }
}

/// Whether both halves are `public`'s of `message`, by code that the agent does not share.
fn is_right(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let label = b"COMPSIG-MLDSA44-Ed25519-SHA512";
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, message);
    let representative = [b"CompositeAlgorithmSignatures2025", &label[..], &[0], hash.as_ref()].concat();
    let (mldsa, ed25519) = public.split_at(PUBLIC);
    let (first, second) = signature.split_at(SIGNATURE);
    let mldsa = ml_dsa_44::PublicKey::try_from_bytes(mldsa.try_into().unwrap()).unwrap();
    let ed25519 = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, ed25519);
    mldsa.verify(&representative, first.try_into().unwrap(), label)
        && ed25519.verify(&representative, second).is_ok()
}

/// Has `message` signed and gives the signature's bytes, whose type must be `name`.
fn signed(conn: &mut Conn, blob: &[u8], message: &[u8], name: &[u8]) -> Vec<u8> {
    let packed = wire::signature(&conn.ask(&wire::sign(blob, message, 0)).unwrap());
    let mut fields = Fields(&packed);
    assert_eq!(fields.string(), name);
    let signature = fields.string().to_vec();
    assert!(fields.0.is_empty());
    signature
}

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/composite")
}

/// The second word of a line of a public key file.
fn line(name: &str) -> Vec<u8> {
    let line = std::fs::read_to_string(files().join(name)).unwrap();
    base64_decode(line.split(' ').nth(1).unwrap())
}

#[test]
fn the_published_key_signs_as_published() {
    let scratch = Scratch::new();
    let (agent, lamps) = (Agent::myagent(&scratch), lamps());
    let mut conn = Conn::open(&agent.socket).unwrap();
    for (name, _) in NAMES {
        let key = key(name, &lamps.public, &lamps.secret);
        conn.expect(&wire::add(&key.private, b"published"), SUCCESS);
        let listed = wire::identities(&conn.ask(&wire::list()).unwrap());
        assert_eq!(listed, [(key.blob.clone(), b"published".to_vec())]);
        let signature = signed(&mut conn, &key.blob, &lamps.message, name);
        assert_eq!(signature[SIGNATURE..], lamps.signature[SIGNATURE..], "Ed25519's half is always the same");
        assert!(is_right(&lamps.public, &lamps.message, &signature));
        assert!(!is_right(&lamps.public, b"another message", &signature), "the judge is blind");
        let again = signed(&mut conn, &key.blob, &lamps.message, name);
        assert_ne!(again[..SIGNATURE], signature[..SIGNATURE], "ML-DSA's half is hedged");
        conn.expect(&wire::remove(&key.blob), SUCCESS);
    }
}

#[test]
fn the_published_signature_is_verified_and_no_other() {
    let lamps = lamps();
    for (name, _) in NAMES {
        let blob = packed(&[name, &lamps.public]);
        let judge = |signature: &[u8], message: &[u8]| verify(&blob, message, &packed(&[name, signature]));
        assert!(judge(&lamps.signature, &lamps.message));
        assert!(!judge(&lamps.with_context, &lamps.message), "SSH gives no context");
        assert!(!judge(&lamps.signature, b"another message"));
        for place in [0, SIGNATURE - 1, SIGNATURE, lamps.signature.len() - 1] {
            let mut wrong = lamps.signature.clone();
            wrong[place] ^= 1;
            assert!(!judge(&wrong, &lamps.message), "byte {place} is not looked at");
        }
        for len in [0, SIGNATURE, lamps.signature.len() - 1] {
            assert!(!judge(&lamps.signature[..len], &lamps.message));
        }
        // The two names do not mix.
        let other = NAMES.map(|(other, _)| other).into_iter().find(|other| *other != name).unwrap();
        assert!(!verify(&blob, &lamps.message, &packed(&[other, &lamps.signature])));
    }
}

#[test]
fn a_wrong_half_is_refused() {
    let scratch = Scratch::new();
    let (agent, lamps) = (Agent::myagent(&scratch), lamps());
    let mut conn = Conn::open(&agent.socket).unwrap();
    let flipped = |bytes: &[u8], place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1;
        bytes
    };
    for (name, _) in NAMES {
        let mut wrong: Vec<_> = [0, SECRET - 1, SECRET, 63]
            .map(|place| key(name, &lamps.public, &flipped(&lamps.secret, place)))
            .into();
        wrong.extend(
            [0, PUBLIC - 1, PUBLIC, 1343]
                .map(|place| key(name, &flipped(&lamps.public, place), &lamps.secret)),
        );
        let long = [&lamps.secret[..], &lamps.public[PUBLIC..]].concat();
        wrong.extend(
            [&lamps.secret[..63], &lamps.secret[..32], b"", &long]
                .map(|secret| key(name, &lamps.public, secret)),
        );
        wrong.extend(
            [&lamps.public[..1343], &lamps.public[..PUBLIC], b""]
                .map(|public| key(name, public, &lamps.secret)),
        );
        for (number, wrong) in wrong.iter().enumerate() {
            assert_eq!(conn.ask(&wire::add(&wrong.private, b"")).unwrap(), [FAILURE], "{number}");
        }
    }
    assert!(conn.comments().is_empty());
}

#[test]
fn a_key_of_openssh_is_held_under_its_certificate_too() {
    let scratch = Scratch::new();
    let agent = Agent::myagent(&scratch);
    let mut conn = Conn::open(&agent.socket).unwrap();
    let (key, certificate) = (Key::read(&files().join("key")), line("key-cert.pub"));
    assert_eq!(key.blob, line("key.pub"));
    let mut private = Fields(&key.private);
    let (name, public, secret) = (private.string(), private.string(), private.string());
    conn.expect(&wire::add(&key.private, b"plain"), SUCCESS);
    let certified = packed(&[NAMES[0].1, &certificate, secret]);
    conn.expect(&wire::add(&certified, b"certified"), SUCCESS);
    assert_eq!(conn.comments(), ["plain", "certified"]);
    for blob in [&key.blob, &certificate] {
        assert!(is_right(public, &data(), &signed(&mut conn, blob, &data(), name)));
    }
    // With the fingerprint that OpenSSH shows, and its type and size.
    let (status, out, _) =
        run(scratch.command(crate::support::myagent()).arg("status").env("MYAGENT_SOCK", &agent.socket));
    assert_eq!(status, 0);
    let shown = std::fs::read_to_string(files().join("key.fp")).unwrap();
    assert!(out.contains(shown.split(' ').nth(1).unwrap()), "{out}");
    assert!(out.contains("MLDSA44-ED25519") && out.contains("MLDSA44-ED25519-CERT"), "{out}");
    conn.expect(&wire::remove(&key.blob), SUCCESS);
    assert_eq!(conn.comments(), ["certified"]);
}

/// The authority is a composite key too: its signature is looked at.
#[test]
fn a_certificate_that_its_authority_did_not_sign_is_refused() {
    let scratch = Scratch::new();
    let agent = Agent::myagent(&scratch);
    let mut conn = Conn::open(&agent.socket).unwrap();
    let (key, certificate) = (Key::read(&files().join("key")), line("key-cert.pub"));
    let secret = &key.private[key.private.len() - 64..];
    let add = |kind: &[u8], certificate: &[u8]| wire::add(&packed(&[kind, certificate, secret]), b"");
    let ca = line("ca.pub");
    assert!(certificate.windows(ca.len()).any(|window| window == ca));
    for back in [1, 64, 65, SIGNATURE + 64] {
        let mut wrong = certificate.clone();
        let place = wrong.len() - back;
        wrong[place] ^= 1;
        conn.expect(&add(NAMES[0].1, &wrong), FAILURE);
    }
    conn.expect(&add(NAMES[1].1, &certificate), FAILURE);
    conn.expect(&add(b"ssh-ed25519-cert-v01@openssh.com", &certificate), FAILURE);
    conn.expect(&add(NAMES[0].1, &certificate), SUCCESS);
}

/// What `ssh-keygen -Y sign` of OpenSSH made is verified, and what the agent makes is no less.
#[test]
fn a_signature_of_openssh_is_verified() {
    let blob = line("key.pub");
    let text = std::fs::read_to_string(files().join("key.sig")).unwrap();
    let whole = base64_decode(&text.lines().filter(|line| !line.starts_with('-')).collect::<String>());
    let mut fields = Fields(whole.strip_prefix(b"SSHSIG").unwrap());
    assert_eq!(fields.u32(), 1);
    assert_eq!(fields.string(), blob);
    let (namespace, _, hash) = (fields.string(), fields.string(), fields.string());
    assert_eq!((namespace, hash), (&b"myagent-test"[..], &b"sha512"[..]));
    assert!(verify(&blob, &data(), fields.string()));
}

/// As one that hosts show, and as one that no host may.
#[test]
fn a_hosts_certificate_is_told_from_its_key() {
    let blob = line("host-cert.pub");
    let HostKey::Certified(host) = HostKey::read(&blob) else { panic!("no certificate") };
    assert_eq!(*host.authority, line("ca.pub"));
    assert_eq!(host.principals(&blob).collect::<Vec<_>>(), [b"host.example"]);
    assert!(matches!(HostKey::read(&line("key-cert.pub")), HostKey::Unusable));
    assert!(matches!(HostKey::read(&line("key.pub")), HostKey::Plain));
}
