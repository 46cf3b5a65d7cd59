//! Whether the other end of a connection is still there, seen without reading from it.
//!
//! Guarantees: a peer that has closed, also in one direction alone, counts as gone, whatever it has sent before that and
//! nobody has read; a descriptor of its own is held only while somebody waits. Takes no byte out of the connection.
#![forbid(unsafe_code)]

use std::os::fd::BorrowedFd;

/// Returns when the peer of this stream socket has hung up, and never where the system cannot say so. Needs a tokio
/// runtime.
#[cfg(target_os = "linux")]
pub async fn hung_up(socket: BorrowedFd<'_>) {
    let watched = socket.try_clone_to_owned().and_then(super::linux::watch);
    let Ok(watched) = watched else { return never("a descriptor").await };
    loop {
        let Ok(mut ready) = watched.readable().await else { return never("the runtime").await };
        if ready.ready().is_read_closed() {
            return;
        }
        // Bytes that arrived: they are the next request, and no news here.
        ready.clear_ready();
    }
}

/// Elsewhere: by looking again and again.
#[cfg(not(target_os = "linux"))]
pub async fn hung_up(socket: BorrowedFd<'_>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    /// Soon enough for a dialog to go.
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
    loop {
        let mut looked = [PollFd::new(socket, PollFlags::empty())];
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        match poll(&mut looked, PollTimeout::ZERO) {
            Ok(_) if looked[0].revents().is_some_and(|seen| seen.intersects(gone)) => return,
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// A question stays open then until its time is over.
#[cfg(target_os = "linux")]
async fn never(missing: &str) {
    tracing::warn!("hangups are not seen: {missing} is missing");
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::hung_up;
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    /// Whether `act`, done to the peer while somebody waits already, counts as a hangup.
    async fn seen_as(act: impl FnOnce(UnixStream) -> Option<UnixStream>) -> (bool, UnixStream) {
        let (ours, peer) = UnixStream::pair().unwrap();
        let kept = ours.try_clone().unwrap();
        let waiting = tokio::spawn(async move { hung_up(ours.as_fd()).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "nothing has happened yet");
        let peer = act(peer);
        let limit = if peer.is_none() { 60_000 } else { 200 };
        let gone = tokio::time::timeout(Duration::from_millis(limit), waiting).await.is_ok();
        drop(peer);
        (gone, kept)
    }

    #[tokio::test]
    async fn a_closed_end_is_gone() {
        assert!(seen_as(|_| None).await.0);
    }

    #[tokio::test]
    async fn a_closed_end_is_gone_whatever_it_sent_before() {
        let (gone, mut ours) = seen_as(|mut peer| {
            peer.write_all(&[7; 4096]).unwrap();
            None
        })
        .await;
        let mut unread = Vec::new();
        ours.read_to_end(&mut unread).unwrap();
        assert_eq!((gone, unread), (true, vec![7; 4096]), "nothing was taken away");
    }

    #[tokio::test]
    async fn a_half_closed_end_is_gone() {
        let (ours, peer) = UnixStream::pair().unwrap();
        (&peer).write_all(b"next").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        tokio::time::timeout(Duration::from_secs(60), hung_up(ours.as_fd())).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_was_gone_before_is_gone() {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        peer.write_all(b"next").unwrap();
        drop(peer);
        tokio::time::timeout(Duration::from_secs(60), hung_up(ours.as_fd())).await.unwrap();
    }

    #[tokio::test]
    async fn a_living_end_is_not_gone_however_much_it_sends() {
        let sent = seen_as(|mut peer| {
            peer.write_all(&[7; 4096]).unwrap();
            Some(peer)
        });
        assert!(!sent.await.0);
    }
}
