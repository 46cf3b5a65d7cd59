//! The recogniser of what is to be signed: held against a second reader, which cuts the data at every length that it
//! finds and knows nothing else. What is recognised gives all of its bytes back, and with one byte more or less is
//! nothing.

use myagent::message::{Reader, Signed, Userauth, put_string};

const SSHSIG: &[u8] = b"SSHSIG";
const HOSTBOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";

/// The strings that begin at `at`, to the end of `data`; none where the last one is cut.
fn strings(data: &[u8], mut at: usize) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while at < data.len() {
        let len = u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?);
        let end = (at + 4).checked_add(usize::try_from(len).ok()?)?;
        found.push(data.get(at + 4..end)?);
        at = end;
    }
    Some(found)
}

/// A login by public key, as RFC 4252 section 7 draws it: a string, a byte, three strings, a byte, strings.
fn is_login(data: &[u8]) -> Option<()> {
    let session = Reader::new(data).string().ok()?;
    let second = 4 + session.len();
    let mut front = Reader::new(data.get(second + 1..)?);
    let (user, service, method) = (front.string().ok()?, front.string().ok()?, front.string().ok()?);
    let third = second + 1 + 12 + user.len() + service.len() + method.len();
    let rest = strings(data, third + 1)?.len();
    let whole = match method {
        b"publickey" => rest == 2,
        HOSTBOUND => rest == 3,
        _ => false,
    };
    let right = !session.is_empty() && !user.contains(&0) && service == b"ssh-connection";
    (whole && right && data.get(second) == Some(&50) && data.get(third) == Some(&1)).then_some(())
}

/// What ssh-keygen -Y signs: six letters and four strings, the first and third without a zero.
fn is_sshsig(data: &[u8]) -> Option<()> {
    let parts = data.starts_with(SSHSIG).then(|| strings(data, SSHSIG.len()))??;
    (parts.len() == 4 && !parts[0].contains(&0) && !parts[2].contains(&0)).then_some(())
}

fn encode(userauth: &Userauth<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_string(&mut out, userauth.session_id);
    out.push(50);
    let method = if userauth.host_key.is_some() { HOSTBOUND } else { b"publickey" };
    for field in [userauth.user, b"ssh-connection", method] {
        put_string(&mut out, field);
    }
    out.push(1);
    for field in [userauth.algorithm, userauth.key].into_iter().chain(userauth.host_key) {
        put_string(&mut out, field);
    }
    out
}

/// A login is by the key in it or by nobody, and a name of the algorithm counts for one kind of key.
fn check_key(userauth: &Userauth<'_>) {
    let Ok(key_type) = Reader::new(userauth.key).string() else {
        return assert!(!userauth.is_by(userauth.key));
    };
    assert!(!userauth.is_by(&[userauth.key, &[0]].concat()) && !userauth.is_by(&userauth.key[1..]));
    if userauth.is_by(userauth.key) {
        let certified = |name: &[u8]| name.ends_with(b"-cert-v01@openssh.com");
        assert!(certified(key_type) == certified(userauth.algorithm));
        let bare = |name: &[u8]| name.iter().copied().take_while(|byte| *byte != b'-').collect::<Vec<_>>();
        let (algorithm, key) = (bare(userauth.algorithm), bare(key_type));
        assert!(userauth.algorithm == key_type || [&b"rsa"[..], b"webauthn"].contains(&&algorithm[..]));
        assert!(algorithm == key || key == b"ssh" || key == b"sk");
    }
}

/// Panics where something does not hold.
pub(crate) fn check(data: &[u8]) {
    let (login, sshsig) = (is_login(data).is_some(), is_sshsig(data).is_some());
    assert!(!login || !sshsig);
    match Signed::read(data) {
        Signed::Userauth(userauth) => {
            assert!(login);
            assert_eq!(encode(&userauth), data);
            check_key(&userauth);
        }
        Signed::Sshsig => assert!(sshsig),
        Signed::Other => return assert!(!login && !sshsig),
    }
    assert_eq!(Signed::read(&data[..data.len() - 1]), Signed::Other);
    assert_eq!(Signed::read(&[data, &[0]].concat()), Signed::Other);
}
