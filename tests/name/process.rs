//! What the agent's process keeps of its caller's, and what others can do to it.

use crate::support::{run, status_of, wait_until};
use crate::{Caller, Started};
use nix::sys::signal::Signal;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

fn status_line(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
}

/// What is so in every mode.
fn closed(pid: u32) {
    assert_eq!(
        (status_line(pid, "Umask"), status_line(pid, "NoNewPrivs")),
        ("0077".to_owned(), "1".to_owned())
    );
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

/// Unlike OpenSSH's it leaves no core in the foreground, either.
#[test]
fn in_the_foreground_it_is_closed_too() {
    let caller = Caller::new();
    let mut child = caller.agent(&["-D", "-a", "tmp/s"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    wait_until("it serves", || std::os::unix::net::UnixStream::connect(caller.scratch.path("tmp/s")).is_ok());
    // The listener is there a moment before the rest.
    let mut conn = crate::wire::Conn::open(&caller.scratch.path("tmp/s")).unwrap();
    assert!(conn.comments().is_empty());
    closed(child.id());
    crate::signal(child.id(), Signal::SIGTERM);
    assert_eq!(status_of(&mut child), 2);
}

/// Its own session and directory, nothing open of the caller's, no core, nothing to attach to.
#[test]
fn in_the_background_it_has_nothing_of_its_caller_s() {
    let caller = Caller::new();
    let script = "exec 8</dev/null; exec 9<.; exec \"$0\" -s";
    let (_, out, _) =
        run(caller.scratch.command("sh").args(["-c", script]).arg(caller.scratch.path("bin/ssh-agent")));
    let agent = Started::read(&out);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid)).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(
        (fields[3], fields[4]),
        (agent.pid.to_string().as_str(), "0"),
        "a session of its own, no terminal"
    );
    closed(agent.pid);
    // What is not dumpable belongs to root; only root looks further.
    if nix::unistd::geteuid().is_root() {
        let link = |name: &str| std::fs::read_link(format!("/proc/{}/{name}", agent.pid)).unwrap();
        assert_eq!(link("cwd"), std::path::Path::new("/"));
        for fd in ["fd/0", "fd/1", "fd/2"] {
            assert_eq!(link(fd), std::path::Path::new("/dev/null"));
        }
        let open = std::fs::read_dir(format!("/proc/{}/fd", agent.pid)).unwrap();
        let foreign = open.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap_or_default());
        assert!(
            !foreign.into_iter().any(|path| path == *caller.scratch.path(".")),
            "the caller's directory is open"
        );
    } else {
        assert!(std::fs::read_dir(format!("/proc/{}/fd", agent.pid)).is_err(), "it can be looked into");
    }
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.ends(), 2);
}

/// The user of nobody, and their group.
const NOBODY: u32 = 65534;

/// A copy of the program in a place of `caller`'s that anybody can reach, owned by another user and group.
fn foreign_copy(caller: &Caller) -> PathBuf {
    let copy = caller.scratch.path("bin/copy/ssh-agent");
    std::fs::create_dir(copy.parent().unwrap()).unwrap();
    std::fs::copy(crate::support::myagent(), &copy).unwrap();
    std::os::unix::fs::chown(&copy, Some(1), Some(2)).unwrap();
    for path in ["", "bin", "bin/copy", "home", "tmp"] {
        std::fs::set_permissions(caller.scratch.path(path), PermissionsExt::from_mode(0o777)).unwrap();
    }
    copy
}

fn is_nobodys(pid: u32, mode: u32) {
    for ids in ["Uid", "Gid"] {
        let expected = [NOBODY.to_string().as_str(); 4].join("\t");
        assert_eq!(status_line(pid, ids), expected, "{mode:o}");
    }
}

/// Debian installs ssh-agent set-group-id; the agent is then of its caller's groups alone.
#[test]
#[ignore = "needs root: it makes the program set-user-id and set-group-id"]
fn it_gives_up_the_rights_of_its_file() {
    let caller = Caller::new();
    let (copy, user) = (foreign_copy(&caller), NOBODY.to_string());
    for mode in [0o2755, 0o6755] {
        std::fs::set_permissions(&copy, PermissionsExt::from_mode(mode)).unwrap();
        let mut command: Command = caller.scratch.command("setpriv");
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(&copy);
        let (status, out, err) = run(command.args(["-s", "-a", "tmp/s"]));
        assert_eq!((status, err.as_str()), (0, ""));
        let agent = Started::read(&out);
        is_nobodys(agent.pid, mode);
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.ends(), 2);
    }
}

/// Whoever calls the same file by its other name would have them, and the provider that they have it load.
#[test]
#[ignore = "needs root: it makes the program set-user-id and set-group-id"]
fn it_gives_them_up_by_its_other_name_too() {
    let caller = Caller::new();
    let copy = foreign_copy(&caller);
    for mode in [0o2755, 0o6755] {
        std::fs::set_permissions(&copy, PermissionsExt::from_mode(mode)).unwrap();
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut command: Command = caller.scratch.command(&copy);
        command
            .arg0("myagent")
            .arg("token")
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(std::os::fd::OwnedFd::from(theirs));
        let mut child = command.spawn().unwrap();
        drop(command);
        // It has greeted: now it would load what it is told. A part of it left unread would be a broken connection, no end.
        let mut length = [0; 4];
        ours.read_exact(&mut length).unwrap();
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        ours.read_exact(&mut vec![0; length]).unwrap();
        is_nobodys(child.id(), mode);
        drop(ours);
        assert_eq!(status_of(&mut child), 0);
    }
}
