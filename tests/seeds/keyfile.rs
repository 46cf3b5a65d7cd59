//! Key files of every form. One that is read gives the same key each time, with line ends of either kind, and the public
//! half that it shows without a passphrase is that of the key; what the agent would be given is what it takes.

use crate::world::VAULT;
use myagent::key;
use myagent::keyfile::{self, Refusal};

/// Costs nothing to try in PuTTY's second version, which has no slow derivation.
const PASSPHRASE: &[u8] = b"correct horse";

fn check_with(file: &[u8], passphrase: &[u8]) {
    let read = keyfile::read(file, passphrase, &VAULT);
    let again = keyfile::read(file, passphrase, &VAULT).map(|file| file.fingerprint);
    let Ok(found) = read else {
        assert_eq!(again.err(), read.err());
        return;
    };
    assert_eq!(again.as_ref(), Ok(&found.fingerprint));
    let private = found.plain().expect("what was checked");
    let imported = key::import(&private, &VAULT).unwrap_or_else(|_| panic!("refused now"));
    assert!(imported.blob == found.public && imported.fingerprint == found.fingerprint);
    if let Some(certificate) = &found.certificate {
        assert!(found.certified(certificate).is_ok());
    }
    match keyfile::public(file) {
        Ok(public) => {
            // A line of another public key may stand before the private one.
            let shown = key::plain(&public).is_some();
            assert!(shown);
        }
        Err(refusal) => assert_eq!(refusal, Refusal::Encrypted),
    }
    if !file.contains(&b'\r') && file.iter().all(u8::is_ascii) {
        let dos = file.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        let dos = keyfile::read(&dos, passphrase, &VAULT).map(|file| file.fingerprint);
        assert_eq!(dos, Ok(found.fingerprint));
    }
}

/// Panics where something does not hold.
pub(crate) fn check(file: &[u8]) {
    check_with(file, b"");
    if file.starts_with(b"PuTTY-User-Key-File-2") {
        check_with(file, PASSPHRASE);
    }
    // Secret memory that was lent is there again.
    assert!(VAULT.buffer(1).in_region());
}
