//! What becomes of the constraints of a key.

use super::*;
use crate::message::{PrivateKey, put_string};

fn read(constraints: Vec<Constraint<'_>>) -> Result<Constraints, Refusal> {
    let key = PrivateKey::Ed25519 { certificate: None, public: b"", secret: b"" };
    Constraints::of_key(&AddIdentity { constrained: true, key, comment: b"", constraints })
}

#[test]
fn constraints_of_other_keys_refuse() {
    let certificates = Constraint::AssociatedCerts { only: false, certificates: b"" };
    assert!(matches!(read(vec![certificates]), Err(Refusal::NotToken)));
    assert!(matches!(read(vec![Constraint::SkProvider(b"internal")]), Err(Refusal::NotFido)));
    // Whatever stands beside them.
    assert!(read(vec![Constraint::Lifetime(9), Constraint::Confirm, certificates]).is_err());
    assert!(read(vec![Constraint::SkProvider(b"internal"), Constraint::Confirm]).is_err());
    assert!(read(vec![Constraint::Destinations(b"")]).is_err());
}

#[test]
fn all_that_came_is_kept() {
    let none = read(vec![]).unwrap();
    assert!(none.lifetime.is_none() && !none.confirm && none.destinations.is_none());
    let host = |parts: &[&[u8]]| {
        let mut out = Vec::new();
        parts.iter().for_each(|part| put_string(&mut out, part));
        out
    };
    let key = host(&[b"ssh-ed25519", &[7; 32]]);
    let to = [host(&[b"", b"host", b"", &key]), vec![0]].concat();
    let body = host(&[&host(&[&host(&[b"", b"", b""]), &to, b""])]);
    let all =
        read(vec![Constraint::Destinations(&body), Constraint::Lifetime(7), Constraint::Confirm]).unwrap();
    assert_eq!((all.lifetime, all.confirm), (Some(Duration::from_secs(7)), true));
    assert_eq!(all.destinations.unwrap().as_bytes(), body);
}

#[test]
fn the_owners_lifetime_is_for_keys_that_bring_none() {
    let now = Moment(Duration::from_secs(100));
    let options = Options { default_lifetime: Some(Duration::from_secs(60)), ..Options::default() };
    for (constraints, usual, limited) in [
        (vec![], None, Some(160)),
        (vec![Constraint::Confirm], None, Some(160)),
        (vec![Constraint::Lifetime(7)], Some(107), Some(107)),
        (vec![Constraint::Lifetime(700)], Some(800), Some(800)),
        (vec![Constraint::Lifetime(0)], Some(100), Some(100)),
    ] {
        let read = read(constraints).unwrap();
        let seconds = |options| read.expires(options, now).map(|Moment(time)| time.as_secs());
        assert_eq!((seconds(&Options::default()), seconds(&options)), (usual, limited));
    }
}
