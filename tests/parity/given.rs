//! The keys that scenarios use, the same for both agents.

use crate::keys::Key;
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
        let (_authority, other, host, other_host) = (make("ca"), make("other"), make("host"), make("host2"));
        let plain: Vec<_> =
            kinds.iter().map(|(name, kind)| (*name, Key::generate(&scratch, name, kind))).collect();
        let certify = |(name, key): &(&'static str, Key)| (*name, key.certified(&scratch, name, "ca"));
        let certified = plain.iter().map(certify).collect();
        Keys { plain, certified, other, host, other_host }
    })
}
