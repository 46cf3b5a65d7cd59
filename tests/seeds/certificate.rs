//! Certificates. Any bytes: what is read gives all of its bytes back, and says what ssh-key's reader, which is of
//! another hand, reads there. And one that an authority really signed, written from the input: every field comes out
//! as it went in, and with any byte changed neither the authority nor the host is believed.

use crate::world::{Pair, pairs};
use myagent::key::{Certificate, HostKey, is_public_key, verify};
use myagent::message::{Reader, is_certificate, put_string, put_u32, put_u64};

fn strings(list: &[u8]) -> Vec<&[u8]> {
    let mut reader = Reader::new(list);
    std::iter::from_fn(|| reader.string().ok()).collect()
}

fn any(blob: &[u8]) {
    let key_type = Reader::new(blob).string().unwrap_or_default();
    let host = HostKey::read(blob);
    let Ok(certificate) = Certificate::read(blob) else {
        assert!(!matches!(host, HostKey::Certified(_)));
        let plain = Reader::new(blob).string().is_ok_and(|key_type| !is_certificate(key_type));
        assert_eq!(plain, matches!(host, HostKey::Plain));
        return;
    };
    assert!(is_certificate(key_type));
    let mut again = certificate.signed.to_vec();
    put_string(&mut again, certificate.signature);
    assert_eq!(again, blob);
    for other in [&[blob, &[0]].concat()[..], &blob[..blob.len() - 1]] {
        assert!(Certificate::read(other).is_err());
    }
    let plain = certificate.plain();
    assert!(Certificate::read(&plain).is_err() && matches!(HostKey::read(&plain), HostKey::Plain));
    // A certificate is no better than what it holds.
    assert!(!is_public_key(blob) || is_public_key(&plain));
    let said = &certificate.statement;
    for (list, each) in [(said.principals, 1), (said.critical, 2)] {
        let entries = strings(list);
        assert!(
            entries.len() % each == 0
                && entries.iter().map(|entry| 4 + entry.len()).sum::<usize>() == list.len()
        );
    }
    if let HostKey::Certified(host) = &host {
        assert!(said.for_host && said.critical.is_empty());
        assert_eq!((&*host.authority, host.valid_after), (said.authority, said.valid_after));
        assert_eq!(host.valid_before, said.valid_before);
        assert_eq!(host.principals(blob).collect::<Vec<_>>(), strings(said.principals));
    }
    if let Ok(other) = ssh_key::Certificate::from_bytes(blob) {
        compare(&certificate, &plain, &other);
    }
}

/// What both hands have read.
fn compare(ours: &Certificate<'_>, plain: &[u8], theirs: &ssh_key::Certificate) {
    let said = &ours.statement;
    assert_eq!(said.for_host, theirs.cert_type().is_host());
    assert_eq!((said.valid_after, said.valid_before), (theirs.valid_after(), theirs.valid_before()));
    let principals: Vec<&[u8]> = theirs.valid_principals().iter().map(String::as_bytes).collect();
    assert_eq!(strings(said.principals), principals);
    assert_eq!(said.critical.is_empty(), theirs.critical_options().is_empty());
    let public = ssh_key::PublicKey::from(theirs.public_key().clone()).to_bytes();
    assert!(public.is_ok_and(|public| same_key(&public, plain)));
    // Of a kind that neither knows ssh-key takes any bytes, and writes others: such an authority vouches for nothing.
    let authority = ssh_key::PublicKey::from(theirs.signature_key().clone()).to_bytes();
    let known = is_public_key(said.authority);
    assert!(!known || authority.is_ok_and(|authority| same_key(&authority, said.authority)));
}

/// ssh-key writes numbers anew, so keys of numbers are compared without zeros before them.
fn same_key(a: &[u8], b: &[u8]) -> bool {
    let numbers = |blob: &[u8]| -> Vec<Vec<u8>> {
        let trim = |field: &[u8]| field.iter().copied().skip_while(|byte| *byte == 0).collect();
        strings(blob).into_iter().map(trim).collect()
    };
    a == b || numbers(a) == numbers(b)
}

/// A certificate by the first key for the second one, with what the input says in it; then changed as it says.
fn made(input: &mut Reader<'_>) -> Option<()> {
    let [authority, host, ..] = pairs();
    let (kind, after, before) = (u32::from(input.u8().ok()? & 3), input.u64().ok()?, input.u64().ok()?);
    let (key_id, names, critical) = (input.string().ok()?, input.string().ok()?, input.string().ok()?);
    let mut blob = Vec::new();
    for field in [b"ssh-ed25519-cert-v01@openssh.com", &b"nonce"[..], &host.public] {
        put_string(&mut blob, field);
    }
    put_u64(&mut blob, 7);
    put_u32(&mut blob, kind);
    put_string(&mut blob, key_id);
    put_string(&mut blob, names);
    put_u64(&mut blob, after);
    put_u64(&mut blob, before);
    for field in [critical, b"", b"", &authority.blob] {
        put_string(&mut blob, field);
    }
    let signature = authority.sign(&blob);
    put_string(&mut blob, &signature);
    let signed = host.sign(b"session");
    any(&blob);
    if let Ok(read) = Certificate::read(&blob) {
        let said = &read.statement;
        assert_eq!((said.for_host, said.valid_after, said.valid_before), (kind == 2, after, before));
        assert_eq!((said.principals, said.critical, said.authority), (names, critical, &authority.blob[..]));
        assert_eq!((read.plain(), read.signature), (host.blob.clone(), &signature[..]));
        assert!(verify(&blob, b"session", &signed) && !verify(&blob, b"other", &signed));
        assert!(is_public_key(&blob));
    }
    damaged(blob, host, &signed, input)
}

fn damaged(mut blob: Vec<u8>, host: &Pair, signed: &[u8], input: &mut Reader<'_>) -> Option<()> {
    let whole = blob.clone();
    while let (Ok(place), Ok(change)) = (input.u32(), input.u8()) {
        let place = usize::try_from(place).ok()? % blob.len();
        blob[place] ^= change;
    }
    if blob != whole {
        // As a whole it is the plain key, or nothing: what an authority says is not to be bent.
        assert!(!verify(&blob, b"session", signed) || blob == host.blob);
        assert!(!is_public_key(&blob));
        any(&blob);
    }
    Some(())
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let mut reader = Reader::new(input);
    match reader.u8() {
        Ok(0) => {
            made(&mut reader);
        }
        Ok(_) => any(reader.rest()),
        Err(_) => {}
    }
}
