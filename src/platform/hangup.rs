//! Whether the other end of a connection is still there, seen without reading from it.
//!
//! Guarantees: a peer that has closed, also in one direction alone, counts as gone, whatever it has sent before that and
//! nobody has read; costs no descriptor, however many wait. Takes no byte out of the connection.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::net::UnixStream;

use super::socket::Accepted;

/// Soon enough for a dialog to go.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns when the peer of this connection has hung up.
pub async fn hung_up(connection: &Accepted) {
    let Accepted::UdSocket(socket) = connection;
    closed(socket.inner()).await;
}

#[cfg(target_os = "linux")]
async fn closed(socket: &UnixStream) {
    use tokio::io::{Interest, Ready};
    // Bytes that arrived are the next request, and no news here: what is waited for is the end that every interest has,
    // or urgent bytes, which nobody is told of.
    while !socket.ready(Interest::PRIORITY).await.is_ok_and(Ready::is_read_closed) {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Elsewhere: by looking again and again.
#[cfg(not(target_os = "linux"))]
async fn closed(socket: &UnixStream) {
    while !is_gone(socket.as_fd()) {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns when the other end of a socket is closed. For a thread that is there for nothing else.
#[cfg(target_os = "linux")]
pub(super) fn wait(socket: BorrowedFd<'_>) {
    // Nothing is asked for: only the other end's end is reported.
    let mut ends = [PollFd::new(socket, PollFlags::empty())];
    while poll(&mut ends, PollTimeout::NONE) == Err(nix::errno::Errno::EINTR) {}
}

/// Elsewhere, too, by looking again and again: bytes that nobody has read yet would end each wait at once.
#[cfg(not(target_os = "linux"))]
pub(super) fn wait(socket: BorrowedFd<'_>) {
    while !is_gone(socket) {
        std::thread::sleep(PAUSE);
    }
}

/// Whether the other end is closed, at least in one direction.
#[cfg(not(target_os = "linux"))]
fn is_gone(socket: BorrowedFd<'_>) -> bool {
    // macOS says nothing of it unless asked, and FreeBSD has a word of its own for an end that is closed in one direction.
    #[cfg(target_os = "freebsd")]
    let half = PollFlags::from_bits_retain(libc::POLLRDHUP);
    #[cfg(not(target_os = "freebsd"))]
    let half = PollFlags::empty();
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    let mut looked = [PollFd::new(socket, PollFlags::POLLHUP | half)];
    // nix gives none where it does not know a word: that one is FreeBSD's, which was asked for.
    poll(&mut looked, PollTimeout::ZERO).is_ok()
        && looked[0].revents().is_none_or(|seen| seen.intersects(gone))
}

#[cfg(test)]
mod tests {
    use super::{closed, wait};
    use nix::sys::socket::{MsgFlags, send};
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};
    use tokio::time::timeout;

    const LONG: Duration = Duration::from_secs(60);

    /// Ours, as the server has it, and the peer's.
    fn pair() -> (tokio::net::UnixStream, UnixStream) {
        let (ours, peer) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (tokio::net::UnixStream::from_std(ours).unwrap(), peer)
    }

    /// Whether `act`, done to the peer while somebody waits already, counts as a hangup.
    async fn seen_as(act: impl FnOnce(UnixStream) -> Option<UnixStream>) -> (bool, UnixStream) {
        let (ours, peer) = pair();
        let mut waiting = Box::pin(closed(&ours));
        assert!(timeout(Duration::from_millis(1), &mut waiting).await.is_err(), "nothing has happened yet");
        let peer = act(peer);
        let limit = if peer.is_none() { LONG } else { Duration::from_millis(200) };
        let gone = timeout(limit, &mut waiting).await.is_ok();
        drop((waiting, peer));
        let ours = ours.into_std().unwrap();
        ours.set_nonblocking(false).unwrap();
        (gone, ours)
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
        let (ours, mut peer) = pair();
        peer.write_all(b"next").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        timeout(LONG, closed(&ours)).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_was_gone_before_is_gone_and_stays_so() {
        let (ours, mut peer) = pair();
        peer.write_all(b"next").unwrap();
        drop(peer);
        for _ in 0..2 {
            timeout(LONG, closed(&ours)).await.unwrap();
        }
    }

    #[test]
    fn a_thread_waits_for_the_end_and_for_nothing_else() {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        peer.write_all(b"unread").unwrap();
        let waiting = std::thread::spawn(move || wait(ours.as_fd()));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished(), "it is there still");
        drop(peer);
        let end = Instant::now() + LONG;
        while !waiting.is_finished() {
            assert!(Instant::now() < end, "nobody saw it close");
            std::thread::yield_now();
        }
    }

    /// Also urgent bytes, where the system has them for such sockets.
    #[tokio::test]
    async fn a_living_end_is_not_gone_however_much_it_sends() {
        let sent = seen_as(|mut peer| {
            peer.write_all(&[7; 4096]).unwrap();
            let _ = send(peer.as_raw_fd(), b"!", MsgFlags::MSG_OOB);
            Some(peer)
        });
        assert!(!sent.await.0);
    }
}
