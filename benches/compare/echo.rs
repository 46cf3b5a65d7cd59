//! The floor: a server that does nothing but receive a frame and send one, on a runtime like the agent's.
//!
//! It is this same program, started again, so that it is a process of its own as the agents are.

use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// The argument that makes this program the server.
pub const ARGUMENT: &str = "--echo-server";

/// Bytes of a request: a sign request for an Ed25519 key has about as many.
const REQUEST: usize = 200;
/// Bytes of an answer, as of an Ed25519 signature.
const ANSWER: usize = 100;

/// What every answer begins with.
pub const TYPE: u8 = 6;

/// The request, framed.
pub fn request() -> Vec<u8> {
    crate::wire::frame(&[7; REQUEST - 4])
}

/// Serves for ever.
pub fn serve(socket: &Path) -> std::io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_io().build()?.block_on(async {
        let listener = UnixListener::bind(socket)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(answer(stream));
        }
    })
}

async fn answer(mut stream: UnixStream) -> std::io::Result<()> {
    let (mut request, mut have) = ([0; REQUEST], 0);
    let answer = crate::wire::frame(&[TYPE; ANSWER - 4]);
    loop {
        let got = stream.read(&mut request[have..]).await?;
        if got == 0 {
            return Ok(());
        }
        have += got;
        if have == REQUEST {
            stream.write_all(&answer).await?;
            have = 0;
        }
    }
}
