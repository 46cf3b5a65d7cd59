//! git through HAProxy on port 7999, as Bitbucket's guide sets it up: TCP in front of an SSH server.

use crate::client::{Client, require};
use crate::git::{clone_and_push, served_repository};
use crate::sshd::{Sshd, two_logins_with_every_kind};
use crate::support::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Stdio};

/// Bitbucket's port for SSH.
const PORT: u16 = 7999;

const CONFIG: &str = "\
global
    maxconn 100

defaults
    timeout connect 60s
    timeout client 1h
    timeout server 1h

frontend sshd_proxy
    bind 127.0.0.1:7999
    mode tcp
    default_backend sshd_backend

backend sshd_backend
    mode tcp
    server bitbucket 127.0.0.1:BACKEND
";

struct Haproxy {
    child: Child,
    _turn: UnixListener,
}

impl Haproxy {
    fn start(client: &Client, sshd: &Sshd) -> Self {
        let program = require("haproxy", "haproxy");
        let turn = take_turn();
        // The port itself: whoever has it is none of these tests.
        drop(TcpListener::bind(("127.0.0.1", PORT)).unwrap_or_else(|error| {
            panic!(
                "port {PORT} of 127.0.0.1 is in use ({error}); this test needs it: stop what listens there"
            )
        }));
        let config = client.scratch.path("haproxy.cfg");
        std::fs::write(&config, CONFIG.replace("BACKEND", &sshd.port.to_string())).unwrap();
        let log = client.scratch.path("haproxy.log");
        let mut command = client.scratch.command(program);
        command.arg("-db").arg("-f").arg(config).stdout(Stdio::null());
        let child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        let mut haproxy = Self { child, _turn: turn };
        wait_until("HAProxy listens", || {
            let log = std::fs::read_to_string(&log).unwrap();
            assert!(haproxy.child.try_wait().unwrap().is_none(), "HAProxy ended at once: {log}");
            TcpStream::connect(("127.0.0.1", PORT)).is_ok()
        });
        haproxy
    }
}

/// Waits until no other test of this kind has the port, in whatever process and of whatever user.
///
/// A name in the abstract namespace is a lock that leaves no file and ends with its holder.
fn take_turn() -> UnixListener {
    let name = SocketAddr::from_abstract_name("myagent tests: port 7999").unwrap();
    let mut turn = None;
    wait_until("the other test with port 7999 has ended", || {
        turn = UnixListener::bind_addr(&name).ok();
        turn.is_some()
    });
    turn.unwrap()
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs sshd, git and haproxy: tests/run runs it"]
fn git_clone_and_git_push_through_haproxy_on_port_7999() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("127.0.0.1", &sshd, "")]);
    // What the user knows is the proxy's port, and nothing of the server behind it.
    std::fs::write(client.scratch.path("known_hosts"), sshd.known_hosts_line(PORT) + "\n").unwrap();
    let served = served_repository(&client);
    let url = format!("ssh://{}@127.0.0.1:{PORT}{}", client.user(), served.display());
    let _haproxy = Haproxy::start(&client, &sshd);
    two_logins_with_every_kind(&client, &sshd, |name| clone_and_push(&client, &url, &served, name));
}
