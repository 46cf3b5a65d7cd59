//! `myagent lock` and `unlock`: the agent's password, from a person to the agent.
#![forbid(unsafe_code)]

use super::agent;
use crate::client::{Asker, KeyError};
use crate::error::Error;
use subtle::ConstantTimeEq;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Lock,
    Unlock,
}

pub(super) fn run(way: Way) -> Result<(), Error> {
    let (mut agent, mut asker) = (agent()?, Asker::default());
    let password = asker.ask("Enter lock password: ")?;
    if password.is_empty() {
        return Err(KeyError::NoPassword("no password was entered").into());
    }
    let (done, refused) = match way {
        Way::Lock => {
            let again = asker.ask("Again: ")?;
            if !bool::from(password.ct_eq(&again)) {
                return Err(KeyError::NoPassword("the passwords are not the same").into());
            }
            (agent.lock(&password)?, "it is locked already")
        }
        Way::Unlock => (agent.unlock(&password)?, "the password is wrong, or it is not locked"),
    };
    if done { Ok(()) } else { Err(Error::Refused(refused.to_owned())) }
}
