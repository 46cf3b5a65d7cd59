//! Key vectors: keys on which libraries are known to fail, and wrong keys.
//!
//! `keys.json` holds them (made by `make_keys.py`), `verdicts.txt` what OpenSSH 9.2's agent says to each and
//! what ours must say. Every vector goes to both agents as an add message, every real key also as a key file
//! through `ssh-add`; what is accepted must be in the list, must sign, and ssh-keygen must find the signature
//! right. SHA-1 and Ed25519 signatures are compared with those that the script computed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

mod composite;
#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/sides.rs"]
mod sides;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

use keys::{Key, data, hex, verifies};
use serde_json::Value;
use sides::{Side, openssh_version};
use std::collections::BTreeMap;
use support::{Agent, Scratch, run};
use wire::{Body, Conn, FAILURE, Fields, SUCCESS};

struct Vector {
    name: String,
    real: bool,
    key: Key,
    signature: Option<Vec<u8>>,
}

fn vectors() -> Vec<Vector> {
    let all: Vec<Value> = serde_json::from_str(include_str!("keys.json")).unwrap();
    all.iter().map(vector).collect()
}

fn vector(entry: &Value) -> Vector {
    let kind = entry["type"].as_str().unwrap();
    let key = Key { blob: fields(kind, &entry["public"]), private: fields(kind, &entry["private"]) };
    let signature = entry["signature"].as_str().map(hex);
    Vector {
        name: entry["name"].as_str().unwrap().into(),
        real: entry["real"].as_bool().unwrap(),
        key,
        signature,
    }
}

fn fields(kind: &str, list: &Value) -> Vec<u8> {
    let start = Body::default().string(kind.as_bytes());
    let add = |body: Body, field: &Value| match field.as_str().unwrap().split_once(' ').unwrap() {
        ("mpint", digits) => body.mpint(&hex(digits)),
        ("string", digits) => body.string(&hex(digits)),
        other => panic!("field {other:?}"),
    };
    list.as_array().unwrap().iter().fold(start, add).0
}

/// What `verdicts.txt` says: does this side accept the vector of this name?
fn verdicts(side: Side) -> BTreeMap<String, bool> {
    let mut all = BTreeMap::new();
    let version = openssh_version(&Scratch::new());
    for line in include_str!("verdicts.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mut verdict = || match words.next() {
            Some("accept") => true,
            Some("refuse") => false,
            // What OpenSSH took until a version, named by it.
            Some(word) if word.starts_with("accept<") => version < until(&word[7..]),
            other => panic!("verdict {other:?} in {line:?}"),
        };
        let (openssh, ours) = (verdict(), verdict());
        let name = words.next().expect("a vector's name").to_owned();
        assert_eq!(
            words.next().is_some(),
            line.starts_with("accept") != ours,
            "a reason where they differ: {line:?}"
        );
        assert!(!ours || openssh, "ours accepts what OpenSSH refuses: {line:?}");
        let mine = if side == Side::Openssh { openssh } else { ours };
        assert!(all.insert(name, mine).is_none(), "twice: {line:?}");
    }
    all
}

fn until(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').expect("a version");
    (major.parse().unwrap(), minor.parse().unwrap())
}

