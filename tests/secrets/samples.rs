//! A key of every kind, and every private number that it has or that is computed from it.

use super::keys::{Key, keygen};
use super::scan::Secrets;
use super::support::Scratch;
use super::wire::{Body, Fields};
use aws_lc_rs::digest::{SHA512, digest};
use fips204::ml_dsa_44;
use fips204::traits::{KeyGen, SerDes};
use std::path::Path;
use std::sync::OnceLock;

/// Name and what ssh-keygen is told; a name that ends with "-cert" comes with a certificate.
const KINDS: [(&str, &[&str]); 15] = [
    ("ed25519", &["ed25519"]),
    ("p256", &["ecdsa", "-b", "256"]),
    ("p384", &["ecdsa", "-b", "384"]),
    ("p521", &["ecdsa", "-b", "521"]),
    ("rsa1024", &["rsa", "-b", "1024"]),
    ("rsa2048", &["rsa", "-b", "2048"]),
    ("rsa3072", &["rsa", "-b", "3072"]),
    ("rsa4096", &["rsa", "-b", "4096"]),
    ("ed25519-cert", &["ed25519"]),
    ("p256-cert", &["ecdsa", "-b", "256"]),
    ("p384-cert", &["ecdsa", "-b", "384"]),
    ("p521-cert", &["ecdsa", "-b", "521"]),
    ("rsa2048-cert", &["rsa", "-b", "2048"]),
    ("confirmed", &["ecdsa", "-b", "256"]),
    ("bound", &["ed25519"]),
];

/// One key, as it is added.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) key: Key,
    /// What of its file is private.
    file: String,
}

/// All of them, made once for all tests.
pub(crate) fn samples() -> &'static [Sample] {
    static SAMPLES: OnceLock<Vec<Sample>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let scratch = Scratch::new();
        keygen(&scratch, &["-q", "-N", "", "-t", "ed25519", "-f", "ca"]);
        let sample = |name, plain: &Key, certified: Option<Key>| Sample {
            name,
            file: private_lines(&scratch, plain),
            key: certified.unwrap_or_else(|| plain.clone()),
        };
        let mut samples: Vec<_> = KINDS
            .iter()
            .map(|&(name, kind)| {
                let plain = Key::generate(&scratch, name, kind);
                let certified = name.ends_with("-cert").then(|| plain.certified(&scratch, name, "ca"));
                sample(name, &plain, certified)
            })
            .collect();
        let [plain, certified] = composites();
        samples.push(sample("composite", &plain, None));
        samples.push(sample("composite-cert", &plain, Some(certified)));
        samples
    })
}

/// A composite of ML-DSA and Ed25519, which ssh-keygen need not know, plain and with its certificate.
fn composites() -> [Key; 2] {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/composite/key");
    let plain = Key::read(&file);
    let blob = super::keys::read_public(&file.with_file_name("key-cert.pub"));
    let mut fields = Fields(&plain.private);
    fields.string();
    fields.string();
    let kind = Fields(&blob).string();
    let private = Body::default().string(kind).string(&blob).raw(fields.0).0;
    [plain, Key { blob, private }]
}

/// Every private number of the samples.
pub(crate) fn add_samples(secrets: &mut Secrets) {
    for sample in samples() {
        add_key(secrets, sample.name, &sample.key);
        secrets.add_text(&format!("{}.file", sample.name), &sample.file);
    }
}

/// Every private number of a key.
pub(crate) fn add_key(secrets: &mut Secrets, name: &str, key: &Key) {
    let (kind, private) = (key.kind(), private_half(key));
    let mut fields = Fields(&private);
    let mut next = || {
        let number = fields.string();
        number.strip_prefix(&[0]).unwrap_or(number).to_vec()
    };
    let mut add = |part: &str, number: &[u8]| secrets.add(&format!("{name}.{part}"), number);
    if kind.starts_with("ssh-ed25519") {
        add_ed25519(secrets, name, &next()[..32]);
    } else if kind.starts_with("ecdsa-") {
        add("scalar", &next());
    } else if kind.starts_with("ssh-rsa") {
        let [d, iqmp, p, q] = [next(), next(), next(), next()];
        for (part, number) in [("d", &d), ("iqmp", &iqmp), ("p", &p), ("q", &q)] {
            add(part, number);
        }
        add("dp", &remainder(&d, &less_one(&p)));
        add("dq", &remainder(&d, &less_one(&q)));
        // As it came: the numbers with their lengths.
        add("message", &private);
    } else {
        add_composite(secrets, name, &next());
    }
}

