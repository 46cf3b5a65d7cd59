//! Private keys as they come, with their certificates. One that is refused leaves nothing behind; one that is taken
//! signs, and its signature verifies by its public key over these bytes and no others; written for the next program
//! and read again it is the same key.

use crate::world::VAULT;
use myagent::key::{self, Certificate, Imported, Key, Means, is_public_key, verify};
use myagent::message::{PrivateKey, Reader, Request};

/// Flags of a sign request: each asks an RSA key for another hash.
const FLAGS: [u32; 4] = [0, 2, 4, 6];

fn check_key(private: &PrivateKey<'_>, imported: &Imported, data: &[u8]) {
    let plain = match private.certificate() {
        Some(blob) => {
            assert!(imported.certificate && *imported.blob == *blob);
            Certificate::read(blob).unwrap_or_else(|_| panic!("not read again")).plain()
        }
        None => {
            assert!(!imported.certificate);
            imported.blob.to_vec()
        }
    };
    assert!(is_public_key(&plain));
    assert_eq!(Reader::new(&plain).text(), Ok(private.key_type()));
    assert!(!is_public_key(&[&plain[..], &[0]].concat()));
    check_use(&imported.key, &plain, data);
    let (mut saved, mut again) = (Vec::new(), Vec::new());
    imported.key.save(&mut saved);
    let mut reader = Reader::new(&saved);
    let loaded = Key::load(&mut reader).expect("what was saved");
    assert!(reader.is_empty() && loaded.opens(&VAULT));
    assert_eq!((loaded.algorithm(), loaded.means()), (imported.key.algorithm(), imported.key.means()));
    loaded.save(&mut again);
    assert_eq!(again, saved);
    check_use(&loaded, &plain, data);
}

fn check_use(key: &Key, plain: &[u8], data: &[u8]) {
    let flags = FLAGS[usize::from(data.first().copied().unwrap_or(0)) % FLAGS.len()];
    match key.means() {
        Means::Here(_) => {
            let signature = key.sign(&VAULT, data, flags).expect("a signature");
            assert!(verify(plain, data, &signature));
            assert!(!verify(plain, &[data, &[0]].concat(), &signature));
            assert!(!verify(plain, data, &[&signature[..], &[0]].concat()));
            let mut damaged = signature.clone();
            let place = data.len() % damaged.len();
            damaged[place] ^= 1;
            assert!(!verify(plain, data, &damaged));
        }
        Means::Sk => {
            assert!(key.sign(&VAULT, data, flags).is_err());
            let sk = key.sk().expect("a token's key");
            let request = sk.request(&VAULT, data, b"1234").expect("a request");
            let length = Reader::new(&request).u32().expect("a length");
            assert_eq!(usize::try_from(length), Ok(request.len() - 4));
            assert!(!sk.application().contains(&0) && !sk.has_signed(data, b""));
        }
        Means::Token => panic!("no message brings such a key"),
    }
}

/// Panics where something does not hold.
pub(crate) fn check(message: &[u8]) {
    if let Ok(Request::Add(add)) = Request::decode(message) {
        if let Ok(imported) = key::import(&add.key, &VAULT) {
            check_key(&add.key, &imported, add.comment);
            let again = key::import(&add.key, &VAULT).unwrap_or_else(|_| panic!("refused now"));
            assert!(again.blob == imported.blob && again.fingerprint == imported.fingerprint);
        }
        // Secret memory that was lent is there again.
        assert!(VAULT.buffer(1).in_region());
    }
}
