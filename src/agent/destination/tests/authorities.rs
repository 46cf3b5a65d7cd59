//! Hosts with certificates.

use super::*;

/// What a certificate says; each test changes what it is about.
struct Says {
    kind: u32,
    principals: Vec<&'static [u8]>,
    valid: std::ops::Range<u64>,
    critical: Vec<u8>,
}

impl Default for Says {
    fn default() -> Self {
        let valid = NOW - 1..NOW + 1;
        Self { kind: 2, principals: vec![b"host"], valid, critical: vec![] }
    }
}

/// A certificate for the host key of `seed` by an authority.
fn certificate(seed: u8, authority: u8, says: &Says) -> Vec<u8> {
    let public = pair(seed);
    let mut blob = strings(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", public.public_key().as_ref()]);
    blob.extend([0; 8]);
    blob.extend(says.kind.to_be_bytes());
    blob.extend(strings(&[b"id", &strings(&says.principals)]));
    blob.extend(says.valid.start.to_be_bytes());
    blob.extend(says.valid.end.to_be_bytes());
    blob.extend(strings(&[&says.critical, b"", b"", &self::blob(authority)]));
    let signature = signature(authority, &blob);
    blob.extend(strings(&[&signature]));
    blob
}

fn by_authority() -> Destinations {
    destinations(&[
        step(&nowhere(), &host(b"", b"host", &[(blob(50), 1)])),
        step(&host(b"", b"host", &[(blob(50), 1)]), &plain(b"", 2)),
    ])
}

/// Whether a host with this certificate is a hop of [`by_authority`], as the end and on the way.
fn is_hop(key: &[u8], now: Option<WallTime>) -> bool {
    let destinations = by_authority();
    let mut end = Session::new("end".into());
    now.into_iter().for_each(|now| end.set_time(now));
    bind(&mut end, key, 1, b"one", false);
    let mut way = Session::new("way".into());
    now.into_iter().for_each(|now| way.set_time(now));
    bind(&mut way, key, 1, b"one", true);
    bind(&mut way, &blob(2), 2, b"two", false);
    let at_end = permits(&destinations, &end, &login(b"one", b"user", Some(key)));
    assert_eq!(at_end, permits(&destinations, &way, &login(b"two", b"user", Some(&blob(2)))));
    at_end
}

#[test]
fn hosts_with_certificates() {
    let now = Some(WallTime(NOW));
    let says = |change: fn(&mut Says)| {
        let mut says = Says::default();
        change(&mut says);
        certificate(1, 50, &says)
    };
    for good in [
        says(|_| {}),
        says(|says| says.principals = vec![b"other", b"host"]),
        says(|says| says.principals = vec![b"h*t"]),
        says(|says| says.valid = 0..u64::MAX),
    ] {
        assert!(is_hop(&good, now));
    }
    for bad in [
        certificate(1, 51, &Says::default()),
        says(|says| says.kind = 1),
        says(|says| says.principals = vec![]),
        says(|says| says.principals = vec![b"other"]),
        says(|says| says.valid = NOW + 1..NOW + 2),
        says(|says| says.valid = NOW - 2..NOW),
        says(|says| says.critical = strings(&[b"option", b""])),
    ] {
        assert!(!is_hop(&bad, now), "{}", bad.escape_ascii());
    }
    assert!(!is_hop(&blob(1), now));
    assert!(!is_hop(&says(|_| {}), None));
    assert!(!is_hop(&says(|_| {}), Some(WallTime(u64::MAX))));
}

/// An authority's key is not a host's, nor a host's key an authority's.
#[test]
fn authorities_and_hosts_are_not_mistaken() {
    let destinations = by_authority();
    let session = bound(&[(50, b"one", false)]);
    assert!(!permits(&destinations, &session, &login(b"one", b"user", None)));
    let destinations = self::destinations(&[step(&nowhere(), &plain(b"", 50))]);
    let mut session = self::session();
    bind(&mut session, &certificate(1, 50, &Says::default()), 1, b"one", false);
    assert!(!permits(&destinations, &session, &login(b"one", b"user", None)));
}

/// What a connection keeps of its binds has an end.
#[test]
fn long_certificates_are_not_collected() {
    let says = Says { principals: vec![b"host"; 8 * 1024], ..Says::default() };
    let long = certificate(1, 50, &says);
    assert!((64 * 1024..70 * 1024).contains(&long.len()));
    let mut session = session();
    bind(&mut session, &long, 1, b"one", true);
    let again = [strings(&[&long, b"two", &signature(1, b"two")]), vec![1]].concat();
    assert!(session.bind(Binding::read(&again)).is_err());
    assert_eq!(session.binds().len(), 1);
}
