//! The process that holds a provider: it closes itself, greets, and does one order after the other until the agent's end
//! of the socket closes.
//!
//! Guarantees: nothing foreign is loaded before the process is closed to others; the provider finds neither the agent's
//! descriptors nor its terminal; one process loads one provider, once, and closes itself further before anybody hears
//! which keys that has.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::message::{Answer, Failure, MAX_ORDER, Order, greeting};
use super::module::{Findings, Module, other};
use super::sign::Wanted;
use crate::error::Error;
use crate::platform::lasting;
use crate::platform::seccomp::Unfiltered;
use crate::vault::{SecretBuf, Vault, Wish, scrubbed};

/// Serves the agent that has started this process.
///
/// # Errors
/// [`Error`], where that was no agent, or it says what cannot be understood.
pub fn run() -> Result<(), Error> {
    let socket = lasting::inside().map_err(|_| Error::Refused("only an agent runs this".to_owned()))?;
    let failed = |error| Error::io("serve the agent", error);
    let vault = Vault::new(Wish::Locked).map_err(|error| failed(std::io::Error::other(error)))?;
    send(&socket, &greeting()).map_err(failed)?;
    let mut module = None;
    while let Some(body) = receive(&socket, &vault).map_err(failed)? {
        let order = Order::decode(&body).map_err(|error| Error::Refused(error.to_string()))?;
        let answer = scrubbed(|| obey(&order, &mut module)).unwrap_or_else(Answer::Failed);
        // The PIN goes before anybody hears that it was used.
        drop(body);
        send(&socket, &answer.encode()).map_err(failed)?;
    }
    Ok(())
}

fn obey(order: &Order<'_>, module: &mut Option<Module>) -> Result<Answer, Failure> {
    match (order, module) {
        (Order::Load { provider, pin }, slot @ None) => {
            let (loaded, Findings { keys, notes }) =
                Module::load(Path::new(OsStr::from_bytes(provider)), pin)?;
            let unconfined = confine()?;
            *slot = Some(loaded);
            Ok(Answer::Keys { keys, notes, unconfined })
        }
        (&Order::Sign { public, hash, data, pin }, Some(module)) => {
            module.sign(&Wanted { public, hash, data, pin }).map(Answer::Signature)
        }
        (Order::Load { .. }, Some(_)) => Err(other("the provider is loaded already")),
        (Order::Sign { .. }, None) => Err(other("no provider is loaded")),
    }
}

/// Closes the process further, now that the provider has started what it needs; gives why the system does not.
///
/// Where that refuses, or what the provider has started runs on, the keys are usable all the same, and `status` tells:
/// without them a person with such a kernel would go back to an agent that has no process for a provider at all. A
/// provider that stands in the way itself is not used.
fn confine() -> Result<Option<String>, Failure> {
    match lasting::confine() {
        Ok(()) => Ok(None),
        Err(Unfiltered::Thread(_)) => Err(other("one of its threads cannot be confined")),
        Err(reason) => Ok(Some(reason.to_string())),
    }
}

fn send(mut socket: &UnixStream, body: &[u8]) -> std::io::Result<()> {
    let len = u32::try_from(body.len()).map_err(std::io::Error::other)?;
    socket.write_all(&[&len.to_be_bytes(), body].concat())
}

/// The next order, in memory that is wiped; none where the agent is gone.
fn receive(mut socket: &UnixStream, vault: &Vault) -> std::io::Result<Option<SecretBuf>> {
    let mut len = [0; 4];
    if socket.read(&mut len[..1])? == 0 {
        return Ok(None);
    }
    socket.read_exact(&mut len[1..])?;
    let len = usize::try_from(u32::from_be_bytes(len)).ok().filter(|len| *len <= MAX_ORDER);
    let len = len.ok_or(std::io::ErrorKind::InvalidData)?;
    let mut body = vault.buffer(len);
    body.resize(len);
    socket.read_exact(&mut body)?;
    Ok(Some(body))
}
