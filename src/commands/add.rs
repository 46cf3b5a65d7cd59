//! `myagent add`: loads keys from files into the running agent, as ssh-add does.
//!
//! Guarantees: a key that cannot be bound to what the command line asks for is not added; a file that gives no key keeps
//! no other from being tried; passphrases and keys are wiped when they have been used.
#![forbid(unsafe_code)]

mod file;

use super::{agent, complain, print};
use crate::cli;
use crate::client::{Agent, Asker, KeyError, destination};
use crate::error::{Error, STATUS_FAILED, STATUS_OK};
use crate::keyfile::{self, KeyFile, Refusal};
use crate::message::{AddIdentity, Constraint, PrivateKey};
use crate::platform::ssh_files;
use crate::platform::terminal::visible;
use crate::vault::{Vault, Wish};
pub(super) use file::bytes;
use file::{ReadFile, STDIN};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The files that are loaded where none is named, in ssh-add's order.
const USUAL: [&str; 6] =
    ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_mldsa44_ed25519"];

/// How often a passphrase may be wrong.
const TRIES: usize = 3;

never_copied_or_shown!(Loading);

/// Adds the files, and gives the exit status.
pub(super) fn run(options: &cli::Add) -> Result<u8, Error> {
    let agent = agent()?;
    let home = ssh_files::own();
    let mut loading = Loading::new(agent, options, home.as_deref())?;
    let files = match (options.files.is_empty(), home) {
        (false, _) => options.files.clone(),
        (true, Some(directory)) => usual(&directory)?,
        (true, None) => return Err(Error::NoHome),
    };
    let mut failed = false;
    for file in files {
        if let Err(error) = loading.add(&file) {
            complain(&error);
            failed = true;
        }
    }
    Ok(if failed { STATUS_FAILED } else { STATUS_OK })
}

/// The usual files that are there.
fn usual(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let there: Vec<PathBuf> =
        USUAL.iter().map(|name| directory.join(name)).filter(|path| path.exists()).collect();
    if there.is_empty() {
        return Err(KeyError::NoFiles { directory: directory.to_owned() }.into());
    }
    Ok(there)
}

/// What is needed for each file.
struct Loading {
    agent: Agent,
    asker: Asker,
    /// Keys are checked with it.
    vault: Vault,
    /// The last one that was right: it may be the next file's as well.
    passphrase: Zeroizing<Vec<u8>>,
    life: Option<u32>,
    confirm: bool,
    destinations: Option<Vec<u8>>,
    /// Who talks to FIDO tokens.
    provider: String,
}

impl Loading {
    fn new(agent: Agent, options: &cli::Add, directory: Option<&Path>) -> Result<Self, Error> {
        let mut hosts = options.hosts.clone();
        if hosts.is_empty() {
            hosts = ssh_files::known_hosts(directory);
        }
        let bound = (!options.destinations.is_empty())
            .then(|| destination::constraint(&options.destinations, &hosts))
            .transpose()?;
        let vault = Vault::new(Wish::Locked);
        Ok(Self {
            agent,
            asker: Asker::default(),
            vault: vault.map_err(|e| Error::io("set secret memory aside", std::io::Error::other(e)))?,
            passphrase: Zeroizing::default(),
            life: options.life.filter(|life| *life != 0),
            confirm: options.confirm,
            destinations: bound,
            provider: std::env::var("SSH_SK_PROVIDER").unwrap_or_else(|_| "internal".to_owned()),
        })
    }

    /// Adds the key of one file, and its certificates.
    fn add(&mut self, path: &Path) -> Result<(), Error> {
        let file = file::read(path)?;
        let key = self.open(&file)?;
        let refused = |refusal| Error::from(KeyError::File { path: path.to_owned(), refusal });
        let shown = file.shown();
        let comment = if key.comment.is_empty() { shown.as_bytes() } else { &key.comment };
        self.send(&file, key.plain().map_err(refused)?, &key.public, comment)?;
        if let Some(certificate) = &key.certificate {
            self.send(&file, key.certified(certificate).map_err(refused)?, certificate, comment)?;
        }
        let Some((certificate_file, certificate)) = file.certificate()? else { return Ok(()) };
        let refused = |refusal| Error::from(KeyError::File { path: certificate_file.path.clone(), refusal });
        self.send(&certificate_file, key.certified(&certificate).map_err(refused)?, &certificate, comment)
    }

    fn send(
        &mut self,
        file: &ReadFile,
        key: PrivateKey<'_>,
        blob: &[u8],
        comment: &[u8],
    ) -> Result<(), Error> {
        let provider =
            matches!(key, PrivateKey::Sk(_)).then_some(Constraint::SkProvider(self.provider.as_bytes()));
        // In ssh-add's order.
        let constraints: Vec<Constraint<'_>> = [
            self.life.map(Constraint::Lifetime),
            self.confirm.then_some(Constraint::Confirm),
            provider,
            self.destinations.as_deref().map(Constraint::Destinations),
        ]
        .into_iter()
        .flatten()
        .collect();
        let add = AddIdentity { constrained: !constraints.is_empty(), key, comment, constraints };
        if !self.agent.add(&add)? {
            return Err(KeyError::NotTaken { path: file.path.clone() }.into());
        }
        print(&format!("added {}: {}\n", visible(&file.shown()), super::list::line(blob, comment)))
    }

    /// Opens a file: without a passphrase, with the last one, and with what a person enters.
    fn open(&mut self, file: &ReadFile) -> Result<KeyFile, Error> {
        let refused = |refusal| Error::from(KeyError::File { path: file.path.clone(), refusal });
        let tried = match keyfile::read(&file.bytes, b"", &self.vault) {
            Err(Refusal::Encrypted) if !self.passphrase.is_empty() => {
                keyfile::read(&file.bytes, &self.passphrase, &self.vault)
            }
            tried => tried,
        };
        match tried {
            Err(Refusal::Encrypted | Refusal::WrongPassphrase) => {}
            tried => return tried.map_err(refused),
        }
        let each_use = if self.confirm { " (will confirm each use)" } else { "" };
        for attempt in 0..TRIES {
            let how = if attempt == 0 { "Enter passphrase for" } else { "Bad passphrase, try again for" };
            let passphrase = self.asker.ask(&format!("{how} {}{each_use}: ", file.shown()))?;
            if passphrase.is_empty() {
                return Err(refused(Refusal::Encrypted));
            }
            match keyfile::read(&file.bytes, &passphrase, &self.vault) {
                Err(Refusal::WrongPassphrase) => {}
                tried => {
                    self.passphrase = passphrase;
                    return tried.map_err(refused);
                }
            }
        }
        Err(refused(Refusal::WrongPassphrase))
    }
}

impl ReadFile {
    /// What the file is called to a person.
    fn shown(&self) -> String {
        if self.path.as_os_str() == STDIN { "(stdin)".to_owned() } else { self.path.display().to_string() }
    }

    /// The certificate that lies beside it, where there is one, and its file.
    fn certificate(&self) -> Result<Option<(Self, Vec<u8>)>, Error> {
        if self.path.as_os_str() == STDIN {
            return Ok(None);
        }
        let mut path = self.path.clone().into_os_string();
        path.push("-cert.pub");
        let path = PathBuf::from(path);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = bytes(&path)?;
        let unread = Refusal::Damaged("it holds no certificate that can be read");
        let blob =
            keyfile::public(&bytes).map_err(|_| KeyError::File { path: path.clone(), refusal: unread })?;
        Ok(Some((Self { path, bytes }, blob)))
    }
}
