//! Replies: what this agent may say (RFC 9987 section 3).
#![forbid(unsafe_code)]

use std::sync::Arc;

use ssh_agent_lib::proto::{Extension, Response};
use ssh_agent_lib::ssh_encoding::Encode;

use super::{number, put_string, put_u32};

/// A key as the list names it.
pub struct Listed {
    /// Public key or certificate.
    pub blob: Arc<[u8]>,
    /// Free text of any encoding.
    pub comment: Arc<[u8]>,
}

/// One reply.
pub enum Reply {
    /// No, for whatever reason: a peer is not told which.
    Failure,
    /// Done.
    Success,
    /// A known extension that could not be done.
    ExtensionFailure,
    /// The keys in their order.
    Identities(Vec<Listed>),
    /// A signature blob.
    Signature(Vec<u8>),
    /// The extensions that this agent knows (section 3.8.1).
    Query(&'static [&'static str]),
}

impl Reply {
    /// About how many bytes the frame has: at least as many as it has, where those are many.
    pub fn frame_len(&self) -> usize {
        let body = match self {
            Self::Identities(identities) => identities_len(identities),
            Self::Signature(blob) => blob.len(),
            Self::Failure | Self::Success | Self::ExtensionFailure | Self::Query(_) => 0,
        };
        9 + body
    }

    /// The whole frame: length, type, body.
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = vec![0; 4];
        self.encode(&mut frame);
        let len = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
        frame[..4].copy_from_slice(&len.to_be_bytes());
        frame
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Failure => put_plain(out, &Response::Failure),
            Self::Success => put_plain(out, &Response::Success),
            Self::ExtensionFailure => put_plain(out, &Response::ExtensionFailure),
            // Not the library's: it holds parsed keys, and a blob must come back byte for byte.
            Self::Identities(identities) => put_identities(out, identities),
            Self::Signature(blob) => {
                out.push(number::SIGN_RESPONSE);
                put_string(out, blob);
            }
            Self::Query(names) => {
                // Name after name to the end, as OpenSSH reads them; the library would wrap them in a string.
                let mut details = Vec::new();
                names.iter().for_each(|name| put_string(&mut details, name.as_bytes()));
                let query = Extension { name: "query".into(), details: details.into() };
                put_plain(out, &Response::ExtensionResponse(query));
            }
        }
    }
}

fn identities_len(identities: &[Listed]) -> usize {
    identities.iter().map(|key| 8 + key.blob.len() + key.comment.len()).sum()
}

fn put_identities(out: &mut Vec<u8>, identities: &[Listed]) {
    out.reserve(5 + identities_len(identities));
    out.push(number::IDENTITIES_ANSWER);
    put_u32(out, u32::try_from(identities.len()).unwrap_or(u32::MAX));
    for key in identities {
        put_string(out, &key.blob);
        put_string(out, &key.comment);
    }
}

/// A reply in ssh-agent-lib's words. Writing to a `Vec` does not fail; if it did, the peer hears FAILURE.
fn put_plain(out: &mut Vec<u8>, response: &Response) {
    let start = out.len();
    if response.encode(out).is_err() {
        out.truncate(start);
        out.push(number::FAILURE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_the_rfc_draws_them() {
        assert_eq!(Reply::Failure.to_frame(), [0, 0, 0, 1, 5]);
        assert_eq!(Reply::Success.to_frame(), [0, 0, 0, 1, 6]);
        assert_eq!(Reply::ExtensionFailure.to_frame(), [0, 0, 0, 1, 28]);
        assert_eq!(Reply::Signature(vec![7]).to_frame(), [0, 0, 0, 6, 14, 0, 0, 0, 1, 7]);
        let identities = vec![Listed { blob: vec![1, 2].into(), comment: vec![3].into() }];
        let list = Reply::Identities(identities);
        assert_eq!(list.frame_len(), list.to_frame().len());
        assert_eq!(list.to_frame(), [0, 0, 0, 16, 12, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3]);
    }

    #[test]
    fn query_names_the_extensions_one_after_the_other() {
        let frame = Reply::Query(&["a@b"]).to_frame();
        assert_eq!(frame, [b"\0\0\0\x11\x1d\0\0\0\x05query".as_slice(), b"\0\0\0\x03a@b"].concat());
    }
}
