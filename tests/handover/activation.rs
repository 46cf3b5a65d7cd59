//! A socket that a service manager has made: served, never removed.

use crate::keys::Key;
use crate::rig::{command_at, install};
use crate::support::{PATIENCE, Scratch, private_dir, run, status_of, wait_until};
use crate::wire::{Conn, SUCCESS, add};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A service manager: it has made the socket, and waits to be notified.
struct Manager {
    scratch: Scratch,
    socket: PathBuf,
    listener: UnixListener,
    notify: UnixDatagram,
}

/// What a manager has started.
struct Service<'a> {
    manager: &'a Manager,
    child: Child,
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Manager {
    fn new() -> Self {
        let scratch = Scratch::new();
        install(&scratch);
        private_dir(&scratch.path("run/myagent"));
        let socket = scratch.path("run/myagent/agent.sock");
        let notify = UnixDatagram::bind(scratch.path("notify")).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { listener: UnixListener::bind(&socket).unwrap(), notify, socket, scratch }
    }

    /// Starts the agent as sd_listen_fds(3) says: `setting` is done by the shell that becomes it, which has `handed`
    /// as descriptor 3.
    fn start_with(&self, setting: &str, handed: Option<OwnedFd>) -> Service<'_> {
        let log = std::fs::File::create(self.scratch.path("log")).unwrap();
        let mut command = self.scratch.command("sh");
        command.args(["-c", &format!("{setting}; exec \"$0\" \"$@\"")]).arg(self.scratch.path("bin/myagent"));
        command.args(["start", "--foreground", "--trust-own-binary", "--log", "debug"]);
        command.env("NOTIFY_SOCKET", self.scratch.path("notify")).stdout(Stdio::null()).stderr(log);
        if let Some(handed) = handed {
            hand_down(&mut command, handed);
        }
        Service { child: command.spawn().unwrap(), manager: self }
    }

    fn start(&self) -> Service<'_> {
        let listener = self.listener.try_clone().unwrap();
        let service = self.start_with("export LISTEN_FDS=1 LISTEN_PID=$$", Some(listener.into()));
        assert_eq!(self.told(), "READY=1");
        service
    }

    fn told(&self) -> String {
        let mut text = [0; 512];
        let length = self.notify.recv(&mut text).expect("the agent says something");
        String::from_utf8_lossy(&text[..length]).trim_end().to_owned()
    }

    fn told_nothing(&self) {
        self.notify.set_nonblocking(true).unwrap();
        let more = self.notify.recv(&mut [0; 512]);
        assert!(more.is_err(), "more was said than that");
        self.notify.set_nonblocking(false).unwrap();
    }

    fn conn(&self) -> Conn {
        Conn::open(&self.socket).expect("the socket takes connections")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path("log")).unwrap()
    }
}

impl Service<'_> {
    fn myagent(&self, command: &str) -> Command {
        command_at(&self.manager.scratch, &self.manager.socket, command)
    }

    /// It ends by TERM with status 0, and leaves the manager's socket where it is.
    fn ends_well(mut self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(status_of(&mut self.child), 0, "{}", self.manager.log());
        assert!(self.manager.socket.exists(), "the manager's socket is gone");
        assert!(!self.manager.socket.with_file_name("control.sock").exists(), "its own is not");
    }
}

/// A command for the agent wakes it as any client does.
#[test]
fn a_command_wakes_it() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let manager = Manager::new();
    let mut status = command_at(&manager.scratch, &manager.socket, "status");
    let asking = status.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let limit = PollTimeout::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut [PollFd::new(manager.listener.as_fd(), PollFlags::POLLIN)], limit), Ok(1));
    let service = manager.start();
    let told = asking.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && out.starts_with("running\n"), "{out}{err}");
    service.ends_well();
}

/// Descriptor 3 in the program that `command` runs.
fn hand_down(command: &mut Command, descriptor: OwnedFd) {
    let take = move || {
        // SAFETY: a system call without pointers, on a descriptor that the closure owns.
        let done = unsafe { libc::dup2(descriptor.as_raw_fd(), 3) };
        if descriptor.as_raw_fd() == 3 {
            // SAFETY: a system call without pointers; dup2 onto itself keeps close-on-exec.
            unsafe { libc::fcntl(3, libc::F_SETFD, 0) };
        }
        nix::errno::Errno::result(done).map(drop).map_err(Into::into)
    };
    // SAFETY: between fork and exec it makes system calls alone.
    unsafe { command.pre_exec(take) };
}

#[test]
fn the_managers_socket_is_served_and_stays() {
    let manager = Manager::new();
    // Who connects before anybody serves, waits.
    let mut early = manager.conn();
    early.send(&crate::wire::list());
    let service = manager.start();
    assert!(early.recv().is_some());
    let key = Key::generate(&manager.scratch, "key", &["ed25519"]);
    manager.conn().expect(&add(&key.private, b"mine"), SUCCESS);
    let (status, out, _) = run(&mut service.myagent("status"));
    assert!(status == 0 && out.contains("mine"), "{out}");
    manager.told_nothing();
    service.ends_well();
    assert_eq!(manager.told(), "STOPPING=1");
    manager.told_nothing();
    // And the next one serves it again.
    let next = manager.start();
    assert!(manager.conn().comments().is_empty());
    next.ends_well();
}

