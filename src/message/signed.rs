//! What a client wants signed: the forms of SSH that this agent tells apart.
//!
//! Guarantees: data counts as a form only where every byte of it has its place there; anything else is
//! [`Signed::Other`]. The forms exclude each other: an SSHSIG's first four bytes, read as the length of a
//! session identifier, reach past any frame.
//! Must never: say what a signature may be used for; that is `agent::policy`'s.
#![forbid(unsafe_code)]

use super::{CERTIFICATE, DecodeError, Reader};

/// SSH_MSG_USERAUTH_REQUEST (RFC 4252 section 5).
const USERAUTH_REQUEST: u8 = 50;

/// The one service that is authenticated for.
const SERVICE: &[u8] = b"ssh-connection";

/// The method of RFC 4252 section 7.
const PUBLICKEY: &[u8] = b"publickey";

/// OpenSSH's, which names the host's key as well (its PROTOCOL section 3.1).
const HOSTBOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";

/// What a signature by `ssh-keygen -Y sign` begins with (OpenSSH's PROTOCOL.sshsig).
const SSHSIG: &[u8] = b"SSHSIG";

/// Other names that a key's type signs under (RFC 8332; OpenSSH's PROTOCOL.u2f).
const ALSO_NAMED: [(&str, &str); 3] = [
    ("rsa-sha2-256", "ssh-rsa"),
    ("rsa-sha2-512", "ssh-rsa"),
    ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
];

/// Data to be signed, borrowed from its frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Signed<'d> {
    /// A login by public key.
    Userauth(Userauth<'d>),
    /// A signature of a file or a commit.
    Sshsig,
    /// Anything else, also what looks like one of those and is not quite.
    Other,
}

/// A login by public key, to be signed.
#[derive(Debug, PartialEq, Eq)]
pub struct Userauth<'d> {
    /// The session that is authenticated; not empty.
    pub session_id: &'d [u8],
    /// The account on the server, of any encoding, without a zero byte.
    pub user: &'d [u8],
    /// The signature's algorithm.
    pub algorithm: &'d [u8],
    /// The public key or certificate to log in with.
    pub key: &'d [u8],
    /// The server's key, where the method names it.
    pub host_key: Option<&'d [u8]>,
}

impl<'d> Signed<'d> {
    /// Tells which form `data` has.
    pub fn read(data: &'d [u8]) -> Self {
        match Userauth::read(data) {
            Ok(userauth) => Self::Userauth(userauth),
            Err(_) if read_sshsig(data).is_ok() => Self::Sshsig,
            Err(_) => Self::Other,
        }
    }
}

impl<'d> Userauth<'d> {
    fn read(data: &'d [u8]) -> Result<Self, DecodeError> {
        const NONE: DecodeError = DecodeError::Invalid("this is no login by public key");
        let mut reader = Reader::new(data);
        let session_id = reader.string()?;
        let message = reader.u8()?;
        let user = reader.string()?;
        let (service, method) = (reader.string()?, reader.string()?);
        let signed = reader.u8()?;
        let (algorithm, key) = (reader.string()?, reader.string()?);
        let host_key = match method {
            PUBLICKEY => None,
            HOSTBOUND => Some(reader.string()?),
            _ => return Err(NONE),
        };
        reader.end()?;
        let in_form = message == USERAUTH_REQUEST && service == SERVICE && signed == 1;
        if !in_form || session_id.is_empty() || user.contains(&0) {
            return Err(NONE);
        }
        Ok(Self { session_id, user, algorithm, key, host_key })
    }

    /// True where the login is by the key `blob`, under a name of that key's own type.
    pub fn is_by(&self, blob: &[u8]) -> bool {
        let Ok(key_type) = Reader::new(blob).text() else { return false };
        let Ok(algorithm) = std::str::from_utf8(self.algorithm) else { return false };
        self.key == blob && (algorithm == key_type || is_also_named(algorithm, key_type))
    }
}

/// True where `algorithm` is another name of `key_type`, both of plain keys or both of certificates.
fn is_also_named(algorithm: &str, key_type: &str) -> bool {
    let (algorithm, key_type) =
        match (algorithm.strip_suffix(CERTIFICATE), key_type.strip_suffix(CERTIFICATE)) {
            (None, None) => (algorithm, key_type),
            (Some(algorithm), Some(key_type)) => (algorithm, key_type),
            _ => return false,
        };
    ALSO_NAMED.contains(&(algorithm, key_type))
}

