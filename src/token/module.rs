//! One PKCS#11 provider: loaded, logged in to, and asked for its keys.
//!
//! Guarantees: a PIN is tried once on each token, and never where that could be the last try for a token that it may not
//! belong to; a token that refuses hides no other one's keys.
#![forbid(unsafe_code)]

use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;

use super::message::{Failure, Found, Kind, MOST_KEYS};
use super::{object, x509};

/// A provider that was loaded, and what it has.
pub(super) struct Module {
    pub(super) pkcs11: Pkcs11,
    keys: Vec<Held>,
    /// One for each token: with the last of them the login ends.
    sessions: Vec<Session>,
}

/// Where a key is.
pub(super) struct Held {
    public: Vec<u8>,
    pub(super) slot: Slot,
    /// `CKA_ID`: the private half has the same.
    pub(super) id: Vec<u8>,
}

/// What was found, and what was left out.
pub(super) struct Findings {
    pub(super) keys: Vec<Found>,
    pub(super) notes: Vec<String>,
}

impl Module {
    /// Loads the provider and looks for keys in every token that it can log in to.
    pub(super) fn load(provider: &Path, pin: &[u8]) -> Result<(Self, Findings), Failure> {
        let failed = |error: Error| failure(&error, "the provider cannot be used");
        let pkcs11 = Pkcs11::new(provider).map_err(failed)?;
        // One thread, as with OpenSSH.
        pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::empty())).map_err(failed)?;
        let tokens = tokens(&pkcs11)?;
        let mut module = Self { pkcs11, keys: Vec::new(), sessions: Vec::new() };
        let mut findings = Findings { keys: Vec::new(), notes: Vec::new() };
        for (slot, info) in &tokens {
            let opened = module.open(*slot, info, pin, tokens.len() > 1);
            match opened.and_then(|session| module.look(*slot, session, &mut findings)) {
                Ok(()) => {}
                Err(failure) => findings.notes.push(format!("token {}: {}", info.label(), failure.text)),
            }
        }
        if tokens.is_empty() {
            findings.notes.push("the provider has no token".to_owned());
        }
        Ok((module, findings))
    }

    /// Where the key is that `public` names.
    pub(super) fn find(&self, public: &[u8]) -> Option<&Held> {
        self.keys.iter().find(|key| key.public == public)
    }

    fn open(&self, slot: Slot, info: &TokenInfo, pin: &[u8], several: bool) -> Result<Session, Failure> {
        let by_itself = info.protected_authentication_path() && pin.is_empty();
        if info.login_required() && !by_itself {
            if pin.is_empty() {
                return Err(other("it wants a PIN"));
            }
            if info.user_pin_locked() {
                return Err(other("its PIN is locked"));
            }
            if several && info.user_pin_final_try() {
                return Err(other(
                    "a wrong PIN would lock it, and there are other tokens; nothing was tried",
                ));
            }
        }
        let session = self.pkcs11.open_ro_session(slot).map_err(|e| failure(&e, "no session"))?;
        if info.login_required() {
            let pin = Some(pin).filter(|_| !by_itself);
            login(&session, UserType::User, pin)?;
        }
        Ok(session)
    }

    /// Public keys first, then certificates, as OpenSSH looks for them.
    fn look(&mut self, slot: Slot, session: Session, findings: &mut Findings) -> Result<(), Failure> {
        let keys = [Attribute::Class(ObjectClass::PUBLIC_KEY)];
        let certificates =
            [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::CertificateType(CertificateType::X_509)];
        let find = |template: &[Attribute]| {
            session.find_objects(template).map_err(|error| failure(&error, "its keys cannot be listed"))
        };
        let found = find(&keys)?.into_iter().filter_map(|object| public_key(&session, object));
        let certified = find(&certificates)?.into_iter().filter_map(|object| certificate(&session, object));
        for (found, id) in found.chain(certified) {
            if self.keys.len() >= MOST_KEYS {
                return Err(other("it has too many keys"));
            }
            if self.find(&found.public).is_none() {
                self.keys.push(Held { public: found.public.clone(), slot, id });
                findings.keys.push(found);
            }
        }
        self.sessions.push(session);
        Ok(())
    }
}

