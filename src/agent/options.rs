//! What the agent's owner has decided at its start, and every request is held to.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::message::{DecodeError, Reader, put_string, put_u32, put_u64};

/// The hash that fingerprints are shown with when a person is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub enum FingerprintHash {
    Md5,
    Sha1,
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

impl FingerprintHash {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// As ssh-agent's `-E` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// The decisions. `Default` is what OpenSSH's agent does, but for forwarded peers, which it lets do everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// For keys that come without a lifetime.
    pub default_lifetime: Option<Duration>,
    /// Forwarded peers may do what else only local ones may: add, remove, lock, unlock.
    pub allow_remote_admin: bool,
    /// Providers may be named over connections that were bound to a session.
    pub allow_remote_providers: bool,
    /// FIDO keys of applications outside of `websafe` sign only what is SSH's.
    pub restrict_websafe: bool,
    /// Patterns of applications that are SSH's own.
    pub websafe: String,
    /// Patterns of the real paths from which providers may be loaded.
    pub providers: String,
    /// How keys are named to the person who is asked.
    pub fingerprint: FingerprintHash,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_lifetime: None,
            allow_remote_admin: false,
            allow_remote_providers: false,
            restrict_websafe: true,
            websafe: "ssh:*".to_owned(),
            providers: "/usr/lib*/*,/usr/local/lib*/*".to_owned(),
            fingerprint: FingerprintHash::default(),
        }
    }
}

impl Options {
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.default_lifetime.is_some()));
        put_u64(out, self.default_lifetime.unwrap_or_default().as_secs());
        for flag in [self.allow_remote_admin, self.allow_remote_providers, self.restrict_websafe] {
            out.push(u8::from(flag));
        }
        put_string(out, self.websafe.as_bytes());
        put_string(out, self.providers.as_bytes());
        put_u32(out, self.fingerprint as u32);
    }

    pub(super) fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (limited, seconds) = (reader.bool()?, reader.u64()?);
        let mut options = Self {
            default_lifetime: limited.then(|| Duration::from_secs(seconds)),
            allow_remote_admin: reader.bool()?,
            allow_remote_providers: reader.bool()?,
            restrict_websafe: reader.bool()?,
            websafe: reader.text()?.to_owned(),
            providers: reader.text()?.to_owned(),
            fingerprint: FingerprintHash::default(),
        };
        let hash = reader.u32()?;
        let hash = FingerprintHash::ALL.into_iter().find(|known| *known as u32 == hash);
        options.fingerprint = hash.ok_or(DecodeError::Invalid("unknown fingerprint hash"))?;
        Ok(options)
    }
}
