//! Keys on PKCS#11 tokens: a process of this program of its own for each `ssh-add -s`, which loads one provider.
//!
//! Guarantees: foreign code is loaded in that process alone, after it has closed itself and let go of everything but one
//! socket; what it says is read strictly and with limits; it ends when the agent's end of the socket closes, also while
//! the provider hangs.
//! Must never: be trusted by the agent: a signature is checked against the public key before it goes out, and a text
//! that the provider wrote is escaped.
#![forbid(unsafe_code)]

mod der;
mod message;
mod module;
mod object;
mod serve;
mod sign;
mod x509;

pub use message::{Answer, Failure, Found, Hash, Kind, MAX_REPLY, Order, VERSION, greeting, version_of};
pub use serve::run;

/// How the bytes of a token's objects are read, for fuzzers and tests, which have no token.
pub mod objects {
    /// The key and the subject of an X.509 certificate, where it is one.
    pub fn certificate(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        super::x509::read(value)
    }

    /// The keys of each kind that two attributes of an object make.
    pub fn public_keys(first: &[u8], second: &[u8]) -> [Option<Vec<u8>>; 3] {
        use super::object::{ecdsa, ed25519, rsa};
        [rsa(first, second), ecdsa(first, second), ed25519(first, second)]
    }
}
