//! All that an agent is, on its way into the next program: as bytes, and the descriptors beside them.
//!
//! Guarantees: a state of another format, or with one bit changed, is refused as a whole. No secret is in it in
//! the clear: keys and the lock stay sealed, and what opens them goes another way (`Vault::passage`).
//! The order of the descriptors: the agent socket, the control socket, the lock; then a socket for each process of a provider.
#![forbid(unsafe_code)]

use std::borrow::Borrow;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::level_filters::LevelFilter;

use super::asking::Questions;
use super::token::{Process, SavedProcesses};
use super::{Mode, Shared, Sockets};
use crate::agent::Agent;
use crate::message::{DecodeError, Reader, put_string, put_u32, put_u64};
use crate::platform::BoundSocket;
use crate::platform::executable::Program;
use crate::platform::harden::are_calls_refused;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::Places;
use crate::vault::{Passage, Vault, VaultError, Wish};

/// Version of the encoding: it grows with every change to it, the agent's and the keys' included.
pub const FORMAT: u32 = 3;

const MAGIC: &[u8; 8] = b"myagent\n";

/// Descriptors that belong to a state, beside the one that it is read from and the passage of the key.
pub const DESCRIPTORS: usize = 3;

/// What a state says but for the agent's own part.
#[derive(Debug)]
pub struct Head {
    /// Where the agent's files are.
    pub places: Places,
    /// The lock file.
    lock: PathBuf,
    /// How it was started.
    pub mode: Mode,
    /// Which memory is to hold its secrets: asked before its first secret memory existed.
    pub secret_memory: Wish,
    /// This process' life long the kernel refuses it the calls that it has no use for.
    pub calls_refused: bool,
    /// How much it logs.
    pub level: LevelFilter,
    /// The program that it was started as.
    pub program: Program,
    /// When its first program started.
    pub started: SystemTime,
    /// Programs before this one.
    pub handovers: u32,
    /// Device and inode of the agent socket and of the control socket, where their files are ours.
    identities: [Option<(u64, u64)>; 2],
    /// Where people can be asked, and which numbers questions have had.
    pub(super) questions: Questions,
    /// The processes of providers; their sockets' descriptors come after the others.
    pub processes: SavedProcesses,
}

