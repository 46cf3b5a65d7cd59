//! Whose the server of a display is.
//!
//! Guarantees: a display that another user serves is known for that: the sockets of a session that is over can be taken
//! by anybody. No look keeps a thread waiting.
#![forbid(unsafe_code)]

use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use interprocess::os::unix::uds_local_socket::Stream;
use nix::sys::socket::{self as raw, UnixAddr};
use nix::unistd::geteuid;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::platform::display::Surroundings;
use crate::platform::{descriptors, socket};

/// An X server at the other end of a forwarding on this host accepts at once.
const PORT_LIMIT: Duration = Duration::from_millis(500);

/// Who serves a display.
pub(super) enum Server {
    /// Our user, or root; or what cannot be looked at.
    Ours,
    /// Nobody now.
    None,
    /// Somebody else, who could answer in the person's place: whoever comes first takes the name of a session that is
    /// over.
    Other(String),
}

/// Looks for it. The agent outlives the session that it was started in.
pub(super) async fn served(there: &Surroundings) -> Server {
    if let Some(path) = there.display_socket() {
        // X programs look for a socket without a file first.
        let abstracts = if there.is_x11() { without_file(&path) } else { None };
        let servers = abstracts.into_iter().chain([UnixAddr::new(&path)]).flatten().map(|at| server_at(&at));
        return servers.reduce(worse).unwrap_or(Server::None);
    }
    let Some(port) = there.display_port() else { return Server::Ours };
    let connected = timeout(PORT_LIMIT, TcpStream::connect(("127.0.0.1", port))).await;
    if !matches!(connected, Ok(Ok(_))) {
        return Server::None;
    }
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let servers = tables.iter().flat_map(|table| listeners(table, port)).map(by);
    servers.reduce(worse).unwrap_or(Server::Ours)
}

/// The address of that name which no file has: Linux' own.
#[cfg(target_os = "linux")]
fn without_file(path: &Path) -> Option<nix::Result<UnixAddr>> {
    Some(UnixAddr::new_abstract(path.as_os_str().as_encoded_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn without_file(_: &Path) -> Option<nix::Result<UnixAddr>> {
    None
}

fn server_at(at: &UnixAddr) -> Server {
    let connected = || {
        let socket = descriptors::stream_socket(true)?;
        raw::connect(socket.as_raw_fd(), at).map(|()| Stream::from(socket))
    };
    match connected() {
        Ok(stream) => socket::peer(&stream).map_or(Server::None, |peer| by(peer.uid)),
        // A full backlog: whose it is cannot be learned, and it would show nothing.
        Err(nix::Error::EAGAIN) => Server::Other("somebody who takes no connection".to_owned()),
        Err(_) => Server::None,
    }
}

fn by(uid: u32) -> Server {
    if uid == 0 || uid == geteuid().as_raw() { Server::Ours } else { Server::Other(format!("uid {uid}")) }
}

/// Of two at one display the one that keeps it from being used.
fn worse(one: Server, other: Server) -> Server {
    match (one, other) {
        (Server::Other(who), _) | (_, Server::Other(who)) => Server::Other(who),
        (Server::Ours, _) | (_, Server::Ours) => Server::Ours,
        (Server::None, Server::None) => Server::None,
    }
}

/// The users whose sockets listen at this port, by what Linux says of all of them.
fn listeners(table: &str, port: u16) -> impl Iterator<Item = u32> + '_ {
    /// The state of a socket that listens.
    const LISTEN: &str = "0A";
    let at_port = format!(":{port:04X}");
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        (local.ends_with(&at_port) && state == LISTEN).then(|| fields.nth(3)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_found_by_their_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:177A 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 12 1 0 100 0 0 10 0
   1: 0100007F:177A 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1002        0 13 1 0 100 0 0 10 0
   2: 0100007F:277A 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1003        0 14 1 0 100 0 0 10 0\n";
        assert_eq!(listeners(table, 6010).collect::<Vec<_>>(), [1001]);
        assert_eq!(listeners("", 6010).count() + listeners("x\ny", 6010).count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_listener_is_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(listeners(&table, port).collect::<Vec<_>>(), [geteuid().as_raw()]);
    }

    #[test]
    fn another_s_stands_above_all() {
        let other = || Server::Other(String::new());
        for (one, two) in [(other(), Server::Ours), (Server::None, other()), (Server::Ours, other())] {
            assert!(matches!(worse(one, two), Server::Other(_)));
        }
        assert!(matches!(worse(Server::None, Server::Ours), Server::Ours));
        assert!(matches!(
            (by(0), by(geteuid().as_raw()), by(4242)),
            (Server::Ours, Server::Ours, Server::Other(_))
        ));
    }
}
