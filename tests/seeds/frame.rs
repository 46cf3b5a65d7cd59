//! Frames out of a stream that gives its bytes in any pieces. The reader takes what a second reader finds in the whole
//! of it, asks for no byte of the next frame, and has room for no more than the peer has shown to be worth.

use std::cell::OnceCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::world::VAULT;
use myagent::frame::{self, FrameError, Intake, MAX_LEN};
use myagent::message::{Reader, carries_secret};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// Longest stream: two of the longest messages.
const MOST: usize = 2 * MAX_LEN + 64;

/// Longest stream that comes in small pieces, which take their time.
const MOST_SLOW: usize = 4 * 1024;

/// How the room for a message may grow: what was received, within these.
const ROOM: std::ops::RangeInclusive<usize> = 1024..=16 * 1024;

thread_local! {
    #[allow(clippy::missing_const_for_thread_local)] // it has one, which clippy does not see in what is built for Windows
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

struct Peer {
    bytes: Vec<u8>,
    sent: usize,
    /// Where the frame in hand begins.
    start: usize,
    /// Sizes of the pieces, over and over; at 0 it makes the reader wait.
    pieces: Vec<u8>,
    piece: usize,
}

impl Peer {
    /// What a reader may want at most, having seen so much.
    fn most_wanted(&self) -> usize {
        let seen = &self.bytes[self.start..self.sent];
        let Some((head, body)) = seen.split_first_chunk() else { return 5 - seen.len() };
        let announced = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if body.is_empty() {
            return 1;
        }
        let room = body.len().clamp(*ROOM.start(), *ROOM.end());
        room.min(announced - body.len())
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        assert!(0 < out.remaining() && out.remaining() <= self.most_wanted());
        self.piece = (self.piece + 1) % self.pieces.len();
        let piece = usize::from(self.pieces[self.piece]);
        if piece == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Large ones too, or a long message takes for ever.
        let piece = if piece > 128 { piece * 64 } else { piece };
        let end = self.bytes.len().min(self.sent + piece.min(out.remaining()));
        out.put_slice(&self.bytes[self.sent..end]);
        self.sent = end;
        Poll::Ready(Ok(()))
    }
}

/// Bytes as they stand, and long runs of one byte.
fn stream(input: &mut Reader<'_>, most: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while let Ok(what) = input.u8() {
        let grown = match what.checked_sub(128) {
            None => input.bytes(usize::from(what) + 1).map(|bytes| out.extend_from_slice(bytes)),
            Some(high) => input.bytes(3).map(|run| {
                let count = usize::from(high & 7) << 16 | usize::from(run[0]) << 8 | usize::from(run[1]);
                out.resize(most.min(out.len() + count), run[2]);
            }),
        };
        if grown.is_err() || out.len() >= most {
            break;
        }
    }
    out.truncate(most);
    out
}

/// What a reader must find at the beginning of these bytes.
fn expected(rest: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    let Some((head, body)) = rest.split_first_chunk() else {
        return if rest.is_empty() { Ok(None) } else { Err("ended") };
    };
    let len = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    match body.len() {
        0 => Err("ended"),
        _ if len == 0 || len > MAX_LEN => Err("length"),
        _ => body.get(..len).map(Some).ok_or("ended"),
    }
}

async fn read_all(mut peer: Peer) {
    let intake = Intake::default();
    loop {
        peer.start = peer.sent;
        let read = frame::read(&mut peer, &VAULT, &intake, std::future::pending()).await;
        match (expected(&peer.bytes[peer.start..]), read) {
            (Ok(Some(body)), Ok(Some(message))) => {
                assert!(**message == *body && peer.sent == peer.start + 4 + body.len());
                assert!(carries_secret(body[0]) || !message.in_region());
                assert!(message.capacity() <= 2 * body.len() + *ROOM.end() || message.in_region());
            }
            (Ok(None), Ok(None)) => break,
            (Err("ended"), Err(FrameError::Ended)) => break,
            (Err("length"), Err(FrameError::Length(_))) => break assert_eq!(peer.sent, peer.start + 5),
            (expected, _) => panic!("not what was sent: {expected:?}"),
        }
    }
    assert!(VAULT.intake_buffer(1).in_region());
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let mut input = Reader::new(input);
    let Ok(count) = input.u8() else { return };
    let Ok(pieces) = input.bytes(usize::from(count % 8)) else { return };
    // Some progress always.
    let pieces = [pieces, &[(count >> 3) * 8 + 1]].concat();
    let most = if pieces.iter().all(|piece| *piece == 0 || *piece > 200) { MOST } else { MOST_SLOW };
    let peer = Peer { bytes: stream(&mut input, most), sent: 0, start: 0, pieces, piece: 0 };
    RUNTIME.with(|runtime| {
        let runtime =
            runtime.get_or_init(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));
        runtime.block_on(read_all(peer));
    });
}