fn read_sshsig(data: &[u8]) -> Result<(), DecodeError> {
    const NONE: DecodeError = DecodeError::Invalid("this is no SSHSIG");
    let mut reader = Reader::new(data.strip_prefix(SSHSIG).ok_or(NONE)?);
    let (namespace, _reserved) = (reader.string()?, reader.string()?);
    let (hash, _digest) = (reader.string()?, reader.string()?);
    reader.end()?;
    if namespace.contains(&0) || hash.contains(&0) {
        return Err(NONE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::put_string;
    use proptest::prelude::*;

    const KEY: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x01k";
    const RSA_CERTIFICATE: &[u8] = b"\0\0\0\x1cssh-rsa-cert-v01@openssh.com\0\0\0\x01k";

    fn string(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_string(&mut out, bytes);
        out
    }

    /// The fields of a login, each of which a test may replace.
    fn fields() -> Vec<Vec<u8>> {
        vec![
            string(b"session"),
            vec![50],
            string(b"user"),
            string(b"ssh-connection"),
            string(b"publickey"),
            vec![1],
            string(b"ssh-ed25519"),
            string(KEY),
        ]
    }

    fn with(index: usize, field: Vec<u8>) -> Vec<u8> {
        let mut fields = fields();
        fields[index] = field;
        fields.concat()
    }

    fn hostbound() -> Vec<u8> {
        [with(4, string(HOSTBOUND)), string(b"host")].concat()
    }

    #[test]
    fn both_methods_are_read() {
        let expected = Userauth {
            session_id: b"session",
            user: b"user",
            algorithm: b"ssh-ed25519",
            key: KEY,
            host_key: None,
        };
        assert_eq!(Signed::read(&fields().concat()), Signed::Userauth(expected));
        let data = hostbound();
        let Signed::Userauth(userauth) = Signed::read(&data) else { panic!("not read") };
        assert_eq!(userauth.host_key, Some(&b"host"[..]));
        // No user is still a user, and one of any encoding too.
        for user in [&b""[..], b"\xff"] {
            assert!(matches!(Signed::read(&with(2, string(user))), Signed::Userauth(_)));
        }
    }

    #[test]
    fn a_login_with_one_field_amiss_is_none() {
        for data in [
            with(0, string(b"")),
            with(1, vec![51]),
            with(2, string(b"us\0er")),
            with(2, string(b"user\0")),
            with(3, string(b"ssh-userauth")),
            with(4, string(b"password")),
            with(4, string(HOSTBOUND)),
            with(5, vec![0]),
            with(5, vec![2]),
            [&fields().concat()[..], &string(b"host")].concat(),
            [&hostbound()[..], &[0]].concat(),
            Vec::new(),
        ] {
            assert_eq!(Signed::read(&data), Signed::Other);
        }
        for whole in [fields().concat(), hostbound()] {
            for cut in 0..whole.len() {
                assert_eq!(Signed::read(&whole[..cut]), Signed::Other, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_login_is_by_one_key_under_its_own_names() {
        let is_by = |algorithm: &[u8], key: &[u8], blob: &[u8]| {
            let userauth = Userauth { session_id: b"s", user: b"u", algorithm, key, host_key: None };
            userauth.is_by(blob)
        };
        assert!(is_by(b"ssh-ed25519", KEY, KEY));
        assert!(!is_by(b"ssh-ed25519", RSA_CERTIFICATE, KEY));
        assert!(!is_by(b"ssh-rsa", KEY, KEY));
        assert!(!is_by(b"ssh-ed25519-cert-v01@openssh.com", KEY, KEY));
        assert!(is_by(b"rsa-sha2-512-cert-v01@openssh.com", RSA_CERTIFICATE, RSA_CERTIFICATE));
        assert!(!is_by(b"rsa-sha2-512", RSA_CERTIFICATE, RSA_CERTIFICATE));
        assert!(!is_by(b"\xff", KEY, KEY));
        assert!(!is_by(b"", b"", b""));
    }

    #[test]
    fn an_sshsig_has_four_strings_and_nothing_more() {
        let sshsig =
            [b"SSHSIG".to_vec(), string(b"git"), string(b""), string(b"sha512"), string(&[0; 64])].concat();
        assert_eq!(Signed::read(&sshsig), Signed::Sshsig);
        for cut in 0..sshsig.len() {
            assert_eq!(Signed::read(&sshsig[..cut]), Signed::Other, "cut at {cut}");
        }
        assert_eq!(Signed::read(&[&sshsig[..], &[0]].concat()), Signed::Other);
        assert_eq!(Signed::read(&[b"SSHSIG".to_vec(), vec![0; 4 * 4]].concat()), Signed::Sshsig);
        let zero = [b"SSHSIG".to_vec(), string(b"a\0"), vec![0; 3 * 4]].concat();
        assert_eq!(Signed::read(&zero), Signed::Other);
    }

    proptest! {
        /// What counts as a login is, field by field, the bytes that came.
        #[test]
        fn a_login_accounts_for_every_byte(session in prop::collection::vec(any::<u8>(), 1..9),
                                           user: Vec<u8>, algorithm: Vec<u8>, key: Vec<u8>, at: usize, by in 1..255u8) {
            let mut data = [
                string(&session), vec![50], string(&user), string(SERVICE), string(PUBLICKEY), vec![1],
                string(&algorithm), string(&key),
            ].concat();
            prop_assert_eq!(matches!(Signed::read(&data), Signed::Userauth(_)), !user.contains(&0));
            let before = data.clone();
            let at = at % data.len();
            data[at] = data[at].wrapping_add(by);
            if let Signed::Userauth(changed) = Signed::read(&data) {
                prop_assert_ne!(Signed::read(&before), Signed::Userauth(changed));
            }
        }
    }
}
