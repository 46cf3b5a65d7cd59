//! Frames: a length, then as many bytes (RFC 9987 section 3).
//!
//! Guarantees: memory grows with what a peer has sent, never with what it announces; at most [`MAX_LEN`] for one frame
//! or the [`Intake`]'s limits for all together, from the first byte to the answer; what is not yet taken of answers stays
//! within a [`Room`]; a message that may carry a secret is received into secret memory, and every message is wiped
//! when dropped.
//! Must never: answer for a frame that is not complete, or read a byte of the next one.
#![forbid(unsafe_code)]

mod intake;
mod room;

pub use intake::{Intake, Received};
pub use room::Room;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::message;
use crate::vault::{SecretBuf, Vault};
use room::Ticket;

/// Longest message, in bytes: OpenSSH's AGENT_MAX_LEN.
pub const MAX_LEN: usize = 256 * 1024;

/// Messages and answers up to so many bytes count in no [`Room`]: those of ssh and git are as small, and the number of
/// connections is the bound of them. Whoever asks for no more waits for nobody who does.
pub const SMALL: usize = 4 * 1024;

/// Bytes of the length.
const LEN_BYTES: usize = 4;

/// How long a frame may take from its first byte to its last, and a reply from one byte taken to the next:
/// generous for a forwarded link, and an end to a peer that died or means harm.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A buffer grows by as much as was received, but at least and at most by so much.
const LEAST_STEP: usize = 1024;
const MOST_STEP: usize = 16 * 1024;

/// Why a connection ends in the middle of a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The announced length is zero or more than [`MAX_LEN`].
    #[error("a message of {0} bytes is announced")]
    Length(u32),
    /// The peer went away.
    #[error("the connection ended in the middle of a message")]
    Ended,
    /// The peer stopped sending or taking bytes.
    #[error("the peer neither sends nor takes bytes any more")]
    Stalled,
    /// Too much is half received or half read, and this was the oldest.
    #[error("too much is half sent or half read, by this one the longest")]
    Crowded,
    /// All places are taken, and its process has the most of them.
    #[error("another client needed the place")]
    NoPlace,
    /// The system's own error.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Receives one message, without its length. None where the peer ends the connection between messages, or `closing`
/// is over before one has begun; the peer may take for ever to begin one.
///
/// # Errors
/// [`FrameError`]; the connection is of no use afterwards.
pub async fn read<R: AsyncRead + Unpin>(
    stream: &mut R,
    vault: &Vault,
    intake: &Intake,
    closing: impl Future<Output = ()>,
) -> Result<Option<Received>, FrameError> {
    let mut head = [0; LEN_BYTES + 1];
    let begun = tokio::select! {
        // What has arrived is read, and answered.
        biased;
        begun = stream.read(&mut head) => begun?,
        () = closing => 0,
    };
    if begun == 0 {
        return Ok(None);
    }
    let rest = async {
        // The type is read with the length: it decides where the body goes. A length of zero has no type,
        // and shows only once the peer sends more, as with OpenSSH.
        stream.read_exact(&mut head[begun..]).await.map_err(ended)?;
        let [a, b, c, d, message_type] = head;
        let len = u32::from_be_bytes([a, b, c, d]);
        let wanted = usize::try_from(len).ok().filter(|len| (1..=MAX_LEN).contains(len));
        let wanted = wanted.ok_or(FrameError::Length(len))?;
        let mut message = if message::carries_secret(message_type) {
            vault.intake_buffer(wanted)
        } else {
            SecretBuf::on_heap()
        };
        message.extend(&[message_type]);
        let ticket = fill(stream, &mut message, wanted, intake).await?;
        Ok::<_, FrameError>((message, ticket))
    };
    let (message, ticket) = timeout(PATIENCE, rest).await.map_err(|_| FrameError::Stalled)??;
    // Whole, it may wait longer: that is not its peer's fault.
    intake.admit(message, ticket).await.map(Some)
}

async fn fill<R: AsyncRead + Unpin>(
    stream: &mut R,
    message: &mut SecretBuf,
    wanted: usize,
    intake: &Intake,
) -> Result<Ticket, FrameError> {
    let mut ticket = intake.begin(wanted);
    while message.len() < wanted {
        let filled = message.len();
        let next = wanted.min(filled + filled.clamp(LEAST_STEP, MOST_STEP));
        // What is held counts, not what was received: five bytes make a peer's first buffer. One that must move doubles.
        let held = message.capacity();
        ticket.grow_to(if next <= held { held } else { next.max(2 * held) }).await?;
        message.resize(next);
        let got = ticket.unless_crowded(stream.read(&mut message[filled..])).await??;
        message.resize(filled + got);
        if got == 0 {
            return Err(FrameError::Ended);
        }
    }
    Ok(ticket)
}

fn ended(error: std::io::Error) -> FrameError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => FrameError::Ended,
        _ => error.into(),
    }
}

/// Sends a whole frame of `len` bytes, which is made once there is room for it.
///
/// # Errors
/// [`FrameError::Stalled`] where the peer takes nothing for [`PATIENCE`], [`FrameError::Crowded`] where it has been taking
/// its answer the longest, and others' need the room.
pub async fn write<W: AsyncWrite + Unpin>(
    stream: &mut W,
    unread: &Room,
    len: usize,
    frame: impl FnOnce() -> Vec<u8>,
) -> Result<(), FrameError> {
    if len <= SMALL {
        return write_all(stream, &frame()).await;
    }
    let mut ticket = unread.begin();
    ticket.grow_to(len).await?;
    let frame = frame();
    ticket.unless_crowded(write_all(stream, &frame)).await?
}

async fn write_all<W: AsyncWrite + Unpin>(stream: &mut W, mut frame: &[u8]) -> Result<(), FrameError> {
    while !frame.is_empty() {
        let written = timeout(PATIENCE, stream.write(frame)).await.map_err(|_| FrameError::Stalled)??;
        if written == 0 {
            return Err(FrameError::Ended);
        }
        frame = &frame[written..];
    }
    Ok(())
}

#[cfg(test)]
mod tests;
