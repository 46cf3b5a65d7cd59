//! How much the keys may take.

use super::*;
use crate::key::{Imported, TokenKey};
use crate::message::put_string;

/// A key that weighs about so much.
fn identity(number: u32, weight: usize) -> Identity {
    let mut public = Vec::new();
    put_string(&mut public, b"ssh-ed25519");
    let mut half = [7; 32];
    half[..4].copy_from_slice(&number.to_be_bytes());
    put_string(&mut public, &half);
    let key = TokenKey { provider: Arc::from(&b"/p"[..]), process: 1, public: public.into() };
    let imported = Imported::on_token(key, None).unwrap();
    Identity {
        added: 0,
        blob: imported.blob,
        comment: vec![b'x'; weight].into(),
        fingerprint: imported.fingerprint,
        certificate: false,
        expires: Some(Moment::default()).filter(|_| number % 2 == 0),
        confirm: false,
        destinations: None,
        key: Arc::new(imported.key),
    }
}

const LARGE: usize = 1024 * 1024;

fn full() -> Keyring {
    let mut keyring = Keyring::default();
    for number in 0..100 {
        let next = identity(number, LARGE);
        if !keyring.has_room_for(&next) {
            break;
        }
        keyring.insert(next);
    }
    keyring
}

#[test]
fn so_much_is_held_and_no_more() {
    let mut keyring = full();
    let count = keyring.identities().count();
    assert_eq!(count, MOST_HELD / LARGE - 1, "each weighs a little more than its comment");
    assert!(keyring.has_room_for(&identity(0, LARGE)), "it is there already");
    assert!(!keyring.has_room_for(&identity(0, 2 * LARGE)) && !keyring.has_room_for(&identity(99, LARGE)));
    let blob = Arc::clone(&identity(1, 0).blob);
    keyring.remove(&blob);
    assert!(keyring.has_room_for(&identity(99, LARGE)));
}

#[test]
fn what_goes_gives_its_room_back() {
    let mut keyring = full();
    keyring.expire(Moment::default());
    keyring.identities().map(|identity| Arc::clone(&identity.blob)).collect::<Vec<_>>().iter().for_each(
        |blob| {
            keyring.insert(identity(3, 0));
            keyring.remove(blob);
        },
    );
    keyring.remove(&identity(3, 0).blob);
    assert_eq!((keyring.held, keyring.identities().count()), (0, 0));
    let mut keyring = full();
    keyring.clear();
    assert_eq!(keyring.held, 0);
}
