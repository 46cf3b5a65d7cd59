//! The agent's state on its way into the next program: all that it knows, without a secret in the clear.
//!
//! Guarantees: what comes out is what went in: order, comments, constraints, times, the lock and its failures;
//! and a state is taken whole or not at all. The encoding is the wire's own (RFC 4251 section 5); which version
//! of it this is the caller says (`server::state::FORMAT`).
//! Must never: take a locked agent for an open one, or a key without one of its constraints.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::lock::Lock;
use super::{Agent, Destinations, Identity, Moment, Options};
use crate::key::Key;
use crate::message::{DecodeError, Reader, put_string, put_u32, put_u64};
use crate::vault::{Vault, VaultError};

impl Agent {
    /// Appends the state. Keys stay under the wrapping key of `vault`.
    ///
    /// # Errors
    /// [`VaultError`], where the lock's hash cannot be sealed.
    pub fn save(&self, vault: &Vault, out: &mut Vec<u8>) -> Result<(), VaultError> {
        self.options.save(out);
        self.lock.save(vault, out)?;
        let identities: Vec<&Identity> = self.keyring.identities().collect();
        put_u32(out, u32::try_from(identities.len()).unwrap_or(u32::MAX));
        identities.into_iter().for_each(|identity| save(identity, out));
        let refusals: Vec<&str> = self.refusals.iter().collect();
        put_u32(out, u32::try_from(refusals.len()).unwrap_or(u32::MAX));
        refusals.into_iter().for_each(|refusal| put_string(out, refusal.as_bytes()));
        Ok(())
    }

    /// Reads what [`Agent::save`] wrote, and opens each record once in `vault`.
    ///
    /// # Errors
    /// [`DecodeError`], where one byte is not as it was.
    pub fn load(reader: &mut Reader<'_>, vault: &Vault) -> Result<Self, DecodeError> {
        let options = Options::load(reader)?;
        let mut agent = Self { options, lock: Lock::load(reader, vault)?, ..Self::default() };
        for _ in 0..reader.u32()? {
            let identity = load(reader)?;
            if !identity.key.opens(vault) {
                return Err(DecodeError::Invalid("a key does not open"));
            }
            agent.keyring.insert(identity);
        }
        for _ in 0..reader.u32()? {
            agent.refusals.push(reader.text()?.to_owned());
        }
        Ok(agent)
    }

    /// How many keys there are, locked or not.
    pub fn key_count(&self) -> usize {
        self.keyring.identities().count()
    }
}

fn save(identity: &Identity, out: &mut Vec<u8>) {
    put_string(out, &identity.blob);
    put_string(out, &identity.comment);
    put_string(out, identity.fingerprint.as_bytes());
    out.push(u8::from(identity.certificate));
    out.push(u8::from(identity.confirm));
    out.push(u8::from(identity.expires.is_some()));
    if let Some(Moment(time)) = identity.expires {
        put_u64(out, time.as_secs());
        put_u32(out, time.subsec_nanos());
    }
    // No list is empty.
    put_string(out, identity.destinations.as_ref().map_or(&[], |destinations| destinations.as_bytes()));
    identity.key.save(out);
}

fn load(reader: &mut Reader<'_>) -> Result<Identity, DecodeError> {
    Ok(Identity {
        added: 0,
        blob: reader.string()?.into(),
        comment: reader.string()?.into(),
        fingerprint: reader.text()?.to_owned(),
        certificate: reader.bool()?,
        confirm: reader.bool()?,
        expires: if reader.bool()? { Some(moment(reader)?) } else { None },
        destinations: match reader.string()? {
            [] => None,
            body => Some(Arc::new(Destinations::read(body)?)),
        },
        key: Arc::new(Key::load(reader)?),
    })
}

fn moment(reader: &mut Reader<'_>) -> Result<Moment, DecodeError> {
    let (seconds, nanoseconds) = (reader.u64()?, reader.u32()?);
    if nanoseconds >= 1_000_000_000 {
        return Err(DecodeError::Invalid("a time has too many nanoseconds"));
    }
    Ok(Moment(Duration::new(seconds, nanoseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::FingerprintHash;
    use crate::agent::tests::{Rig, blob};
    use crate::message::Constraint;

    /// What a handover carries is what is held: every constraint, and all that the owner has decided. None of it is as
    /// it would be without a word.
    #[test]
    fn a_state_gives_itself_back() {
        let options = Options {
            default_lifetime: Some(Duration::from_secs(90)),
            allow_remote_admin: true,
            allow_remote_providers: true,
            restrict_websafe: false,
            websafe: "web:*".to_owned(),
            providers: "/opt/*".to_owned(),
            fingerprint: FingerprintHash::Md5,
        };
        let mut rig = Rig::new();
        rig.agent = Agent::new(options);
        let strings = |parts: &[&[u8]]| {
            let mut out = Vec::new();
            parts.iter().for_each(|part| put_string(&mut out, part));
            out
        };
        let to = [strings(&[b"user", b"host", b"", &blob(9)]), vec![0]].concat();
        let body = strings(&[&strings(&[&strings(&[b"", b"", b""]), &to, b""])]);
        rig.add(1, b"bound", &[Constraint::Destinations(&body), Constraint::Lifetime(5)]);
        rig.add(2, b"free", &[]);
        rig.add(3, b"asks", &[Constraint::Confirm]);
        let certified = rig.agent.keyring.remove(&blob(2)).unwrap();
        rig.agent.keyring.insert(Identity { certificate: true, ..certified });
        let mut saved = Vec::new();
        rig.agent.save(&rig.vault, &mut saved).unwrap();
        let mut reader = Reader::new(&saved);
        let loaded = Agent::load(&mut reader, &rig.vault).unwrap();
        assert!(reader.is_empty());
        assert_eq!(loaded.options(), rig.agent.options());
        for cut in 0..saved.len() {
            assert!(Agent::load(&mut Reader::new(&saved[..cut]), &rig.vault).is_err(), "cut at {cut}");
        }
        let shape = |agent: &Agent| {
            let of = |key: &Identity| {
                let bound = key.destinations.as_ref().map(|held| held.as_bytes().to_vec());
                let texts = (key.blob.to_vec(), key.comment.to_vec(), key.fingerprint.clone());
                (key.expires, bound, key.confirm, key.certificate, texts)
            };
            agent.identities().map(of).collect::<Vec<_>>()
        };
        assert_eq!(shape(&loaded), shape(&rig.agent));
        let shape = shape(&loaded);
        assert_eq!((shape[0].1.as_ref(), shape[1].2, shape[2].3), (Some(&body), true, true));
        assert_eq!((shape[2].0, &shape[2].1), (Some(rig.now + Duration::from_secs(90)), &None));
    }

    /// A state that another vault has sealed is none.
    #[test]
    fn a_state_is_opened_by_its_own_vault_alone() {
        let mut rig = Rig::new();
        rig.add(1, b"one", &[]);
        let mut saved = Vec::new();
        rig.agent.save(&rig.vault, &mut saved).unwrap();
        assert!(Agent::load(&mut Reader::new(&saved), &Rig::new().vault).is_err());
    }
}
