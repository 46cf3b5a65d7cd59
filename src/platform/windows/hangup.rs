//! Whether the other end of a connection is still there, seen without reading from it.
//!
//! Guarantees: takes no byte out of the connection.
#![forbid(unsafe_code)]

use std::os::windows::io::AsHandle;
use std::time::Duration;

use super::pipe;
use super::socket::Accepted;

/// Soon enough for a dialog to go.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns when the peer of this connection has hung up. That of a window has given its request to the system, which waits
/// for the answer in its place.
pub async fn hung_up(connection: &Accepted) {
    while is_there(connection).await {
        tokio::time::sleep(PAUSE).await;
    }
}

async fn is_there(connection: &Accepted) -> bool {
    match connection {
        Accepted::Pipe(stream) => pipe::is_whole(stream.as_handle()),
        // Bytes that arrived are the next request; none at all is the end.
        Accepted::Tcp(stream) => {
            let looked = tokio::time::timeout(PAUSE, stream.peek(&mut [0])).await;
            !matches!(looked, Ok(Ok(0) | Err(_)))
        }
        Accepted::Window(_) => true,
    }
}
