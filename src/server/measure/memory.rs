//! What the secrets lie in, as `status` tells it.
#![forbid(unsafe_code)]

use nix::errno::Errno;
use nix::sys::resource::rlim_t;

use crate::control::{Measure, State};
use crate::vault::{Kind, LEAST_LOCKED, Vault, Wish};

/// Where the secrets lie, and why not in better memory.
pub(in crate::server) fn secret_memory(wish: Wish, vault: &Vault) -> Measure {
    let refused = |number| if number == 0 { Errno::ENOSYS } else { Errno::from_raw(number) };
    let (state, detail) = explained(wish, vault.kind(), vault.refused().map(refused), limit());
    Measure { name: "secret memory".to_owned(), state, detail }
}

/// How much memory this process may lock, in bytes.
#[cfg(not(target_os = "macos"))]
fn limit() -> rlim_t {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft)
}

/// macOS counts by the machine (`vm.user_wire_limit`).
#[cfg(target_os = "macos")]
fn limit() -> rlim_t {
    rlim_t::MAX
}

/// `limit` is that on locked memory, in bytes.
fn explained(wish: Wish, kind: Kind, refused: Option<Errno>, limit: rlim_t) -> (State, String) {
    let missing = matches!(refused, None | Some(Errno::ENOSYS));
    // Above the limit the system says one thing, with no limit at all another: that it is not permitted.
    let too_small =
        limit < LEAST_LOCKED as rlim_t || matches!(refused, None | Some(Errno::ENOMEM | Errno::EAGAIN));
    let said = refused.map_or("", Errno::desc);
    match (kind, wish) {
        (Kind::MemfdSecret, _) => {
            (State::On, "keys lie where no other process reads; no hibernation meanwhile".to_owned())
        }
        (Kind::Locked, Wish::Locked) => (
            State::On,
            "keys are not swapped or dumped; better memory (memfd_secret) would stop hibernation".to_owned(),
        ),
        (Kind::Locked, Wish::Memfd) if missing => (
            State::On,
            "keys are not swapped or dumped; this kernel has no better memory (memfd_secret) for us"
                .to_owned(),
        ),
        (Kind::Locked, Wish::Memfd) => (
            State::On,
            format!("keys are not swapped or dumped; better memory (memfd_secret) was refused: {said}"),
        ),
        (Kind::Unlocked, _) if too_small => (
            State::Refused,
            "the limit on locked memory (ulimit -l) is too small; it may be swapped".to_owned(),
        ),
        (Kind::Unlocked, _) => {
            (State::Refused, format!("the system locks no memory for us: {said}; it may be swapped"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_systems_own() {
        let detail = |wish, kind, refused, limit| explained(wish, kind, refused, limit).1;
        let limit = LEAST_LOCKED as rlim_t;
        for (kind, wish, refused, limit, words) in [
            (Kind::Locked, Wish::Memfd, Errno::ENOSYS, limit, "this kernel has no better memory"),
            (Kind::Locked, Wish::Memfd, Errno::EMFILE, limit, "was refused: Too many open files"),
            (
                Kind::Unlocked,
                Wish::Memfd,
                Errno::EPERM,
                limit,
                "locks no memory for us: Operation not permitted",
            ),
            (Kind::Unlocked, Wish::Locked, Errno::EPERM, limit - 1, "(ulimit -l) is too small"),
            (Kind::Unlocked, Wish::Locked, Errno::ENOMEM, limit, "(ulimit -l) is too small"),
        ] {
            let detail = detail(wish, kind, Some(refused), limit);
            assert!(detail.contains(words), "{detail}");
        }
    }
}
