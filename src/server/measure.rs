//! What protects the keys and is not the process' own hardening, as `status` tells it.
#![forbid(unsafe_code)]

use crate::agent::Options;
use crate::control::{Measure, State};
use crate::vault::{Kind, Wish};

/// Where the secrets lie.
pub(super) fn secret_memory(wish: Wish, kind: Kind) -> Measure {
    let (state, detail) = match (kind, wish) {
        (Kind::MemfdSecret, _) => {
            (State::On, "keys lie where no other process reads; no hibernation meanwhile")
        }
        (Kind::Locked, Wish::Memfd) => (
            State::On,
            "keys are not swapped or dumped; this kernel has no better memory (memfd_secret) for us",
        ),
        (Kind::Locked, Wish::Locked) => {
            (State::On, "keys are not swapped or dumped; better memory (memfd_secret) would stop hibernation")
        }
        (Kind::Unlocked, _) => {
            (State::Refused, "the limit on locked memory (ulimit -l) is too small; it may be swapped")
        }
    };
    Measure { name: "secret memory".to_owned(), state, detail: detail.to_owned() }
}

/// What peers of other hosts may ask.
pub(super) fn forwarded_peers(options: &Options) -> Measure {
    let (state, detail) = if options.allow_remote_admin {
        (State::Off, "they may add, remove, lock and unlock too, as --allow-remote-admin has it")
    } else {
        (State::On, "they list keys and sign, and no more")
    };
    Measure { name: "forwarded peers".to_owned(), state, detail: detail.to_owned() }
}
