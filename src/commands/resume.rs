//! `myagent resume`: the other side of a handover. An agent runs this from a sealed copy of the program: first as a child
//! with `--check`, which reads everything and says so, then in its own place.
//!
//! Guarantees: the check changes nothing and serves nobody; what is taken over is closed to other processes before the
//! first byte of it is read (the copy cannot be read, so this process was closed from its start).
#![forbid(unsafe_code)]

use super::{print, serve};
use crate::cli;
use crate::error::Error;
use crate::platform::handover::{self, PASSAGE};
use crate::platform::{activation, harden, lasting, process};
use crate::server::state::{self, DESCRIPTORS, Head};
use crate::server::{self, Config, Mode, Sockets};
use crate::vault::Passage;
use crate::{logging, platform::lock::InstanceLock};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use zeroize::Zeroizing;

pub(super) fn run(options: &cli::Resume) -> Result<(), Error> {
    // After the execution of a descriptor the kernel names the process after that.
    process::set_name(c"myagent");
    let mut measures = harden::harden_again();
    let inherited = handover::inherited(&options.descriptors)
        .map_err(|error| Error::io("take the descriptors of a predecessor", error))?;
    measures.push(process::close_inherited(&inherited.iter().map(AsFd::as_fd).collect::<Vec<_>>()));
    let mut inherited = inherited.into_iter();
    let first: Vec<_> = inherited.by_ref().take(DESCRIPTORS + 2).collect();
    let Ok([bytes, passage, agent, control, lock]) = <[OwnedFd; DESCRIPTORS + 2]>::try_from(first) else {
        return Err(Error::Refused("only an agent runs this".to_owned()));
    };
    let tokens: Vec<OwnedFd> = inherited.collect();
    let taken = take(bytes, passage, [agent, control, lock]).and_then(|taken| {
        let wanted = taken.0.0.descriptors() - DESCRIPTORS;
        if tokens.len() == wanted { Ok(taken) } else { Err("a descriptor is missing".to_owned()) }
    });
    if options.check {
        return print(&match taken {
            Ok(((_, _, agent), _)) => format!("ok {} keys, format {}\n", agent.key_count(), state::FORMAT),
            Err(reason) => format!("{reason}\n"),
        });
    }
    let ((head, vault, agent), (sockets, lock)) = taken.map_err(Error::Refused)?;
    // Before there is a thread, and never in the one that is only tried out.
    measures.push(if head.calls_refused { harden::calls_are_refused() } else { harden::refuse_calls() });
    lasting::reap_strays();
    let log = head.places.log.as_ref().filter(|_| head.mode == Mode::Daemon);
    let _log = match log {
        Some(path) => logging::to_file(head.level, path, true).ok(),
        None if head.mode == Mode::Daemon => None,
        None => Some(logging::to_stderr(head.level, !serve::is_service())),
    };
    // A daemon is no service of whoever's variable it has inherited.
    let ready = if head.mode == Mode::Daemon { || () } else { activation::ready };
    let result = server::resume(config(&head, measures, lock), sockets, (head, vault, agent), tokens, ready);
    result.inspect_err(|error| tracing::error!("{error}"))
}

type State = (Head, crate::vault::Vault, crate::agent::Agent);

/// Everything that was handed down, or what is wrong with it.
fn take(
    bytes: OwnedFd,
    passage: OwnedFd,
    rest: [OwnedFd; DESCRIPTORS],
) -> Result<(State, (Sockets, InstanceLock)), String> {
    let mut state = Vec::new();
    File::from(bytes).read_to_end(&mut state).map_err(|error| format!("no state: {error}"))?;
    let half = Zeroizing::new(std::env::var(PASSAGE).unwrap_or_default());
    let passage = Passage::arrived(passage, &half).ok_or("half of the key is missing")?;
    let state = state::load(&state, passage)?;
    let rest = state.0.adopt(rest)?;
    Ok((state, rest))
}

fn config(head: &Head, measures: Vec<crate::control::Measure>, lock: InstanceLock) -> Config {
    Config {
        places: head.places.clone(),
        mode: head.mode,
        measures,
        secret_memory: head.secret_memory,
        lock: Some(lock),
        program: head.program.clone(),
        level: head.level,
        // One that ends with a command is not restarted.
        ends_with: None,
    }
}
