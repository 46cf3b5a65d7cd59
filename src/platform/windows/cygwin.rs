//! The file that programs of Cygwin, MSYS2 and Git Bash take for a Unix socket: it names a port on this machine, and the
//! word that lets in.
//!
//! Guarantees: only the user and the system read the file, and nothing of low integrity; it is gone when the agent is;
//! whoever does not say the word that is in it gets no byte but the end of the connection; who says nothing keeps nobody
//! waiting.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsHandle;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::rand;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Sender;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use windows_sys::Win32::Foundation::GENERIC_WRITE;
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_ATTRIBUTE_SYSTEM, FILE_FLAG_DELETE_ON_CLOSE, FILE_SHARE_DELETE, FILE_SHARE_READ,
    READ_CONTROL, WRITE_DAC, WRITE_OWNER,
};

use super::descriptor;
use super::socket::{Accepted, Arrival, Peer};

/// The word: four numbers, each in the byte order of this machine.
type Word = [u8; 16];
/// Process, user and group, as numbers of that world: each side says them, and we believe none.
const CREDENTIALS: usize = 12;
/// How long a client may take to say the word.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many may be about to say it at once.
const MOST_STRANGERS: usize = 16;
/// After the system has refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The file. It goes with the process, however that ends: a word that nobody listens for any more would be said to whoever
/// has the port by then.
#[derive(Debug)]
pub struct SocketFile(#[allow(dead_code)] File);

/// Makes the file, and has whoever knows what is in it come in. Needs a runtime.
///
/// # Errors
/// The system's.
pub fn serve(path: &Path, arrivals: Sender<Arrival>) -> io::Result<SocketFile> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let (port, listener) = (listener.local_addr()?.port(), TcpListener::from_std(listener)?);
    let mut word = Word::default();
    rand::fill(&mut word).map_err(io::Error::other)?;
    let file = write(path, &contents(port, &word))?;
    tokio::spawn(accept(listener, word, arrivals));
    Ok(file)
}

/// What such a file says.
fn contents(port: u16, word: &Word) -> String {
    let numbers = word.chunks_exact(4).map(|part| {
        let number = part.first_chunk().copied().map_or(0, u32::from_ne_bytes);
        format!("{number:08X}")
    });
    format!("!<socket >{port} s {}\0", numbers.collect::<Vec<_>>().join("-"))
}

/// That world knows such files by the attribute of the system's own. What is in it is written when it is ours alone.
fn write(path: &Path, contents: &str) -> io::Result<SocketFile> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new();
    file.write(true).create_new(true).attributes(FILE_ATTRIBUTE_SYSTEM);
    file.access_mode(GENERIC_WRITE | DELETE | READ_CONTROL | WRITE_DAC | WRITE_OWNER);
    file.share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE).custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
    let mut file = file.open(path)?;
    descriptor::close_file(file.as_handle())?;
    file.write_all(contents.as_bytes())?;
    Ok(SocketFile(file))
}

async fn accept(listener: TcpListener, word: Word, arrivals: Sender<Arrival>) {
    let mut strangers: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        strangers.retain(|stranger| !stranger.is_finished());
        // Anybody on this machine can come as far as this: whoever has been silent the longest makes room.
        while strangers.len() >= MOST_STRANGERS {
            strangers.pop_front().iter().for_each(AbortHandle::abort);
        }
        let greeted = tokio::spawn(greeted(stream, word, arrivals.clone()));
        strangers.push_back(greeted.abort_handle());
    }
}

/// Lets in whoever says the word.
async fn greeted(mut stream: TcpStream, word: Word, arrivals: Sender<Arrival>) {
    if let Ok(Ok(())) = timeout(PATIENCE, hear(&mut stream, &word)).await {
        // No stranger any more: others make no room by it, and it may wait for a place.
        tokio::spawn(async move {
            if let Ok(Ok(())) = timeout(PATIENCE, greet(&mut stream, &word)).await {
                let _ = arrivals.send(Ok((Accepted::Tcp(stream), Ok(Peer::ours(None))))).await;
            }
        });
    }
}

async fn hear(stream: &mut TcpStream, word: &Word) -> io::Result<()> {
    let mut said = Word::default();
    stream.read_exact(&mut said).await?;
    if bool::from(said.ct_eq(word)) { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// The greeting of that world: after the word, which is said back, who each of them is.
async fn greet(stream: &mut TcpStream, word: &Word) -> io::Result<()> {
    stream.write_all(word).await?;
    let mut credentials = [0; CREDENTIALS];
    stream.read_exact(&mut credentials).await?;
    // Whoever asks who we are learns our process, and the numbers that they have said of themselves.
    credentials[..4].copy_from_slice(&std::process::id().to_ne_bytes());
    stream.write_all(&credentials).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::channel;

    #[test]
    fn the_file_says_what_that_world_reads() {
        let word = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0xff, 0, 0, 0];
        assert_eq!(contents(4321, &word), "!<socket >4321 s 67452301-EFCDAB89-00000000-000000FF\0");
    }

    /// The port and the word in a file.
    fn read(path: &Path) -> (u16, Word) {
        let text = std::fs::read_to_string(path).unwrap();
        let (port, numbers) = text.strip_prefix("!<socket >").unwrap().split_once(" s ").unwrap();
        let numbers = numbers.trim_end_matches('\0').split('-');
        let word = numbers.flat_map(|number| u32::from_str_radix(number, 16).unwrap().to_ne_bytes());
        (port.parse().unwrap(), word.collect::<Vec<_>>().try_into().unwrap())
    }

    #[tokio::test]
    async fn who_knows_the_word_comes_in_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        std::fs::write(&path, "of an earlier agent").unwrap();
        let (sender, mut arrivals) = channel(1);
        let file = serve(&path, sender).unwrap();
        let (port, word) = read(&path);
        // Many who say nothing keep nobody waiting.
        let mut silent = Vec::new();
        for _ in 0..4 * MOST_STRANGERS {
            silent.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap());
        }
        let mut wrong = word;
        wrong[15] ^= 1;
        let mut stranger = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stranger.write_all(&wrong).await.unwrap();
        let mut heard = Vec::new();
        let _ = stranger.read_to_end(&mut heard).await;
        assert_eq!(heard, [0; 0]);
        assert!(arrivals.try_recv().is_err());
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        client.write_all(&word).await.unwrap();
        let mut said = Word::default();
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(said, word);
        client.write_all(&[7; CREDENTIALS]).await.unwrap();
        client.read_exact(&mut [0; CREDENTIALS]).await.unwrap();
        assert!(matches!(arrivals.recv().await, Some(Ok((Accepted::Tcp(_), Ok(peer)))) if peer.is_ours()));
        drop((file, silent));
        assert!(!path.exists());
    }
}
