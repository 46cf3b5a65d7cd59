//! What the secrets lie in on Windows, as `status` tells it.
#![forbid(unsafe_code)]

use crate::control::{Measure, State};
use crate::vault::{Kind, Vault, Wish};

/// Where the secrets lie. Windows has one kind of memory for them, whatever was wished for.
pub(in crate::server) fn secret_memory(_: Wish, vault: &Vault) -> Measure {
    let (state, detail) = match (vault.kind(), vault.refused()) {
        (Kind::Locked | Kind::MemfdSecret, _) => {
            (State::On, "keys are not swapped, and left out of error reports".to_owned())
        }
        (Kind::Unlocked, refused) => {
            let said = refused.map(|number| format!(": {}", std::io::Error::from_raw_os_error(number)));
            let said = said.unwrap_or_default();
            (State::Refused, format!("the system locks no memory for us{said}; it may be swapped"))
        }
    };
    Measure { name: "secret memory".to_owned(), state, detail }
}
