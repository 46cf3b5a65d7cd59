//! Waiting for the end of another process, by a handle that means that very process.
#![forbid(unsafe_code)]

use std::io;
use std::time::Duration;

use super::process::Handle;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A process that is waited for.
#[derive(Debug)]
pub struct Life(Handle);

impl Life {
    /// That of the process with this number.
    ///
    /// # Errors
    /// The system's, as where it has ended already.
    pub fn of(pid: u32) -> io::Result<Self> {
        Handle::to_wait_for(pid).map(Self)
    }

    /// Returns when it has ended.
    pub async fn ended(&self) {
        while self.0.runs() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
