//! Where a key may be used: what `ssh-add -h` sets (OpenSSH's PROTOCOL.agent section 2).
//!
//! A key is bound to steps: from one host, or from here, to another host and the users on it. A connection shows
//! by its session-binds which way it has come; each step of that way must be one of the key's.
//!
//! Guarantees: a list that cannot be read to its last byte, or that says nothing, refuses the key; what is held is
//! the list as it came.
#![forbid(unsafe_code)]

mod way;

use super::moment::WallTime;
use super::pattern::matches;
use super::session::Bind;
use crate::key::{HostKey, is_public_key};
use crate::message::{DecodeError, Reader};

/// Most steps of a key: OpenSSH's bound.
const MOST_STEPS: usize = 1024;

/// Longest pattern of users, in bytes: OpenSSH's bound.
const MOST_USER_PATTERN: usize = 256;

/// Longest name that is compared with a pattern, in bytes: hosts have 255, accounts no more. What is longer fits
/// none; comparing takes time of the product of both.
const MOST_NAME: usize = 1024;

/// The steps that a key is bound to, as they came.
pub struct Destinations(Box<[u8]>);

/// One permitted step.
struct Step<'b> {
    /// Where from; from here without one.
    from: Option<Host<'b>>,
    to: Host<'b>,
    /// A pattern of the accounts on that host; any without one.
    user: Option<&'b [u8]>,
}

/// A host: its name, and its keys or those of its authorities.
struct Host<'b> {
    name: &'b [u8],
    /// Key after key, each with a byte that is not zero for an authority.
    keys: &'b [u8],
}

impl Destinations {
    /// Reads what the constraint carries.
    ///
    /// # Errors
    /// [`DecodeError`], where it is not what a key can be held to.
    pub fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let mut count = 0;
        while !reader.is_empty() {
            let step = Step::read(&mut reader)?;
            count += 1;
            let hosts = step.from.iter().chain([&step.to]);
            if count > MOST_STEPS || !hosts.flat_map(Host::keys).all(|(key, _)| is_public_key(key)) {
                return Err(DecodeError::Invalid(
                    "a destination holds what is no public key, or there are too many",
                ));
            }
        }
        if count == 0 {
            return Err(DecodeError::Invalid("the key is bound to destinations, and none is named"));
        }
        Ok(Self(body.into()))
    }

    /// What [`Destinations::read`] has read.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let mut reader = Reader::new(&self.0);
        // They were all read before; an error would end them, and what is not there permits nothing.
        std::iter::from_fn(move || if reader.is_empty() { None } else { Step::read(&mut reader).ok() })
    }

    /// Whether there is such a step. No host to go to is any, no user is any.
    fn has_step(
        &self,
        from: Option<&Bind>,
        to: Option<&Bind>,
        user: Option<&[u8]>,
        now: Option<WallTime>,
    ) -> bool {
        self.steps().any(|step| {
            let from_fits = match (from, &step.from) {
                (None, None) => true,
                (Some(bind), Some(host)) => host.is(bind, now),
                _ => false,
            };
            from_fits
                && to.is_none_or(|bind| step.to.is(bind, now))
                && user.is_none_or(|user| step.user.is_none_or(|pattern| fits(pattern, user)))
        })
    }
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    name.len() <= MOST_NAME && matches(pattern, name)
}

impl<'b> Step<'b> {
    fn read(reader: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(reader.string()?);
        let (from, to, extensions) = (reader.string()?, reader.string()?, reader.string()?);
        reader.end()?;
        if !extensions.is_empty() {
            return Err(DecodeError::Invalid("a destination has extensions that are not known"));
        }
        let ((from_user, from), (user, to)) = (Host::read(from)?, Host::read(to)?);
        if !from_user.is_empty() || from.name.is_empty() != from.keys.is_empty() {
            return Err(DecodeError::Invalid("where a destination is reached from is not clear"));
        }
        if to.name.is_empty() || to.keys.is_empty() {
            return Err(DecodeError::Invalid("a destination has no name or no key"));
        }
        if user.len() > MOST_USER_PATTERN {
            return Err(DecodeError::Invalid("a destination's pattern of users is too long"));
        }
        let from = (!from.name.is_empty()).then_some(from);
        Ok(Self { from, to, user: (!user.is_empty()).then_some(user) })
    }
}

impl<'b> Host<'b> {
    /// A user and a host.
    fn read(bytes: &'b [u8]) -> Result<(&'b [u8], Self), DecodeError> {
        let mut reader = Reader::new(bytes);
        let (user, name) = (text(reader.string()?)?, text(reader.string()?)?);
        if !reader.string()?.is_empty() {
            return Err(DecodeError::Invalid("a destination's host has extensions that are not known"));
        }
        let keys = reader.rest();
        let mut reader = Reader::new(keys);
        while !reader.is_empty() {
            let (_key, _authority) = (reader.string()?, reader.u8()?);
        }
        Ok((user, Self { name, keys }))
    }

    /// Keys, and whether each is an authority's.
    fn keys(&self) -> impl Iterator<Item = (&'b [u8], bool)> + use<'b> {
        let mut reader = Reader::new(self.keys);
        std::iter::from_fn(move || Some((reader.string().ok()?, reader.u8().ok()? != 0)))
    }

    /// Whether a hop's key is this host's: one of its own, or a certificate by one of its authorities for its name and
    /// this time. Without a time no certificate is believed; without a name in it neither.
    fn is(&self, bind: &Bind, now: Option<WallTime>) -> bool {
        match &bind.host {
            HostKey::Plain => self.keys().any(|(key, authority)| !authority && *key == *bind.host_key),
            HostKey::Certified(certificate) => {
                let valid = certificate.valid_after..certificate.valid_before;
                self.keys().any(|(key, authority)| authority && *key == *certificate.authority)
                    && now.is_some_and(|WallTime(seconds)| valid.contains(&seconds))
                    && certificate
                        .principals(&bind.host_key)
                        .any(|name| name.len() <= MOST_NAME && matches(name, self.name))
            }
            HostKey::Unusable => false,
        }
    }
}

/// A name as OpenSSH takes it: any bytes, without a zero but for one that ends it.
fn text(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(DecodeError::Invalid("a destination's name holds a zero byte"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
