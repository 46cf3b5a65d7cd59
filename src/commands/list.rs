//! `myagent list`: the keys that the agent holds, as ssh-add -l and -L show them, or as JSON for programs.
//!
//! Nothing in a comment can act on the terminal.
#![forbid(unsafe_code)]

use super::{agent, print};
use crate::agent::FingerprintHash;
use crate::cli;
use crate::client::Listed;
use crate::error::{Error, STATUS_FAILED, STATUS_OK};
use crate::key;
use crate::message::Reader;
use crate::platform::terminal::visible;
use serde::Serialize;
use ssh_key::encoding::base64::{Base64, Encoding};

/// What is said of a key that cannot be read: no agent of ours holds one.
const UNKNOWN: &str = "unknown";

/// A key, for programs.
#[derive(Serialize)]
struct KeyLine {
    #[serde(rename = "type")]
    kind: String,
    bits: usize,
    fingerprint: String,
    comment: String,
    public: String,
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<KeyLine>,
}

/// Prints the keys, and gives the exit status.
pub(super) fn run(options: &cli::List) -> Result<u8, Error> {
    let keys = agent()?.list()?;
    let status = if keys.is_empty() { STATUS_FAILED } else { STATUS_OK };
    if options.json {
        let keys = Keys { keys: keys.iter().map(KeyLine::of).collect() };
        let line = serde_json::to_string(&keys).map_err(|e| Error::io("write the list", e))?;
        return print(&(line + "\n")).map(|()| status);
    }
    let text = match (keys.is_empty(), options.public) {
        // As ssh-add says it, for whoever looks for that.
        (true, _) => "The agent has no identities.\n".to_owned(),
        (false, true) => keys.iter().map(public_line).collect(),
        (false, false) => keys.iter().map(|key| line(&key.blob, &key.comment) + "\n").collect(),
    };
    print(&text).map(|()| status)
}

/// `256 SHA256:... me@here (ED25519)`
pub(super) fn line(blob: &[u8], comment: &[u8]) -> String {
    let KeyLine { kind, bits, fingerprint, comment, .. } =
        KeyLine::of(&Listed { blob: blob.to_vec(), comment: comment.to_vec() });
    format!("{bits} {fingerprint} {} ({kind})", visible(&comment))
}

fn public_line(key: &Listed) -> String {
    let KeyLine { public, comment, .. } = KeyLine::of(key);
    format!("{public} {}\n", visible(&comment))
}

impl KeyLine {
    fn of(key: &Listed) -> Self {
        let (kind, bits) = key::describe(&key.blob).unwrap_or((UNKNOWN.to_owned(), 0));
        let name = Reader::new(&key.blob).string().map(|name| name.escape_ascii().to_string());
        Self {
            kind,
            bits,
            fingerprint: fingerprint(&key.blob),
            comment: String::from_utf8_lossy(&key.comment).into_owned(),
            public: format!("{} {}", name.unwrap_or_default(), Base64::encode_string(&key.blob)),
        }
    }
}

/// The fingerprint of a key, or of the key under a certificate.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    FingerprintHash::Sha256.fingerprint(blob).unwrap_or_else(|| UNKNOWN.to_owned())
}
