//! `myagent guard`: keeps a service manager's socket unit from unlinking the socket of a living agent, of whose lock
//! it knows nothing.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::platform::lock::InstanceLock;
use crate::platform::paths::{self, Environment};

/// Succeeds where nobody holds the lock. A lock that cannot be looked at is nobody's: an agent could not hold it
/// either.
pub(super) fn run() -> Result<(), Error> {
    for candidate in paths::candidates(&Environment::current())? {
        let Ok(lock) = candidate.lock() else { continue };
        if let Some(holder) = InstanceLock::holder(lock) {
            return Err(Error::Guarded { lock: lock.to_owned(), holder: holder.to_string() });
        }
    }
    Ok(())
}
