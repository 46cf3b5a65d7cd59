//! What a request asks of a provider's keys.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use super::Process;
use crate::agent::{Constraints, Offered, Refusal};
use crate::key::{Imported, TokenKey, certified_key};
use crate::message::{AddToken, Constraint, DecodeError, Reader};
use crate::token::Found;

/// Most certificates that come with a token, as OpenSSH allows.
const MOST_CERTIFICATES: usize = 1024;

/// The constraints of a request, taken apart.
#[derive(Default)]
pub(super) struct Wish {
    /// What any key may have.
    pub(super) constraints: Constraints,
    /// By the plain keys that they are for.
    certificates: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    certificates_only: bool,
}

impl Wish {
    /// Fails closed: a constraint that cannot be kept refuses all.
    pub(super) fn read(add: &AddToken<'_>) -> Result<Self, Refusal> {
        let mut wish = Self::default();
        for constraint in &add.constraints {
            match *constraint {
                Constraint::AssociatedCerts { only, certificates } => {
                    wish.certificates_only = only;
                    wish.read_certificates(certificates)?;
                }
                ref other => wish.constraints.take(other)?,
            }
        }
        Ok(wish)
    }

    fn read_certificates(&mut self, list: &[u8]) -> Result<(), DecodeError> {
        let (mut reader, mut count) = (Reader::new(list), 0);
        while !reader.is_empty() {
            let certificate = reader.string()?;
            count += 1;
            if count > MOST_CERTIFICATES {
                return Err(DecodeError::Invalid("too many certificates come with the token"));
            }
            let key = certified_key(certificate);
            let key = key.ok_or(DecodeError::Invalid("a certificate of the token's keys cannot be read"))?;
            self.certificates.entry(key).or_default().push(certificate.to_vec());
        }
        Ok(())
    }

    /// The keys as they are to be taken in: for each its certificates, then itself, as OpenSSH orders them.
    pub(super) fn offered(&self, process: &Process, keys: Vec<Found>) -> Vec<Result<Offered, Refusal>> {
        let mut offered = Vec::new();
        for Found { public, label } in keys {
            let named = !label.is_empty() && !label.contains(&0);
            let comment: Arc<[u8]> = if named { label.into() } else { Arc::clone(&process.provider) };
            let certificates = self.certificates.get(&public).into_iter().flatten().map(|blob| Some(&**blob));
            let plain = (!self.certificates_only).then_some(None);
            for certificate in certificates.chain(plain) {
                let (provider, process) = (Arc::clone(&process.provider), process.id);
                let place = TokenKey { provider, process, public: public.as_slice().into() };
                let imported = Imported::on_token(place, certificate).map_err(Refusal::Key);
                offered.push(imported.map(|imported| Offered { imported, comment: Arc::clone(&comment) }));
            }
        }
        offered
    }
}