/// The tokens that were initialized, in the order of their slots.
fn tokens(pkcs11: &Pkcs11) -> Result<Vec<(Slot, TokenInfo)>, Failure> {
    let slots = pkcs11.get_slots_with_token().map_err(|e| failure(&e, "its tokens cannot be listed"))?;
    let known = slots.into_iter().filter_map(|slot| Some((slot, pkcs11.get_token_info(slot).ok()?)));
    Ok(known.filter(|(_, info)| info.token_initialized()).collect())
}

/// Logs in, with the token's own keypad where there is no PIN.
pub(super) fn login(session: &Session, user: UserType, pin: Option<&[u8]>) -> Result<(), Failure> {
    let done = match pin {
        // The one copy of ours beside the order: wiped when dropped.
        Some(pin) => session.login_with_raw(user, &RawAuthPin::new(Box::new(pin.to_vec()))),
        None => session.login(user, None),
    };
    match done {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(error) => Err(failure(&error, "the login failed")),
    }
}

/// The attributes that a key or a certificate is read from; what an object does not have stays empty.
#[derive(Default)]
struct Attributes {
    kind: Option<KeyType>,
    id: Vec<u8>,
    label: Vec<u8>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    parameters: Vec<u8>,
    point: Vec<u8>,
    value: Vec<u8>,
}

impl Attributes {
    fn read(session: &Session, object: ObjectHandle, kinds: &[AttributeType]) -> Option<Self> {
        let mut read = Self::default();
        for attribute in session.get_attributes(object, kinds).ok()? {
            match attribute {
                Attribute::KeyType(kind) => read.kind = Some(kind),
                Attribute::Id(id) => read.id = id,
                Attribute::Label(label) => read.label = label,
                Attribute::Modulus(modulus) => read.modulus = modulus,
                Attribute::PublicExponent(exponent) => read.exponent = exponent,
                Attribute::EcParams(parameters) => read.parameters = parameters,
                Attribute::EcPoint(point) => read.point = point,
                Attribute::Value(value) => read.value = value,
                _ => {}
            }
        }
        Some(read)
    }
}

/// The public key in an object, where it is of a kind that SSH has, and its `CKA_ID`.
fn public_key(session: &Session, object: ObjectHandle) -> Option<(Found, Vec<u8>)> {
    let kind = Attributes::read(session, object, &[AttributeType::KeyType])?.kind?;
    let names = [AttributeType::Id, AttributeType::Label];
    let own: &[AttributeType] = match kind {
        KeyType::RSA => &[AttributeType::Modulus, AttributeType::PublicExponent],
        KeyType::EC | KeyType::EC_EDWARDS => &[AttributeType::EcParams, AttributeType::EcPoint],
        _ => return None,
    };
    let read = Attributes::read(session, object, &[&names, own].concat())?;
    let public = match kind {
        KeyType::RSA => object::rsa(&read.modulus, &read.exponent),
        KeyType::EC => object::ecdsa(&read.parameters, &read.point),
        _ => object::ed25519(&read.parameters, &read.point),
    }?;
    Some((Found { public, label: read.label }, read.id))
}

/// The public key in a certificate; it is called by its subject, as OpenSSH calls it.
fn certificate(session: &Session, object: ObjectHandle) -> Option<(Found, Vec<u8>)> {
    let read = Attributes::read(session, object, &[AttributeType::Id, AttributeType::Value])?;
    let (public, subject) = x509::read(&read.value)?;
    Some((Found { public, label: subject }, read.id))
}

/// A failure that the text alone says.
pub(super) fn other(text: &str) -> Failure {
    Failure { kind: Kind::Other, text: text.to_owned() }
}

/// What the provider's error means to the user.
pub(super) fn failure(error: &Error, doing: &str) -> Failure {
    use RvError as E;
    let Error::Pkcs11(code, _) = error else { return other(&format!("{doing}: {error}")) };
    match code {
        E::PinIncorrect => other("wrong PIN"),
        E::PinLenRange | E::PinInvalid => other("wrong PIN: it cannot be of this length or form"),
        E::PinLocked => other("its PIN is locked"),
        E::PinExpired => other("its PIN has expired"),
        E::UserPinNotInitialized => other("it has no PIN yet"),
        E::UserNotLoggedIn
        | E::DeviceRemoved
        | E::TokenNotPresent
        | E::SessionHandleInvalid
        | E::SessionClosed
        | E::SlotIdInvalid => {
            Failure { kind: Kind::LoginNeeded, text: "it was taken out or logged out".to_owned() }
        }
        code => other(&format!("{doing}: {code:?}")),
    }
}
