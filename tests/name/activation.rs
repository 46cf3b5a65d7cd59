//! A socket that a service manager has made: `LISTEN_FDS`, with `-D` or `-d`.

use crate::Caller;
use crate::support::{run, status_of, wait_until};
use crate::wire::Conn;
use nix::sys::signal::Signal::{self, SIGHUP, SIGTERM};
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

/// The shell that becomes the agent, with the listener as descriptor 3.
fn shell(caller: &Caller, setting: &str, arguments: &str) -> Command {
    let mut shell = caller.scratch.command("bash");
    shell
        .args(["-c", &format!("{setting}; exec \"$0\" {arguments}")])
        .arg(caller.scratch.path("bin/ssh-agent"));
    shell
}

fn start(caller: &Caller, listener: &UnixListener, setting: &str, arguments: &str) -> Child {
    use std::os::fd::AsFd;
    // The shell opens nothing by itself above its standard streams: it takes its input's copy for the third.
    let mut command = shell(caller, &format!("exec 3<&0 0</dev/null; {setting}"), arguments);
    command.stdin(Stdio::from(listener.as_fd().try_clone_to_owned().unwrap()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

const OWN: &str = "export LISTEN_FDS=1 LISTEN_PID=$$";

#[test]
fn it_serves_and_leaves_the_socket() {
    let caller = Caller::new();
    let path = caller.scratch.path("run/managed");
    for (arguments, signal, status) in [
        ("-D", SIGTERM, 0),
        ("-d", SIGTERM, 0),
        ("-D -T", SIGTERM, 0),
        ("-D", SIGHUP, 2),
        ("-D", Signal::SIGINT, 2),
    ] {
        let listener = UnixListener::bind(&path).unwrap();
        let mut child = start(&caller, &listener, OWN, arguments);
        assert!(Conn::open(&path).unwrap().comments().is_empty());
        crate::signal(child.id(), signal);
        assert_eq!(status_of(&mut child), status, "{arguments} {signal}");
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out, "", "it tells nobody where it is");
        assert_eq!(caller.files(), [path.as_path()], "the manager's socket stays, and is all");
        std::fs::remove_file(&path).unwrap();
    }
}

/// Unlike OpenSSH's: what means another process is inherited, and of no concern.
#[test]
fn what_means_another_process_is_ignored() {
    let caller = Caller::new();
    let path = caller.scratch.path("run/managed");
    let listener = UnixListener::bind(&path).unwrap();
    for setting in
        ["export LISTEN_FDS=1 LISTEN_PID=1", "export LISTEN_PID=$$", "export LISTEN_FDS=1 LISTEN_PID=x"]
    {
        let mut child = start(&caller, &listener, setting, "-D");
        wait_until("its own socket is there", || caller.files().len() == 2);
        crate::signal(child.id(), SIGTERM);
        assert_eq!(status_of(&mut child), 2);
        assert_eq!(caller.files(), [path.as_path()]);
    }
}

#[test]
fn a_place_that_is_named_is_the_place() {
    let caller = Caller::new();
    let listener = UnixListener::bind(caller.scratch.path("run/managed")).unwrap();
    let mut child = start(&caller, &listener, OWN, "-D -a tmp/s");
    wait_until("its own socket is there", || Conn::open(&caller.scratch.path("tmp/s")).is_ok());
    crate::signal(child.id(), SIGTERM);
    assert_eq!(status_of(&mut child), 2);
}

#[test]
fn what_is_announced_wrong_is_fatal() {
    let caller = Caller::new();
    for (setting, said) in [
        ("export LISTEN_FDS=2 LISTEN_PID=$$", "LISTEN_FDS"),
        ("export LISTEN_FDS=x LISTEN_PID=$$", "LISTEN_FDS"),
        ("exec 3<&-; export LISTEN_FDS=1 LISTEN_PID=$$", "fd 3"),
        ("exec 3</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$", "fd 3"),
    ] {
        let (status, out, err) = run(&mut shell(&caller, setting, "-D"));
        assert!(status == 255 && out.is_empty() && err.contains(said), "{setting}: {status} {err}");
    }
    caller.nothing_is_left();
}

/// In the background nobody has a socket for it.
#[test]
fn the_background_asks_no_manager() {
    let caller = Caller::new();
    let (status, out, _) = run(&mut shell(&caller, "export LISTEN_FDS=9 LISTEN_PID=$$", "-s"));
    assert_eq!(status, 0);
    let agent = crate::Started::read(&out);
    agent.signal(SIGTERM);
    assert_eq!(agent.ends(), 2);
    caller.nothing_is_left();
}
