//! The keys that users have: every algorithm, plain and certified, with and without a passphrase.

use crate::client::Client;
use crate::support::run;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

/// The passphrase of every protected key.
pub const PASSPHRASE: &str = "correct horse 'battery' staple";

/// The name that signatures are made under and certificates are good for, beside the login name.
pub const SIGNER: &str = "signer@example.org";

/// What ssh-keygen makes with `options`, and the names that OpenSSH has for it.
pub struct Algorithm {
    pub name: &'static str,
    pub options: &'static [&'static str],
    /// As in `ssh-add -l` and in sshd's log.
    pub label: &'static str,
}

pub const ED25519: Algorithm = Algorithm { name: "ed25519", options: &["-t", "ed25519"], label: "ED25519" };
pub const P256: Algorithm = ecdsa("ecdsa-256", &["-t", "ecdsa", "-b", "256"]);
pub const P384: Algorithm = ecdsa("ecdsa-384", &["-t", "ecdsa", "-b", "384"]);
pub const P521: Algorithm = ecdsa("ecdsa-521", &["-t", "ecdsa", "-b", "521"]);
pub const RSA_1024: Algorithm = rsa("rsa-1024", &["-t", "rsa", "-b", "1024"]);
pub const RSA_2048: Algorithm = rsa("rsa-2048", &["-t", "rsa", "-b", "2048"]);
pub const RSA_3072: Algorithm = rsa("rsa-3072", &["-t", "rsa", "-b", "3072"]);
pub const RSA_4096: Algorithm = rsa("rsa-4096", &["-t", "rsa", "-b", "4096"]);

const fn ecdsa(name: &'static str, options: &'static [&'static str]) -> Algorithm {
    Algorithm { name, options, label: "ECDSA" }
}

const fn rsa(name: &'static str, options: &'static [&'static str]) -> Algorithm {
    Algorithm { name, options, label: "RSA" }
}

/// The algorithms of the tests that repeat for each; larger RSA keys only cost time, see `fresh_keys`.
static EVERY_ALGORITHM: [Algorithm; 6] = [ED25519, P256, P384, P521, RSA_1024, RSA_2048];

/// One row of the tables that the tests run through.
#[derive(Clone, Copy)]
pub struct Kind {
    pub algorithm: &'static Algorithm,
    pub certificate: bool,
    pub passphrase: bool,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificate = if self.certificate { " with a certificate" } else { "" };
        let passphrase = if self.passphrase { ", passphrase" } else { "" };
        write!(f, "{}{certificate}{passphrase}", self.algorithm.name)
    }
}

impl Kind {
    /// A plain key without a passphrase.
    pub fn plain(algorithm: &'static Algorithm) -> Self {
        Self { algorithm, certificate: false, passphrase: false }
    }

    /// Its name as a file name.
    pub fn slug(&self) -> String {
        self.to_string().replace([' ', ','], "_")
    }

    /// The name of the key as `ssh-add -l` and sshd's log print it.
    pub fn label(&self) -> String {
        format!("{}{}", self.algorithm.label, if self.certificate { "-CERT" } else { "" })
    }
}

/// Every algorithm, plain and certified, without and with a passphrase.
pub fn every_kind() -> Vec<Kind> {
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    EVERY_ALGORITHM
        .iter()
        .flat_map(|algorithm| {
            ways.map(|(certificate, passphrase)| Kind { algorithm, certificate, passphrase })
        })
        .collect()
}

/// Runs `test` for every kind, whatever fails, prints a line for each, and names the ones that failed.
pub fn for_every_kind(test: impl Fn(Kind)) {
    let failed: Vec<String> = every_kind()
        .into_iter()
        .filter_map(|kind| {
            let begun = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| test(kind)));
            let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
            println!("{kind}: {verdict} ({} ms)", begun.elapsed().as_millis());
            outcome.err().map(|_| kind.to_string())
        })
        .collect();
    assert!(failed.is_empty(), "failed for: {}", failed.join("; "));
}

/// A key made by ssh-keygen in the client's key directory.
pub struct Key {
    pub kind: Kind,
    /// The private half; the public one and the certificate lie beside it.
    pub path: PathBuf,
    pub comment: String,
}

impl Key {
    /// Makes `NAME`, `NAME.pub` and, where the kind asks for it, `NAME-cert.pub` from the client's CA.
    pub fn make(client: &Client, name: &str, kind: Kind) -> Self {
        let key = Self { kind, path: client.keys().join(name), comment: format!("key of {name}") };
        let passphrase = if kind.passphrase { PASSPHRASE } else { "" };
        let mut keygen = client.command("ssh-keygen");
        // Few rounds of the password hash: the tests are not about its cost.
        keygen.args(["-q", "-a", "2", "-N", passphrase, "-C", &key.comment, "-f"]).arg(&key.path);
        let (status, _, errors) = run(keygen.args(kind.algorithm.options));
        assert_eq!(status, 0, "ssh-keygen cannot make {kind}: {errors}");
        if kind.certificate {
            key.certify(client, &["-V", "always:forever"]);
        }
        key
    }

    /// Writes the certificate of this key anew, with these options of ssh-keygen.
    pub fn certify(&self, client: &Client, options: &[&str]) {
        let names = format!("{},{SIGNER}", client.user());
        let mut keygen = client.command("ssh-keygen");
        keygen.args(["-q", "-I", &self.certificate_id(), "-n", &names, "-s"]).arg(client.ca());
        let (status, _, errors) = run(keygen.args(options).arg(self.public()));
        assert_eq!(status, 0, "ssh-keygen cannot certify {}: {errors}", self.kind);
    }

    pub fn certificate_id(&self) -> String {
        format!("certificate-of-{}", self.path.file_name().unwrap().to_str().unwrap())
    }

    pub fn public(&self) -> PathBuf {
        self.path.with_extension("pub")
    }

    pub fn certificate(&self) -> PathBuf {
        PathBuf::from(format!("{}-cert.pub", self.path.display()))
    }

    /// The file that names what is to be used of this key: the certificate where there is one.
    pub fn best_public(&self) -> PathBuf {
        if self.kind.certificate { self.certificate() } else { self.public() }
    }

    /// What `ssh-add -L` prints of this key, in order.
    pub fn public_lines(&self) -> Vec<String> {
        let mut files = vec![self.public()];
        files.extend(self.kind.certificate.then(|| self.certificate()));
        files.iter().map(|file| std::fs::read_to_string(file).unwrap().trim_end().to_owned()).collect()
    }

    /// The line that lets this key, and only this key or its certificate, log in.
    pub fn authorized_line(&self, client: &Client) -> String {
        if self.kind.certificate {
            format!("cert-authority {}", client.ca_line())
        } else {
            self.public_lines().remove(0)
        }
    }

    /// `SHA256:...`, the same for a key and its certificate.
    pub fn fingerprint(&self, client: &Client) -> String {
        let (_, line, errors) = run(client.command("ssh-keygen").arg("-lf").arg(self.public()));
        line.split(' ').nth(1).unwrap_or_else(|| panic!("no fingerprint: {line}{errors}")).to_owned()
    }

    /// From here on only an agent can sign with this key.
    pub fn remove_private(&self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}
