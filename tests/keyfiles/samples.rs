//! The key files in a directory that `make` has filled.
#![allow(dead_code)] // some is for Linux alone

use myagent::vault::{Vault, Wish};
use std::path::{Path, PathBuf};

/// The committed files.
pub const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keyfiles/files");

/// One file that must be read.
pub struct Sample {
    pub path: PathBuf,
    /// `putty-rsa2048`
    pub key: String,
    /// `v3-encrypted.ppk`
    pub form: String,
}

impl Sample {
    pub fn is_encrypted(&self) -> bool {
        self.form.contains("encrypted")
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// The words of the key's public line: type, base64, comment.
    pub fn public(&self) -> Vec<String> {
        let path = self.path.with_file_name(format!("{}.pub", self.key));
        let line = std::fs::read_to_string(path).unwrap();
        line.trim_end_matches(['\r', '\n']).splitn(3, ' ').map(str::to_owned).collect()
    }

    /// Only OpenSSH's own form and PuTTY's hold a comment.
    pub fn comment(&self) -> String {
        let held =
            self.path.extension().is_some_and(|ending| ending == "ppk") || self.key.starts_with("openssh-");
        let held = (held || self.form == "openssh") && !self.form.starts_with("uncommented");
        if held { self.public().get(2).cloned().unwrap_or_default() } else { String::new() }
    }
}

/// The passphrase of all that are encrypted.
pub fn passphrase(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("passphrase")).unwrap()
}

/// All that must be read, by name.
pub fn all(directory: &Path) -> Vec<Sample> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some((key, form)) = name.split_once('.') else { continue };
        if form != "pub" && form != "md" {
            found.push(Sample { key: key.to_owned(), form: form.to_owned(), path });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 90, "only {} files in {}", found.len(), directory.display());
    found
}

/// One of them.
pub fn named(name: &str) -> Sample {
    let found = all(Path::new(COMMITTED)).into_iter().find(|sample| sample.path.ends_with(name));
    found.unwrap_or_else(|| panic!("no {name}"))
}

pub fn vault() -> Vault {
    Vault::new(Wish::Locked).unwrap()
}

/// An OpenSSH key file without a passphrase of a key whose public strings and private ones are these; with a byte of
/// flags between, where it is on a token.
pub fn container(public: &[&[u8]], token: Option<(u8, &[&[u8]])>, comment: &str) -> String {
    use ssh_key::encoding::base64::{Base64, Encoding};
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let strings = |parts: &[&[u8]]| parts.iter().flat_map(|part| string(part)).collect::<Vec<u8>>();
    let mut section = [&[7; 8][..], &strings(public)].concat();
    if let Some((flags, private)) = token {
        section.push(flags);
        section.extend(strings(private));
    }
    section.extend(string(comment.as_bytes()));
    section.extend((1..).take((8 - section.len() % 8) % 8));
    let head = [b"openssh-key-v1\0".to_vec(), strings(&[b"none", b"none", b""]), vec![0, 0, 0, 1]].concat();
    let bytes = [head, string(&strings(public)), string(&section)].concat();
    let body = Base64::encode_string(&bytes);
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
}

/// What base64 stands for.
pub fn decoded(text: &str) -> Vec<u8> {
    use ssh_key::encoding::base64::{Base64, Encoding};
    Base64::decode_vec(text).unwrap()
}