impl Shared {
    /// The state as bytes, with these processes of providers.
    pub(super) fn save(&self, processes: &[Arc<Process>]) -> Result<Vec<u8>, VaultError> {
        let (config, mut out) = (&self.config, MAGIC.to_vec());
        put_u32(&mut out, FORMAT);
        let Places { socket, control, log } = &config.places;
        let (control, log) = (control.clone().unwrap_or_default(), log.clone().unwrap_or_default());
        let lock = config.lock.as_ref().map(InstanceLock::path).unwrap_or(Path::new(""));
        for path in [socket, &control, lock, &log, &config.program.path] {
            put_string(&mut out, path.as_os_str().as_bytes());
        }
        out.push(u8::from(config.program.trust_own));
        out.push(config.mode as u8);
        out.push(u8::from(config.secret_memory == Wish::Memfd));
        out.push(u8::from(are_calls_refused(&config.measures)));
        put_string(&mut out, config.level.to_string().as_bytes());
        put_u64(&mut out, self.started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
        put_u32(&mut out, self.handovers.saturating_add(1));
        let control = self.sockets.control.as_ref().and_then(|socket| socket.identity);
        for identity in [self.sockets.agent.identity, control] {
            out.push(u8::from(identity.is_some()));
            let (device, inode) = identity.unwrap_or_default();
            put_u64(&mut out, device);
            put_u64(&mut out, inode);
        }
        self.questions.save(&mut out);
        self.tokens.save(processes, &mut out);
        self.agent().save(&self.vault, &mut out)?;
        let witness = self.vault.witness(&out)?;
        out.extend_from_slice(&witness);
        Ok(out)
    }

    /// What goes beside the bytes: the agent socket, the control socket, the lock. None without the last two.
    pub(super) fn descriptors(&self) -> Option<[BorrowedFd<'_>; DESCRIPTORS]> {
        let (control, lock) = (self.sockets.control.as_ref()?, self.config.lock.as_ref()?);
        Some([self.sockets.agent.as_fd(), control.as_fd(), lock.as_fd()])
    }
}

impl Head {
    /// Reads the part of a state that comes before the agent's.
    ///
    /// # Errors
    /// [`DecodeError`], where it is none, or of another format.
    pub fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.bytes(MAGIC.len())? != MAGIC || reader.u32()? != FORMAT {
            return Err(DecodeError::Invalid("the state is of another format"));
        }
        let mut path = || reader.string().map(|bytes| PathBuf::from(OsStr::from_bytes(bytes)));
        let (socket, control, lock, log, program) = (path()?, path()?, path()?, path()?, path()?);
        let log = Some(log).filter(|path| !path.as_os_str().is_empty());
        let trust_own = reader.bool()?;
        let mode = [Mode::Daemon, Mode::Service, Mode::Terminal].into_iter().find({
            let number = reader.u8()?;
            move |mode| *mode as u8 == number
        });
        let secret_memory = if reader.bool()? { Wish::Memfd } else { Wish::Locked };
        let calls_refused = reader.bool()?;
        let level = reader.text()?.parse().map_err(|_| DecodeError::Invalid("unknown log level"))?;
        let started = UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX).min(reader.u64()?));
        let handovers = reader.u32()?;
        let mut identity = || -> Result<Option<(u64, u64)>, DecodeError> {
            let ours = reader.bool()?;
            let identity = (reader.u64()?, reader.u64()?);
            Ok(ours.then_some(identity))
        };
        Ok(Self {
            places: Places { socket, control: Some(control), log },
            lock,
            mode: mode.ok_or(DecodeError::Invalid("unknown mode"))?,
            secret_memory,
            calls_refused,
            level,
            program: Program { path: program, trust_own },
            started,
            handovers,
            identities: [identity()?, identity()?],
            questions: Questions::load(reader)?,
            processes: SavedProcesses::load(reader)?,
        })
    }

    /// How many descriptors belong to the state.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        DESCRIPTORS + self.processes.sockets()
    }

    /// The sockets and the lock out of their descriptors.
    ///
    /// # Errors
    /// The sentence that says which of them is not what it should be.
    pub fn adopt(&self, descriptors: [OwnedFd; DESCRIPTORS]) -> Result<(Sockets, InstanceLock), String> {
        let [agent, control, lock] = descriptors;
        let socket = |descriptor, identity, path: &PathBuf| {
            let socket = BoundSocket::inherited(descriptor, identity).map_err(|e| e.to_string())?;
            if socket.path == *path {
                Ok(socket)
            } else {
                Err(format!("{} is not that socket", path.display()))
            }
        };
        let agent = socket(agent, self.identities[0], &self.places.socket)?;
        let path = self.places.control.clone().unwrap_or_default();
        let control = socket(control, self.identities[1], &path)?;
        let lock = InstanceLock::inherited(lock, &self.lock).map_err(|e| e.to_string())?;
        Ok((Sockets { agent, control: Some(control) }, lock))
    }
}

/// A state out of its bytes, every key opened once; the memory is what the state asks for.
///
/// # Errors
/// The sentence that says what is wrong with it.
pub fn load(bytes: &[u8], passage: Passage) -> Result<(Head, Vault, Agent), String> {
    read(bytes, |wish| Vault::resume(wish, passage))
}

fn read<V: Borrow<Vault>>(
    bytes: &[u8],
    open: impl FnOnce(Wish) -> Result<V, VaultError>,
) -> Result<(Head, V, Agent), String> {
    let damaged = || "the state is not what was handed over".to_owned();
    let (state, witness) = bytes.split_last_chunk().ok_or_else(damaged)?;
    let mut reader = Reader::new(state);
    let head = Head::load(&mut reader).map_err(|e| e.to_string())?;
    let vault = open(head.secret_memory).map_err(|e| e.to_string())?;
    if !vault.borrow().attests(state, witness) {
        return Err(damaged());
    }
    let agent = Agent::load(&mut reader, vault.borrow()).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    Ok((head, vault, agent))
}

#[cfg(test)]
pub(super) mod tests;