/// READY means that a client is answered; and a signal that comes sooner ends it all the same.
#[test]
fn it_restarts_and_stays_the_managers() {
    let manager = Manager::new();
    let service = manager.start();
    let key = Key::generate(&manager.scratch, "key", &["ed25519"]);
    manager.conn().expect(&add(&key.private, b"mine"), SUCCESS);
    for _ in 0..3 {
        let (status, out, error) = run(&mut service.myagent("restart"));
        assert_eq!((status, error.as_str()), (0, ""), "{out}{}", manager.log());
        assert!(out.contains(&format!("pid {}", service.child.id())), "{out}");
        // That it is ready, once more: a manager that was told so goes by it, and by nothing else.
        assert_eq!(manager.told(), "READY=1");
        assert_eq!(manager.conn().comments(), ["mine"]);
        assert!(manager.socket.exists());
    }
    service.ends_well();
    assert_eq!(manager.told(), "STOPPING=1");
}

/// An agent in the background has inherited the variable from somebody else's service: it tells nobody anything.
#[test]
fn a_daemon_tells_nobody() {
    let manager = Manager::new();
    let socket = manager.scratch.path("run/daemon.sock");
    let mut start = manager.scratch.command(manager.scratch.path("bin/myagent"));
    start.args(["start", "--trust-own-binary"]).env("MYAGENT_SOCK", &socket);
    let call = |command: &str| run(&mut command_at(&manager.scratch, &socket, command));
    assert_eq!(run(start.env("NOTIFY_SOCKET", manager.scratch.path("notify"))).0, 0);
    let (restarted, _, error) = call("restart");
    assert_eq!(call("stop").0, 0);
    assert_eq!(restarted, 0, "{error}");
    manager.told_nothing();
}

/// `stop` leaves it as TERM does.
#[test]
fn stop_leaves_the_managers_socket() {
    let manager = Manager::new();
    let mut service = manager.start();
    assert_eq!(run(&mut service.myagent("stop")).0, 0);
    assert_eq!(status_of(&mut service.child), 0);
    assert!(manager.socket.exists());
}

/// What was meant for another process, or is nonsense: the agent makes a socket of its own.
#[test]
fn what_is_not_for_it_is_left_alone() {
    for setting in [
        "export LISTEN_FDS=1 LISTEN_PID=1",
        "export LISTEN_FDS=1",
        "export LISTEN_PID=$$",
        "export LISTEN_FDS=0 LISTEN_PID=$$",
        "export LISTEN_FDS=-1 LISTEN_PID=$$",
        "export LISTEN_FDS=one LISTEN_PID=$$",
        "export LISTEN_FDS=4294967295 LISTEN_PID=$$",
        "export LISTEN_FDS=2147483640 LISTEN_PID=$$",
        "export LISTEN_FDS=1 LISTEN_PID=0x$$",
        "export LISTEN_FDS=1 LISTEN_PID=99999999999999999999",
        "export LISTEN_FDS= LISTEN_PID=",
        "export LISTEN_FDS=\"$(printf '\\377')\" LISTEN_PID=$$",
    ] {
        let manager = Manager::new();
        let other = UnixListener::bind(manager.scratch.path("other.sock")).unwrap();
        std::fs::remove_file(&manager.socket).unwrap();
        let service = manager.start_with(setting, Some(other.into()));
        assert_eq!(manager.told(), "READY=1", "{setting}");
        assert!(manager.conn().comments().is_empty(), "{setting}");
        drop(service);
    }
}

/// Descriptors that are no listening socket.
#[test]
fn what_does_not_listen_is_left_alone() {
    let scratch = Scratch::new();
    let file: OwnedFd = std::fs::File::create(scratch.path("file")).unwrap().into();
    let tcp: OwnedFd = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
    let pair: OwnedFd = std::os::unix::net::UnixStream::pair().unwrap().0.into();
    let datagrams: OwnedFd = UnixDatagram::bind(scratch.path("datagrams")).unwrap().into();
    for handed in [Some(file), Some(tcp), Some(pair), Some(datagrams), None] {
        let manager = Manager::new();
        std::fs::remove_file(&manager.socket).unwrap();
        let service = manager.start_with("export LISTEN_FDS=1 LISTEN_PID=$$", handed);
        assert_eq!(manager.told(), "READY=1");
        assert!(manager.conn().comments().is_empty());
        drop(service);
    }
}

/// Another agent holds the right: it keeps its keys, and the service is not to be tried again.
#[test]
fn another_agent_is_in_its_place() {
    let manager = Manager::new();
    let lock = {
        std::fs::remove_file(&manager.socket).unwrap();
        // At the other place of the same user and host.
        let mut first = manager.scratch.command(manager.scratch.path("bin/myagent"));
        let (status, out, error) = run(first.args(["start", "--shell", "sh"]).env_remove("XDG_RUNTIME_DIR"));
        assert_eq!(status, 0, "{error}");
        out.lines()
            .find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next())
            .unwrap()
            .to_owned()
    };
    let listener = UnixListener::bind(&manager.socket).unwrap();
    let mut service = manager.start_with("export LISTEN_FDS=1 LISTEN_PID=$$", Some(listener.into()));
    let status = status_of(&mut service.child);
    kill(Pid::from_raw(lock.parse().unwrap()), Signal::SIGTERM).unwrap();
    let said = manager.log();
    assert_eq!(status, 3, "{said}");
    assert!(said.contains(&format!("pid {lock}")) && said.contains("\nhint: "), "{said}");
    assert!(manager.socket.exists(), "the manager's socket is gone");
    manager.told_nothing();
    wait_until("the other one has ended", || !std::path::Path::new(&format!("/proc/{lock}/stat")).exists());
}
