//! Fingerprints as ssh-keygen shows them, for the person who is asked.
#![forbid(unsafe_code)]

use std::fmt::Write;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use ssh_key::encoding::base64::{Base64Unpadded, Encoding};

use super::FingerprintHash;
use crate::key;

impl FingerprintHash {
    /// The fingerprint of the plain key that `blob` is, or is a certificate for: `SHA256:` and base64, and such. None
    /// where it cannot be read.
    pub fn fingerprint(self, blob: &[u8]) -> Option<String> {
        let plain = key::plain(blob)?;
        let algorithm = match self {
            Self::Md5 => return Some(md5(&plain)),
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        let digest = digest::digest(algorithm, &plain);
        let name = self.name().to_ascii_uppercase();
        Some(format!("{name}:{}", Base64Unpadded::encode_string(digest.as_ref())))
    }
}

fn md5(plain: &[u8]) -> String {
    let mut text = String::from("MD5");
    for byte in key::md5(plain) {
        let _ = write!(text, ":{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{put_string, put_u32};

    /// What `ssh-keygen -l -E HASH` says of the all-zero Ed25519 key.
    #[test]
    fn they_are_those_of_ssh_keygen() {
        let blob = [&[0, 0, 0, 11], &b"ssh-ed25519"[..], &[0, 0, 0, 32], &[0; 32]].concat();
        let shown = FingerprintHash::ALL.map(|hash| hash.fingerprint(&blob).unwrap());
        assert_eq!(shown, KEYGEN);
        assert_eq!(FingerprintHash::Md5.fingerprint(b"\0\0\0\x09none"), None);
    }

    /// What a person is asked about is the key, whatever certificate it is under: also one whose type does not end as
    /// others do.
    #[test]
    fn a_certificate_has_its_keys() {
        let strings = |all: &[&[u8]]| {
            let mut out = Vec::new();
            all.iter().for_each(|bytes| put_string(&mut out, bytes));
            out
        };
        for (kind, certified, public) in [
            ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", 32),
            ("ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519-cert", 1344),
            ("ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519-cert-v01@openssh.com", 1344),
        ] {
            let public = vec![7; public];
            let plain = strings(&[kind.as_bytes(), &public]);
            let mut blob = strings(&[certified.as_bytes(), b"nonce", &public]);
            blob.extend([0; 8]);
            put_u32(&mut blob, 1);
            blob.extend(
                [&strings(&[b"id", b""])[..], &[0; 16], &strings(&[b"", b"", b"", &plain, b""])].concat(),
            );
            for hash in FingerprintHash::ALL {
                assert_eq!(hash.fingerprint(&blob), hash.fingerprint(&plain), "{certified}");
            }
        }
    }

    const KEYGEN: [&str; 5] = [
        "MD5:3d:52:38:ce:ff:94:f5:d7:81:a4:a4:f9:2b:4f:fe:a0",
        "SHA1:tBSuaYQghm80Yfylv/VK07xH9c0",
        "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk",
        "SHA384:crH+d3U2gojtwst+bb5YnsROYvU/Y7l1YzVhE9j1GeRZZlLYgGNbgY/ihxj3sZ7V",
        "SHA512:6yH26UUaCNtpJBYqsAme/9wZ96VbghJ9jdLoqeClhzbBbr5bIg/Zc48xPbNoXAjASfkZ7ke/htv+b6nr44vcJA",
    ];
}
