//! Private keys as messages and as files, made by ssh-keygen, and signatures judged by ssh-keygen.
//!
//! The same serialisation serves both: what a key file holds between its check numbers and its comment is
//! what an add message holds between its type and its comment.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(missing_docs, unreachable_pub, clippy::cast_possible_truncation)]

use crate::support::{Scratch, run};
use crate::wire::{Body, Fields};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;

/// A key that an agent can be given.
#[derive(Clone)]
pub struct Key {
    /// The public half as the list names it; for a certificate, the certificate.
    pub blob: Vec<u8>,
    /// Type and numbers, as they stand in an add message.
    pub private: Vec<u8>,
}

impl Key {
    /// A fresh key: `kind` and further arguments as ssh-keygen takes them.
    pub fn generate(scratch: &Scratch, name: &str, arguments: &[&str]) -> Self {
        let file = scratch.path(name);
        keygen(scratch, &[&["-q", "-N", "", "-C", name, "-f", text(&file), "-t"], arguments].concat());
        Self::read(&file)
    }

    /// Reads an OpenSSH key file without a passphrase, and the public file beside it.
    pub fn read(file: &Path) -> Self {
        let plain = dearmour(&std::fs::read_to_string(file).unwrap());
        let mut outer = Fields(plain.strip_prefix(MAGIC).expect("an OpenSSH key file"));
        for _ in 0..3 {
            outer.string(); // cipher, derivation and its options: none
        }
        assert_eq!(outer.u32(), 1, "keys in one file");
        let blob = outer.string().to_vec();
        let mut inner = Fields(outer.string());
        inner.take(8);
        let start = inner.0;
        let kind = inner.string();
        for _ in 0..numbers(kind) {
            inner.string();
        }
        if kind.starts_with(b"sk-") {
            // What the token demands, its name for the key, and nothing.
            inner.u8();
            inner.string();
            inner.string();
        }
        let private = start[..start.len() - inner.0.len()].to_vec();
        Self { blob, private }
    }

    /// The same key under a certificate signed by the authority `ca` (key files in the scratch directory).
    pub fn certified(&self, scratch: &Scratch, name: &str, ca: &str) -> Self {
        let (file, authority) = (scratch.path(name), scratch.path(ca));
        let arguments = ["-q", "-s", text(&authority), "-I", name, "-n", "user", text(&file)];
        keygen(scratch, &arguments);
        let blob = read_public(&scratch.path(&format!("{name}-cert.pub")));
        // After the certificate come the private numbers only.
        let mut fields = Fields(&self.private);
        let plain = fields.string();
        for _ in 0..public_numbers(plain) {
            fields.string();
        }
        let kind = [plain.strip_suffix(b"@openssh.com").unwrap_or(plain), b"-cert-v01@openssh.com"].concat();
        let private = Body::default().string(&kind).string(&blob).raw(fields.0).0;
        Self { blob, private }
    }

    /// The public half that signatures are judged by: for a certificate, that of the key in it.
    pub fn plain(&self) -> Vec<u8> {
        let mut fields = Fields(&self.blob);
        let kind = String::from_utf8_lossy(fields.string()).into_owned();
        let Some(plain) = kind.strip_suffix("-cert-v01@openssh.com") else { return self.blob.clone() };
        fields.string(); // nonce
        let (numbers, vendor) = match plain {
            "ssh-ed25519" => (1, ""),
            "sk-ssh-ed25519" => (2, "@openssh.com"),
            "sk-ecdsa-sha2-nistp256" => (3, "@openssh.com"),
            _ => (2, ""),
        };
        let kind = format!("{plain}{vendor}");
        (0..numbers).fold(Body::default().string(kind.as_bytes()), |body, _| body.string(fields.string())).0
    }

    pub fn kind(&self) -> String {
        String::from_utf8_lossy(Fields(&self.private).string()).into_owned()
    }

    /// Writes the key as an OpenSSH private key file that `ssh-add` reads.
    pub fn write(&self, file: &Path, comment: &str) {
        let mut inner = Body::default().u32(7).u32(7).raw(&self.private).string(comment.as_bytes()).0;
        let padding = (8 - inner.len() % 8) % 8;
        inner.extend((1..=padding).map(|byte| byte as u8));
        let none = Body::default().raw(MAGIC).string(b"none").string(b"none").string(b"").u32(1);
        let whole = none.string(&self.blob).string(&inner).0;
        let mut open = std::fs::OpenOptions::new();
        let mut open = open.write(true).create_new(true).mode(0o600).open(file).unwrap();
        open.write_all(armour("OPENSSH PRIVATE KEY", &whole).as_bytes()).unwrap();
    }
}