/// The lines of a key's file that have its private half.
fn private_lines(scratch: &Scratch, key: &Key) -> String {
    const BYTES_PER_LINE: usize = 70 * 6 / 8;
    let file = scratch.path("file");
    key.write(&file, "a comment");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    // What is said of ciphers, and the public half twice.
    let public = 39 + 4 + key.blob.len() + 4 + 8 + key.private.len() - private_half(key).len();
    let lines = text.lines().skip(1 + public.div_ceil(BYTES_PER_LINE));
    lines.filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n")
}

/// What follows the public half in an add message.
fn private_half(key: &Key) -> Vec<u8> {
    let mut fields = Fields(&key.private);
    let kind = fields.string();
    let public = match kind {
        _ if kind.ends_with(b"-cert-v01@openssh.com") && kind.starts_with(b"ssh-ed25519") => 2,
        b"ssh-rsa" => 2,
        kind if kind.starts_with(b"ecdsa-") && !kind.ends_with(b"@openssh.com") => 2,
        _ => 1,
    };
    for _ in 0..public {
        fields.string();
    }
    fields.0.to_vec()
}

/// The seed, and what it is hashed to: the scalar, and what makes the nonces.
fn add_ed25519(secrets: &mut Secrets, name: &str, seed: &[u8]) {
    let expanded = digest(&SHA512, seed);
    let (scalar, prefix) = expanded.as_ref().split_at(32);
    let mut scalar = scalar.to_vec();
    scalar[0] &= 248;
    scalar[31] = scalar[31] & 127 | 64;
    secrets.add(&format!("{name}.seed"), seed);
    secrets.add(&format!("{name}.scalar"), &scalar);
    secrets.add(&format!("{name}.prefix"), prefix);
}

/// Both seeds, and what ML-DSA's expands to: the seed of its signatures' masks, and both secret vectors.
fn add_composite(secrets: &mut Secrets, name: &str, seeds: &[u8]) {
    secrets.add(&format!("{name}.seeds"), seeds);
    let (_, expanded) = ml_dsa_44::KG::keygen_from_seed(seeds[..32].try_into().unwrap());
    let expanded = expanded.into_bytes();
    secrets.add(&format!("{name}.key"), &expanded[32..64]);
    secrets.add(&format!("{name}.vectors"), &expanded[128..128 + 8 * 96]);
    add_ed25519(secrets, name, &seeds[32..64]);
}

/// A prime less one: it is odd.
fn less_one(prime: &[u8]) -> Vec<u8> {
    let mut number = prime.to_vec();
    *number.last_mut().unwrap() -= 1;
    number
}

/// What is left of a number by a smaller one, bit by bit. All with the first byte first.
fn remainder(number: &[u8], modulus: &[u8]) -> Vec<u8> {
    let modulus = [&[0], modulus].concat();
    let mut rest = vec![0; modulus.len()];
    for bit in number.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
        }
        if rest >= modulus {
            let mut borrow = false;
            for (byte, less) in rest.iter_mut().zip(&modulus).rev() {
                let (once, first) = byte.overflowing_sub(*less);
                let (twice, second) = once.overflowing_sub(u8::from(borrow));
                (*byte, borrow) = (twice, first || second);
            }
        }
    }
    rest[rest.iter().take_while(|byte| **byte == 0).count()..].to_vec()
}

#[test]
fn remainders_are_right() {
    // 2^80 + 12345 by 1000003, as Python has it.
    let number = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0x30, 0x39];
    let rest = remainder(&number, &1_000_003_u32.to_be_bytes());
    assert_eq!(rest, 566_631_u32.to_be_bytes()[1..]);
}
