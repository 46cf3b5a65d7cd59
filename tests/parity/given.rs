//! The keys that scenarios use, the same for both agents.

use crate::keys::{Key, keygen, read_public};
use crate::support::Scratch;
use std::sync::OnceLock;

/// A key and a certificate of each type, made once by ssh-keygen and kept in memory only.
pub(crate) struct Keys {
    /// In the order ed25519, p256, p384, p521, rsa.
    pub(crate) plain: Vec<(&'static str, Key)>,
    /// Certificates of the same keys, without expiry.
    pub(crate) certified: Vec<(&'static str, Key)>,
    pub(crate) other: Key,
    pub(crate) host: Key,
    pub(crate) other_host: Key,
    /// An authority of hosts.
    pub(crate) authority: Key,
    /// Certificates of [`Keys::host`], by what is said in them.
    pub(crate) host_certified: Vec<(&'static str, Vec<u8>)>,
}

impl Keys {
    pub(crate) fn ed25519(&self) -> &Key {
        &self.plain[0].1
    }

    pub(crate) fn p256(&self) -> &Key {
        &self.plain[1].1
    }

    pub(crate) fn p384(&self) -> &Key {
        &self.plain[2].1
    }

    pub(crate) fn rsa(&self) -> &Key {
        &self.plain[4].1
    }
}

pub(crate) fn given() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let scratch = Scratch::new();
        let kinds: [(&str, &[&str]); 5] = [
            ("ed25519", &["ed25519"]),
            ("p256", &["ecdsa", "-b", "256"]),
            ("p384", &["ecdsa", "-b", "384"]),
            ("p521", &["ecdsa", "-b", "521"]),
            ("rsa", &["rsa", "-b", "2048"]),
        ];
        let make = |name: &str| Key::generate(&scratch, name, &["ed25519"]);
        let (authority, other, host, other_host) = (make("ca"), make("other"), make("host"), make("host2"));
        let host_certified = certify_host(&scratch);
        let plain: Vec<_> =
            kinds.iter().map(|(name, kind)| (*name, Key::generate(&scratch, name, kind))).collect();
        let certify = |(name, key): &(&'static str, Key)| (*name, key.certified(&scratch, name, "ca"));
        let certified = plain.iter().map(certify).collect();
        Keys { plain, certified, other, host, other_host, authority, host_certified }
    })
}

/// The key `host` under certificates by `ca`, and by others.
fn certify_host(scratch: &Scratch) -> Vec<(&'static str, Vec<u8>)> {
    keygen(scratch, &["-q", "-N", "", "-f", "rsa_ca", "-t", "rsa", "-b", "2048"]);
    keygen(scratch, &["-q", "-N", "", "-f", "strange_ca", "-t", "ed25519"]);
    let kinds: [(&str, &[&str]); 12] = [
        ("right", &["-h", "-s", "ca", "-n", "host.example"]),
        ("of many names", &["-h", "-s", "ca", "-n", "a.example,host.example,b.example"]),
        ("in its time", &["-h", "-s", "ca", "-n", "host.example", "-V", "-1d:+1d"]),
        ("of another name", &["-h", "-s", "ca", "-n", "other.example"]),
        ("of a pattern", &["-h", "-s", "ca", "-n", "h*.example"]),
        ("of no name", &["-h", "-s", "ca"]),
        ("too late", &["-h", "-s", "ca", "-n", "host.example", "-V", "20200101:20200102"]),
        ("too early", &["-h", "-s", "ca", "-n", "host.example", "-V", "20990101:20990102"]),
        ("for users", &["-s", "ca", "-n", "host.example"]),
        ("with an option", &["-h", "-s", "ca", "-n", "host.example", "-O", "critical:new=1"]),
        ("by a stranger", &["-h", "-s", "strange_ca", "-n", "host.example"]),
        ("with SHA-1", &["-h", "-s", "rsa_ca", "-t", "ssh-rsa", "-n", "host.example"]),
    ];
    let certify = |&(name, arguments): &(&'static str, &[&str])| {
        keygen(scratch, &[&["-q", "-I", name], arguments, &["host.pub"]].concat());
        (name, read_public(&scratch.path("host-cert.pub")))
    };
    let mut all: Vec<_> = kinds.iter().map(certify).collect();
    all.push(("the authority that uses SHA-1", read_public(&scratch.path("rsa_ca.pub"))));
    all
}