/// The blob in a public file.
pub fn read_public(file: &Path) -> Vec<u8> {
    let line = std::fs::read_to_string(file).unwrap();
    base64_decode(line.split(' ').nth(1).unwrap())
}

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// How many strings follow the type in a private key; of a token's, in its public half.
fn numbers(kind: &[u8]) -> usize {
    match kind {
        b"ssh-ed25519" | b"ssh-mldsa44-ed25519" => 2,
        b"ssh-rsa" => 6,
        b"ssh-dss" => 5,
        kind if kind.starts_with(b"ecdsa-sha2-") => 3,
        b"sk-ssh-ed25519@openssh.com" => 2,
        b"sk-ecdsa-sha2-nistp256@openssh.com" => 3,
        other => panic!("a key file of type {}", String::from_utf8_lossy(other)),
    }
}

/// How many of them a certificate makes superfluous: an Ed25519 key keeps its public part.
fn public_numbers(kind: &[u8]) -> usize {
    match kind {
        b"ssh-ed25519" | b"sk-ssh-ed25519@openssh.com" => 0,
        b"ssh-dss" => 4,
        _ => 2,
    }
}

/// Runs ssh-keygen, which must succeed.
pub fn keygen(scratch: &Scratch, arguments: &[&str]) {
    let (status, out, err) = run(scratch.command("ssh-keygen").args(arguments));
    assert_eq!(status, 0, "ssh-keygen {arguments:?}: {out}{err}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the tests have signed: an SSHSIG over [`MESSAGE`], so that ssh-keygen can judge the signature.
pub fn data() -> Vec<u8> {
    let hash: Vec<u8> = hex(MESSAGE_SHA512);
    Body::default().raw(b"SSHSIG").string(b"myagent-test").string(b"").string(b"sha512").string(&hash).0
}

const MESSAGE: &[u8] = b"myagent\n";
const MESSAGE_SHA512: &str = "c2609ebafb0db24a9dc978e9f917c56897a1af55f77652817a4efb4d8dc505ad474d4d4d57133f83963f58b9443e757bf00544a9237f2f72358f045a144f0daf";

/// Whether ssh-keygen finds `signature` (algorithm and bytes, packed) over [`data`] right for the plain key
/// `blob`. It knows no SHA-1 signatures.
pub fn verifies(scratch: &Scratch, blob: &[u8], signature: &[u8]) -> Result<(), String> {
    let head = Body::default().raw(b"SSHSIG").u32(1).string(blob).string(b"myagent-test").string(b"");
    let whole = head.string(b"sha512").string(signature).0;
    let file = tempfile::NamedTempFile::new_in(scratch.path("tmp")).unwrap();
    std::fs::write(file.path(), armour("SSH SIGNATURE", &whole)).unwrap();
    let mut command = scratch.command("ssh-keygen");
    command.args(["-Y", "check-novalidate", "-n", "myagent-test", "-s"]).arg(file.path());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Where it refuses before reading there is nobody to write to.
    let _ = child.stdin.take().unwrap().write_all(MESSAGE);
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

pub fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len() % 2 == 0, "odd hex: {digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_u32, |sum, at| sum << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4_u32 {
            let digit = ALPHABET[(group >> (18 - 6 * at) & 63) as usize];
            out.push(if at as usize <= chunk.len() { digit.into() } else { '=' });
        }
    }
    out
}

pub fn base64_decode(digits: &str) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in digits.bytes().take_while(|byte| *byte != b'=') {
        let digit = ALPHABET.iter().position(|known| *known == byte).expect("base64");
        bits = bits << 6 | digit as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    out
}

fn armour(title: &str, bytes: &[u8]) -> String {
    let digits = base64(bytes);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {title}-----\n{}\n-----END {title}-----\n", lines.join("\n"))
}

fn dearmour(text: &str) -> Vec<u8> {
    base64_decode(&text.lines().filter(|line| !line.starts_with('-')).collect::<String>())
}