/// Gives every vector whose name begins with `prefix` to an agent; panics with the list of what went wrong.
fn judge(side: Side, prefix: &str) {
    let scratch = Scratch::new();
    let agent = side.start(&scratch);
    let (verdicts, mut wrong, mut count) = (verdicts(side), Vec::new(), 0);
    for vector in vectors().iter().filter(|vector| vector.name.starts_with(prefix)) {
        count += 1;
        let accept = verdicts.get(&vector.name).is_some_and(|verdict| *verdict);
        let mut tries = vec![try_message(&scratch, &agent, vector, accept)];
        if vector.real {
            tries.push(try_file(&scratch, &agent, vector, accept));
        }
        let failed = tries.into_iter().filter_map(Result::err);
        wrong.extend(failed.map(|error| format!("{}: {error}", vector.name)));
    }
    assert!(count > 0, "no vector named {prefix}*");
    assert!(wrong.is_empty(), "{} of {count} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

fn try_message(scratch: &Scratch, agent: &Agent, vector: &Vector, accept: bool) -> Result<(), String> {
    let mut conn = Conn::open(&agent.socket).map_err(|error| format!("the agent is gone: {error}"))?;
    let answer = conn.ask(&wire::add(&vector.key.private, b"vector"));
    match answer.as_deref() {
        Some([SUCCESS]) if accept && vector.real => signs(scratch, &mut conn, vector),
        Some([FAILURE]) if !accept => Ok(()),
        Some([SUCCESS]) => {
            conn.expect(&[wire::REMOVE_ALL], SUCCESS);
            // What only OpenSSH accepts need not sign.
            if accept { Ok(()) } else { Err("message: accepted, should be refused".into()) }
        }
        other => Err(format!("message: answered {other:?}, should be {accept}")),
    }
}

fn try_file(scratch: &Scratch, agent: &Agent, vector: &Vector, accept: bool) -> Result<(), String> {
    let file = scratch.path(&vector.name);
    vector.key.write(&file, "vector");
    let mut add = scratch.command("ssh-add");
    let (status, _, err) = run(add.arg("-q").arg(&file).env("SSH_AUTH_SOCK", &agent.socket));
    std::fs::remove_file(&file).unwrap();
    match (status, accept) {
        (0, true) => {
            let mut conn = Conn::open(&agent.socket).map_err(|error| error.to_string())?;
            signs(scratch, &mut conn, vector)
        }
        (0, false) => Err("file: ssh-add added it, should be refused".into()),
        (_, true) => Err(format!("file: ssh-add: {err}")),
        (_, false) => Ok(()),
    }
}

/// The key is the only one in the list, signs with every flag that it knows, and goes when it is removed.
fn signs(scratch: &Scratch, conn: &mut Conn, vector: &Vector) -> Result<(), String> {
    let blob = &vector.key.blob;
    let listed = wire::identities(&conn.ask(&wire::list()).ok_or("closed at the list")?);
    let result = if listed != [(blob.clone(), b"vector".to_vec())] {
        Err(format!("the list is {listed:02x?}"))
    } else {
        let flags: &[(u32, &str)] = match vector.key.kind().as_str() {
            "ssh-rsa" => &[(0, "ssh-rsa"), (2, "rsa-sha2-256"), (4, "rsa-sha2-512")],
            _ => &[(0, "")],
        };
        flags.iter().try_for_each(|(flag, name)| sign(scratch, conn, vector, *flag, name))
    };
    conn.expect(&wire::remove(blob), SUCCESS);
    result
}

fn sign(scratch: &Scratch, conn: &mut Conn, vector: &Vector, flags: u32, name: &str) -> Result<(), String> {
    let answer = conn.ask(&wire::sign(&vector.key.blob, &data(), flags)).ok_or("closed at the signature")?;
    if answer == [FAILURE] {
        return Err(format!("does not sign with flags {flags}"));
    }
    let signature = wire::signature(&answer);
    let algorithm = String::from_utf8_lossy(Fields(&signature).string()).into_owned();
    let expected = if name.is_empty() { vector.key.kind() } else { name.into() };
    if algorithm != expected {
        return Err(format!("signed with {algorithm}, should be {expected}"));
    }
    match &vector.signature {
        Some(known) if flags == 0 && *known == signature => Ok(()),
        Some(_) if flags == 0 => Err(format!("wrong {algorithm} signature")),
        _ => verifies(scratch, &vector.key.blob, &signature).map_err(|error| format!("{algorithm}: {error}")),
    }
}

macro_rules! vectors {
    ($($test:ident $prefix:literal)*) => {
        mod openssh { $(#[test] fn $test() { super::judge(super::Side::Openssh, $prefix); })* }
        mod ours { $(#[test] fn $test() { super::judge(super::Side::ours(), $prefix); })* }
        const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

vectors! {
    p256 "nistp256-"
    p384 "nistp384-"
    p521 "nistp521-"
    ed25519 "ed25519-"
    rsa_1024 "rsa-1024-"
    rsa_2048 "rsa-2048-"
    rsa_3072 "rsa-3072-"
    rsa_wrong "rsa-wrong-"
    other_types "wrong-type-"
}

/// The verdicts speak of exactly the vectors, and every vector belongs to one test above.
#[test]
fn files_agree() {
    let (verdicts, vectors) = (verdicts(Side::Ours), vectors());
    for vector in &vectors {
        let accept = verdicts.get(&vector.name).unwrap_or_else(|| panic!("no verdict on {}", vector.name));
        assert!(vector.real || !accept, "ours must refuse {}", vector.name);
        let tests = PREFIXES.iter().filter(|prefix| vector.name.starts_with(**prefix)).count();
        assert_eq!(tests, 1, "tests for {}", vector.name);
    }
    assert_eq!(vectors.len(), verdicts.len(), "a verdict on a vector that is not there");
}
