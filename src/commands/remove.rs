//! `myagent remove`: has the agent forget keys, by their files or fingerprints, or all of them.
//!
//! A key goes with its certificates. No passphrase is needed where the file, or the `.pub` file beside it, shows the public
//! half.
#![forbid(unsafe_code)]

use super::add::bytes;
use super::{agent, complain, list, print};
use crate::cli;
use crate::client::{Agent, KeyError, Listed};
use crate::error::{Error, STATUS_FAILED, STATUS_OK};
use crate::keyfile::{self, Refusal};
use crate::vault::{Vault, Wish};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What a fingerprint begins with.
const FINGERPRINT: &str = "SHA256:";

/// Removes the keys, and gives the exit status.
pub(super) fn run(options: &cli::Remove) -> Result<u8, Error> {
    let mut agent = agent()?;
    if options.all {
        if !agent.remove_all()? {
            return Err(Error::Refused("it has not removed its keys".to_owned()));
        }
        return Ok(STATUS_OK);
    }
    let (held, mut removed) = (agent.list()?, Vec::new());
    let mut failed = false;
    for name in &options.keys {
        if let Err(error) = remove(&mut agent, &held, &mut removed, name) {
            complain(&error);
            failed = true;
        }
    }
    Ok(if failed { STATUS_FAILED } else { STATUS_OK })
}

/// `removed` has the fingerprints of those that are gone already: a key's two files name the same one.
fn remove(agent: &mut Agent, held: &[Listed], removed: &mut Vec<String>, name: &OsStr) -> Result<(), Error> {
    let wanted = match name.to_str() {
        Some(text) if text.starts_with(FINGERPRINT) => text.to_owned(),
        _ => list::fingerprint(&public(Path::new(name))?),
    };
    if removed.contains(&wanted) {
        return Ok(());
    }
    let mut found = false;
    for key in held.iter().filter(|key| list::fingerprint(&key.blob) == wanted) {
        if agent.remove(&key.blob)? {
            found = true;
            print(&format!("removed {}\n", list::line(&key.blob, &key.comment)))?;
        }
    }
    if !found {
        return Err(KeyError::NotHeld(name.to_string_lossy().into_owned()).into());
    }
    removed.push(wanted);
    Ok(())
}

/// The public half of a file: its own, that of the `.pub` file beside it, or that of its open private half.
fn public(path: &Path) -> Result<Vec<u8>, Error> {
    let file = bytes(path)?;
    let refusal = match keyfile::public(&file) {
        Ok(blob) => return Ok(blob),
        Err(refusal) => refusal,
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    if let Some(blob) = bytes(&PathBuf::from(beside)).ok().and_then(|file| keyfile::public(&file).ok()) {
        return Ok(blob);
    }
    let refused = |refusal| Error::from(KeyError::File { path: path.to_owned(), refusal });
    if refusal != Refusal::Encrypted {
        return Err(refused(refusal));
    }
    let vault = Vault::new(Wish::Locked)
        .map_err(|e| Error::io("set secret memory aside", std::io::Error::other(e)))?;
    match keyfile::read(&file, b"", &vault) {
        Ok(key) => Ok(key.public.to_vec()),
        Err(Refusal::Encrypted) => Err(refused(Refusal::Hidden)),
        Err(refusal) => Err(refused(refusal)),
    }
}
