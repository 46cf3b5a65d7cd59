//! What a helper prints: the first of it is kept, the rest thrown away.
//!
//! Guarantees: the helper is never kept waiting for somebody who reads; its end is not taken from its pipes, which what
//! it has started may hold for ever.
#![forbid(unsafe_code)]

use std::convert::Infallible;

use nix::unistd::read;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use zeroize::Zeroizing;

/// A pipe that a helper writes into.
pub struct Heard<'k> {
    from: Receiver,
    kept: &'k mut [u8],
    got: usize,
}

impl<'k> Heard<'k> {
    /// Nothing yet, of what comes `from` there; so much of it is kept as fits.
    pub fn new(from: Receiver, kept: &'k mut [u8]) -> Self {
        Self { from, kept, got: 0 }
    }

    /// Reads until there is no room any more, and for ever where that does not come.
    pub async fn fill(&mut self) {
        while self.got < self.kept.len() {
            match self.from.read(&mut self.kept[self.got..]).await {
                Ok(count @ 1..) => self.got += count,
                _ => std::future::pending().await,
            }
        }
    }

    /// Reads for ever.
    pub async fn listen(&mut self) -> Infallible {
        self.fill().await;
        let mut rest = Zeroizing::new([0; 256]);
        while matches!(self.from.read(&mut rest[..]).await, Ok(1..)) {}
        std::future::pending().await
    }

    /// Reads what is there already, and says how much was kept.
    #[allow(clippy::unused_async)] // elsewhere it waits for them
    pub async fn finish(mut self) -> usize {
        // Past the runtime: what it has not heard of yet counts, too.
        while let Ok(count @ 1..) = read(&self.from, &mut self.kept[self.got..]) {
            self.got += count;
        }
        self.got
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn the_first_is_kept_and_all_is_heard() {
        let (ours, mut theirs) = std::io::pipe().unwrap();
        let mut kept = [0; 4096];
        let mut heard = Heard::new(Receiver::from_owned_fd(ours.into()).unwrap(), &mut kept);
        let writing = std::thread::spawn(move || theirs.write_all(&[7; 1 << 20]).unwrap());
        assert!(timeout(Duration::from_secs(60), heard.fill()).await.is_ok());
        while !writing.is_finished() {
            assert!(timeout(Duration::from_millis(20), heard.listen()).await.is_err());
        }
        assert_eq!((heard.finish().await, kept), (4096, [7; 4096]));
    }

    /// Also what the runtime has had no turn to see.
    #[tokio::test]
    async fn what_is_there_at_the_end_is_heard() {
        let (ours, mut theirs) = std::io::pipe().unwrap();
        let mut kept = [0; 16];
        let heard = Heard::new(Receiver::from_owned_fd(ours.into()).unwrap(), &mut kept);
        theirs.write_all(b"no").unwrap();
        assert_eq!((heard.finish().await, &kept[..3]), (2, &b"no\0"[..]));
    }
}
