//! A scanner of another process's memory.

use ssh_key::PrivateKey;
use ssh_key::private::KeypairData;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Pieces of a secret that are looked for: so many bytes, beginning at every eighth byte. Every run of 23 bytes
/// that survives anywhere holds one whole piece.
const PIECE: usize = 16;
const STRIDE: usize = 8;

/// What is looked for, by the first eight bytes of each piece.
pub(crate) struct Secrets {
    /// Whether any piece begins with these two bytes: most places in memory are passed over by this alone.
    begins: Vec<bool>,
    pieces: HashMap<[u8; 8], Vec<(String, Vec<u8>)>>,
    whole: Vec<Vec<u8>>,
}

pub(crate) struct Found {
    /// Names of the secrets of which a piece was found.
    pub(crate) hits: Vec<String>,
    /// How much was read.
    pub(crate) bytes: usize,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        Self { begins: vec![false; 1 << 16], pieces: HashMap::new(), whole: Vec::new() }
    }

    /// A secret as it stands, and backwards: libraries keep numbers with their last byte first.
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        self.whole.push(secret.to_vec());
        let backwards: Vec<u8> = secret.iter().rev().copied().collect();
        for bytes in [secret, &backwards] {
            for start in (0..=bytes.len() - PIECE).step_by(STRIDE) {
                let piece = &bytes[start..start + PIECE];
                let first = piece[..8].try_into().unwrap();
                self.begins[usize::from(u16::from_le_bytes([piece[0], piece[1]]))] = true;
                self.pieces.entry(first).or_default().push((name.to_owned(), piece.to_vec()));
            }
        }
    }

    /// Every private number of an unencrypted key file.
    pub(crate) fn add_key(&mut self, name: &str, path: &Path) {
        let key = PrivateKey::from_openssh(std::fs::read_to_string(path).unwrap()).unwrap();
        match key.key_data() {
            KeypairData::Ed25519(pair) => self.add(name, pair.private.as_ref()),
            KeypairData::Ecdsa(pair) => self.add(name, pair.private_key_bytes()),
            KeypairData::Rsa(pair) => {
                let private = pair.private();
                for (number, part) in
                    [(private.d(), "d"), (private.p(), "p"), (private.q(), "q"), (private.iqmp(), "iqmp")]
                {
                    self.add(&format!("{name}.{part}"), number.as_positive_bytes().unwrap());
                }
            }
            // The token that the tests play has its private half in the handle: a seed, or a text with the number.
            KeypairData::SkEd25519(sk) => self.add(name, &sk.key_handle()[..32]),
            KeypairData::SkEcdsaSha2NistP256(sk) => self.add(name, sk.key_handle()),
            other => panic!("{name}: no such key is looked for: {:?}", other.algorithm()),
        }
    }

    /// Looks through all memory of a process that can be read.
    pub(crate) fn found_in(&self, pid: u32) -> Found {
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let mut found = Found { hits: Vec::new(), bytes: 0 };
        for region in used_regions(pid) {
            let (start, end) = region.split(' ').next().unwrap().split_once('-').unwrap();
            let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            // What cannot be read nobody reads: memfd_secret, guard pages.
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                found.bytes += bytes.len();
                self.look(&bytes, &region, &mut found.hits);
            }
        }
        found.hits.sort();
        found.hits.dedup();
        found
    }

    fn look(&self, memory: &[u8], region: &str, hits: &mut Vec<String>) {
        const ZEROS: [u8; 4096] = [0; 4096];
        for page in (0..memory.len()).step_by(ZEROS.len()) {
            // Most of memory was never written.
            if memory[page..].starts_with(&ZEROS) {
                continue;
            }
            let end = (page + ZEROS.len()).min(memory.len().saturating_sub(PIECE));
            for at in page..end {
                if !self.begins[usize::from(u16::from_le_bytes([memory[at], memory[at + 1]]))] {
                    continue;
                }
                let first: [u8; 8] = memory[at..at + 8].try_into().unwrap();
                for (name, piece) in self.pieces.get(&first).into_iter().flatten() {
                    if memory[at..].starts_with(piece) {
                        hits.push(format!("{name} in {region}"));
                    }
                }
            }
        }
    }
}

/// The regions of which at least a page is in memory or swap, whatever their protection; others were never
/// written.
fn used_regions(pid: u32) -> Vec<String> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut regions = Vec::new();
    let mut region = "";
    for line in smaps.lines() {
        match line.split_once(':') {
            Some(("Rss" | "Swap", size)) if size.trim() != "0 kB" => regions.push(region.to_owned()),
            // A region's own line begins with its addresses, the lines about it with a word.
            _ if line.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) => region = line,
            _ => {}
        }
    }
    regions
}

/// A process that holds the secrets on purpose: each of them must be found there.
pub(crate) fn control_holds(secrets: &Secrets) {
    let script = "import sys; kept = sys.stdin.buffer.read(); print('ready', flush=True); import time; time.sleep(600)";
    let mut control = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is the control process");
    control.stdin.take().unwrap().write_all(&secrets.whole.concat()).unwrap();
    let mut ready = [0; 5];
    control.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let found = secrets.found_in(control.id());
    control.kill().unwrap();
    control.wait().unwrap();
    for names in secrets.pieces.values() {
        for (name, _) in names {
            assert!(found.hits.iter().any(|hit| hit.starts_with(name.as_str())), "{name} is not seen");
        }
    }
}
