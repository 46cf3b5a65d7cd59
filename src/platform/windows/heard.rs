//! What a helper says, heard to its end.
//!
//! Guarantees: so much of it is kept as there is room for, and the rest is thrown away, so that the helper is never kept
//! waiting for somebody who reads; its end is not taken from its pipes, which what it has started may hold for ever.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// So long is waited for what a helper that has ended has said before: it is there already.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A pipe that a helper writes into.
pub struct Heard<'k, R> {
    from: R,
    kept: &'k mut [u8],
    got: usize,
}

impl<'k, R: AsyncRead + Unpin> Heard<'k, R> {
    /// Nothing yet, of what comes `from` there; so much of it is kept as fits.
    pub fn new(from: R, kept: &'k mut [u8]) -> Self {
        Self { from, kept, got: 0 }
    }

    /// Reads until there is no room any more, and for ever where that does not come.
    pub async fn fill(&mut self) {
        self.fill_up().await;
        if self.got < self.kept.len() {
            std::future::pending::<()>().await;
        }
    }

    async fn fill_up(&mut self) {
        while self.got < self.kept.len() {
            match self.from.read(&mut self.kept[self.got..]).await {
                Ok(count @ 1..) => self.got += count,
                _ => return,
            }
        }
    }

    /// Reads for ever.
    pub async fn listen(&mut self) -> Infallible {
        self.fill_up().await;
        let mut rest = Zeroizing::new([0; 256]);
        while matches!(self.from.read(&mut rest[..]).await, Ok(1..)) {}
        std::future::pending().await
    }

    /// Reads what is there already, and says how much was kept.
    pub async fn finish(mut self) -> usize {
        let _ = tokio::time::timeout(LAST_WORDS, self.fill_up()).await;
        self.got
    }
}
