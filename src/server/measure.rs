//! What protects the keys and is not the process' own hardening, as `status` tells it.
#![forbid(unsafe_code)]

#[cfg_attr(windows, path = "windows/memory.rs")]
mod memory;

use crate::agent::Options;
use crate::control::{Measure, State};
pub(super) use memory::secret_memory;

/// What peers of other hosts may ask.
pub(super) fn forwarded_peers(options: &Options) -> Measure {
    let (state, detail) = if options.allow_remote_admin {
        (State::Off, "they may add, remove, lock and unlock too, as --allow-remote-admin has it")
    } else {
        (State::On, "they list keys and sign, and no more")
    };
    Measure { name: "forwarded peers".to_owned(), state, detail: detail.to_owned() }
}
