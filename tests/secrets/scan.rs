//! A scanner of another process's memory.
//!
//! Memory is looked at every eight bytes, for every 16 bytes of a secret in each of its forms: whatever 23 bytes of one
//! survive, wherever they lie, are found.

#[path = "forms.rs"]
pub(crate) mod forms;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a secret that are looked for: what is shorter is no find.
const PIECE: usize = 16;
/// Bytes from one look to the next, and of what is looked up first.
const STRIDE: usize = 8;
/// Bits of a place in the filter: with a hundred thousand pieces, one place of forty is marked.
const FILTER_BITS: u32 = 22;
/// How long the control process may take to read what it is to hold.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is looked for.
pub(crate) struct Secrets {
    /// One bit for each value that the first half of a piece is hashed to: most of memory is passed over by this alone.
    filter: Vec<bool>,
    /// Pieces by their first half: the second, and whose piece it is.
    pieces: HashMap<u64, Vec<(u64, usize)>>,
    /// "key.component form".
    names: Vec<String>,
    /// Every form of every secret, for the control process.
    whole: Vec<u8>,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    /// "key.component form in region" of each secret of which a piece was found.
    pub(crate) hits: Vec<String>,
    /// How much was read.
    pub(crate) bytes: usize,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let (filter, pieces) = (vec![false; 1 << FILTER_BITS], HashMap::new());
        Self { filter, pieces, names: Vec::new(), whole: Vec::new() }
    }

    /// A secret in every form: "key.component", or one word.
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        for (form, bytes) in forms::forms(secret) {
            self.add_form(&format!("{name} {form}"), &bytes);
        }
    }

    /// A text as it stands.
    pub(crate) fn add_text(&mut self, name: &str, text: &str) {
        self.add_form(&format!("{name} raw"), text.as_bytes());
    }

    fn add_form(&mut self, name: &str, bytes: &[u8]) {
        if bytes.len() < PIECE {
            return;
        }
        for piece in bytes.windows(PIECE) {
            let (first, second) = (word(piece), word(&piece[STRIDE..]));
            self.filter[hash(first)] = true;
            self.pieces.entry(first).or_default().push((second, self.names.len()));
        }
        self.names.push(name.to_owned());
        // Apart, so that no piece goes from one secret to the next.
        self.whole.extend_from_slice(bytes);
        self.whole.extend_from_slice(&[0; PIECE]);
    }

    /// The keys and passwords, in the order in which they were added.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for name in &self.names {
            let key = key_of(name);
            if !keys.iter().any(|known| known == key) {
                keys.push(key.to_owned());
            }
        }
        keys
    }

    /// Looks through all memory of a process that can be read.
    pub(crate) fn found_in(&self, pid: u32) -> Found {
        let memory =
            File::open(format!("/proc/{pid}/mem")).expect("root reads it, and others their own child's");
        let mut found = Found::default();
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
        found
    }

    /// Looks through a file, such as a core image.
    pub(crate) fn find_in_file(&self, path: &Path, name: &str, found: &mut Found) {
        let bytes = std::fs::read(path).unwrap();
        found.bytes += bytes.len();
        self.look(&bytes, name, &mut found.hits);
    }

    pub(crate) fn look(&self, memory: &[u8], place: &str, hits: &mut Vec<String>) {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut seen = vec![false; self.names.len()];
        for (page, bytes) in memory.chunks(ZEROS.len()).enumerate() {
            // Most of memory was never written.
            if *bytes == ZEROS[..bytes.len()] {
                continue;
            }
            for (at, first) in bytes.chunks_exact(STRIDE).map(word).enumerate() {
                if !self.filter[hash(first)] {
                    continue;
                }
                let at = page * ZEROS.len() + at * STRIDE + STRIDE;
                let Some(second) = memory.get(at..at + STRIDE).map(word) else { continue };
                let known = self.pieces.get(&first).into_iter().flatten();
                known.filter(|(wanted, _)| *wanted == second).for_each(|(_, name)| seen[*name] = true);
            }
        }
        let names = self.names.iter().zip(seen).filter(|(_, seen)| *seen);
        hits.extend(names.map(|(name, _)| format!("{name} in {place}")));
    }

    /// Secrets of which nothing was found.
    fn missing(&self, found: &Found) -> Vec<&String> {
        let seen = |name: &String| found.hits.iter().any(|hit| hit.starts_with(&format!("{name} in ")));
        self.names.iter().filter(|name| !seen(name)).collect()
    }
}

/// Whose secret it is, of a name or a hit.
pub(crate) fn key_of(name: &str) -> &str {
    name.split(['.', ' ']).next().unwrap()
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes[..STRIDE].try_into().unwrap())
}

/// The filter's place of a word: the upper bits of a product with an odd number (Fibonacci hashing).
fn hash(word: u64) -> usize {
    usize::try_from(word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - FILTER_BITS)).unwrap()
}

/// The regions of which at least a page is in memory or swap, whatever their protection; others were never
/// written.
fn used_regions(pid: u32) -> Vec<String> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut regions = Vec::new();
    let mut region = "";
    for line in smaps.lines() {
        match line.split_once(':') {
            Some(("Rss" | "Swap", size)) if size.trim() != "0 kB" && regions.last() != Some(&region) => {
                regions.push(region);
            }
            // A region's own line begins with its addresses, the lines about it with a word.
            _ if line.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) => region = line,
            _ => {}
        }
    }
    regions.into_iter().map(str::to_owned).collect()
}

/// A process that holds the secrets on purpose: each of them must be found there, in each of its forms. Says how many
/// those are.
pub(crate) fn control_holds(secrets: &Secrets) -> usize {
    control_holds_while(secrets, |_| ())
}

/// The same, and then, with the process's id, something else.
pub(crate) fn control_holds_while(secrets: &Secrets, then: impl FnOnce(u32)) -> usize {
    // It has read everything, and waits for the rest of its block.
    let mut control = Command::new("dd")
        .args(["bs=64M", "count=1", "iflag=fullblock", "of=/dev/null", "status=none"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("dd is the control process");
    let mut stdin = control.stdin.take().unwrap();
    stdin.write_all(&secrets.whole).unwrap();
    let end = Instant::now() + PATIENCE;
    loop {
        let found = secrets.found_in(control.id());
        let missing = secrets.missing(&found);
        if missing.is_empty() {
            break;
        }
        if Instant::now() > end {
            control.kill().unwrap();
            control.wait().unwrap();
            panic!("{} of {} are not seen: {missing:?}", missing.len(), secrets.names.len());
        }
    }
    then(control.id());
    drop(stdin);
    assert!(control.wait().unwrap().success());
    secrets.names.len()
}
