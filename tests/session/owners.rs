//! What belongs to another user: it is passed over or refused by name, never spoken to, and never removed.

use crate::support::{private_dir, run, wait_until};
use crate::{Place, pid_in};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Some user that is neither root nor the one that runs the tests.
const OTHER: u32 = 65534;

/// Binds, says so, answers every request with an empty list of keys, and says how many bytes came; until its input ends.
const SERVER: &str = "
import os, select, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
server.listen(100)
print('ready', flush=True)
open_ones, came, calls = [], 0, 0
while True:
    ready = select.select([server, sys.stdin] + open_ones, [], [])[0]
    for one in ready:
        if one is server:
            open_ones.append(server.accept()[0])
            calls += 1
        elif one is not sys.stdin:
            got = one.recv(4096)
            came += len(got)
            try:
                one.sendall(bytes([0, 0, 0, 5, 12, 0, 0, 0, 0])) if got else open_ones.remove(one)
            except OSError:
                open_ones.remove(one)
    if ready == [sys.stdin]:
        break
print(calls, came)
";

/// A process of another user's that listens at a path.
struct Foreign {
    server: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Foreign {
    /// Binds in a directory of its own; then the socket is moved to `path`, as whoever may write there could do.
    fn listens(place: &Place, path: &Path) -> Self {
        let directory = place.scratch.path("theirs");
        private_dir(&directory);
        set_mode(&place.scratch.path(""), 0o755);
        chown(&directory, Some(OTHER), Some(OTHER)).unwrap();
        let socket = directory.join("s");
        let mut server = Command::new("setpriv");
        let user = OTHER.to_string();
        server.args(["--reuid", &user, "--regid", &user, "--clear-groups", "python3", "-c", SERVER]);
        server.arg(&socket).env("PATH", "/usr/bin:/bin").current_dir("/");
        let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        std::fs::rename(socket, path).unwrap();
        Self { server, lines }
    }

    /// How many calls came, and how many bytes.
    fn heard(mut self) -> (u32, u32) {
        drop(self.server.stdin.take());
        let mut text = String::new();
        self.lines.read_to_string(&mut text).unwrap();
        let (calls, bytes) = text.trim().split_once(' ').unwrap_or_else(|| panic!("it failed: {text}"));
        (calls.parse().unwrap(), bytes.parse().unwrap())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

const COMMANDS: [&[&str]; 6] =
    [&["status"], &["status", "--json"], &["stop"], &["restart"], &["answer", "no"], &["start"]];

#[test]
#[ignore = "needs root, python3, setpriv: it has another user listen"]
fn another_user_s_agent_is_never_spoken_to() {
    let place = Place::new();
    let foreign = Foreign::listens(&place, &place.socket);
    let before = std::fs::symlink_metadata(&place.socket).unwrap();
    for command in COMMANDS {
        let (status, out, err) = run(&mut place.myagent(command));
        assert_eq!((status, out.as_str()), (1, ""), "{command:?}: {err}");
        assert!(err.contains("another user (uid 65534)"), "{command:?}: {err}");
    }
    // By the other variable: it is no agent of ours, so it is not looked at, nor is it one that sshd has forwarded.
    let (status, out, err) = run(place.myagent(&["start"]).env("SSH_AUTH_SOCK", &place.socket));
    assert_eq!((status, out.as_str()), (1, ""), "{err}");
    let own = place.scratch.path("run/own.sock");
    for command in ["start", "stop"] {
        let mut call = place.myagent(&[command]);
        let (status, out, err) = run(call.env("MYAGENT_SOCK", &own).env("SSH_AUTH_SOCK", &place.socket));
        assert_eq!((status, err.as_str()), (0, ""), "{command}: {out}");
    }
    let after = std::fs::symlink_metadata(&place.socket).unwrap();
    assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()));
    let (calls, bytes) = foreign.heard();
    assert!(calls >= 6 && bytes == 0, "{calls} calls, {bytes} bytes");
}

#[test]
#[ignore = "needs root, python3, setpriv: it has another user listen"]
fn another_user_s_control_socket_is_never_spoken_to() {
    let place = Place::new();
    let foreign = Foreign::listens(&place, &place.socket.with_file_name("control.sock"));
    for command in &COMMANDS[..5] {
        let (status, out, err) = run(&mut place.myagent(command));
        assert_eq!((status, out.as_str()), (1, ""), "{command:?}");
        assert!(err.contains("uid 65534"), "{command:?}: {err}");
    }
    // An agent does not take it over, either.
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("control.sock: it belongs to uid 65534, and stays where it is"), "{err}");
    assert!(!place.socket.exists(), "half an agent");
    assert_eq!(foreign.heard().1, 0, "bytes");
}

/// Beside a living agent of ours it would hear who asks, and where.
#[test]
#[ignore = "needs root, python3, setpriv, script: it has another user listen beside a terminal"]
fn nothing_is_told_to_a_control_socket_that_was_put_there() {
    let place = Place::new();
    place.start();
    let control = place.socket.with_file_name("control.sock");
    let kept = place.scratch.path("run/kept");
    std::fs::rename(&control, &kept).unwrap();
    let foreign = Foreign::listens(&place, &control);
    // At a terminal, as where a person calls: there `start` tells the agent of it.
    let line = format!("{} start", crate::support::myagent().display());
    let mut call = place.scratch.command("script");
    call.args(["-qec", &line, "/dev/null"]).env("MYAGENT_SOCK", &place.socket);
    let (status, out, _) = run(&mut call);
    assert!(status == 0 && out.contains("SSH_AUTH_SOCK="), "{out}");
    let (calls, bytes) = foreign.heard();
    assert!(calls == 1 && bytes == 0, "{calls} calls, {bytes} bytes");
    std::fs::rename(kept, control).unwrap();
}

#[test]
#[ignore = "needs root: it gives files to another user"]
fn another_user_s_files_stay_and_are_named() {
    for (name, why) in [
        ("agent.sock", "it belongs to uid 65534, and stays where it is"),
        ("control.sock", "it belongs to uid 65534, and stays where it is"),
        ("agent.sock.lock", "it is no file of ours"),
    ] {
        let mut place = Place::named("agent.sock");
        place.socket = place.scratch.path("run/agent.sock");
        let path = place.scratch.path("run").join(name);
        if name.ends_with(".lock") {
            std::fs::write(&path, "").unwrap();
        } else {
            drop(UnixListener::bind(&path).unwrap());
        }
        lchown(&path, Some(OTHER), Some(OTHER)).unwrap();
        let before = std::fs::symlink_metadata(&path).unwrap();
        let (status, out, err) = run(&mut place.myagent(&["start"]));
        assert_eq!((status, out.as_str()), (1, ""), "{name}");
        assert!(err.contains(&format!("{name}: {why}")), "{name}: {err}");
        let after = std::fs::symlink_metadata(&path).unwrap();
        assert_eq!(
            (before.ino(), before.uid(), before.mode()),
            (after.ino(), after.uid(), after.mode()),
            "{name}"
        );
    }
}

#[test]
#[ignore = "needs root: it gives directories to another user"]
fn another_user_s_directories_are_named_where_they_were_chosen() {
    let place = Place::named("agent.sock");
    let path = |name: &str| place.scratch.path("run").join(name);
    private_dir(&path("theirs/inner"));
    chown(path("theirs"), Some(OTHER), None).unwrap();
    for (socket, why) in [("theirs/s", "it belongs to uid 65534"), ("theirs/inner/s", "belongs to uid 65534")]
    {
        // Nobody could come past the directory of the test: it is opened, so that it counts.
        set_mode(&place.scratch.path(""), 0o755);
        set_mode(&place.scratch.path("run"), 0o755);
        for command in ["start", "stop", "status"] {
            let (status, out, err) = run(place.myagent(&[command]).env("MYAGENT_SOCK", path(socket)));
            assert_eq!((status, out.as_str()), (1, ""), "{socket}");
            assert!(err.contains(why), "{err}");
        }
        assert!(!path(socket).exists());
    }
}

/// A user beside whose runtime directory another's variables point: as with `su` and `sudo -E`.
#[test]
#[ignore = "needs root, setpriv: it runs as another user"]
fn a_plain_user_with_another_s_variables_touches_nothing_of_theirs() {
    let place = Place::new();
    let pid = place.start();
    set_mode(&place.scratch.path(""), 0o755);
    // All doors open, as a careless owner might leave them: the owner counts, and who listens.
    for name in ["run", "run/myagent"] {
        set_mode(&place.scratch.path(name), 0o755);
    }
    set_mode(&place.socket, 0o666);
    set_mode(&place.socket.with_file_name("control.sock"), 0o666);
    let home = place.scratch.path("their-home");
    private_dir(&home);
    chown(&home, Some(OTHER), Some(OTHER)).unwrap();
    let program = place.scratch.path("bin");
    std::fs::copy(crate::support::myagent(), &program).unwrap();
    let theirs = |args: &[&str], named: bool| {
        let mut command = place.scratch.command("setpriv");
        let user = OTHER.to_string();
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(&program).args(args);
        command.env("HOME", &home).env("SSH_AUTH_SOCK", &place.socket).current_dir("/");
        if named {
            command.env("MYAGENT_SOCK", &place.socket);
        }
        run(&mut command)
    };
    for command in ["start", "stop", "status", "restart"] {
        let (status, out, err) = theirs(&[command], true);
        assert!(status == 1 && out.is_empty() && err.contains("belongs to uid 0"), "{command}: {out}{err}");
    }
    // Unnamed it is passed over, and the agent is in a place of their own.
    let (status, out, err) = theirs(&["start", "--daemon"], false);
    assert!(status == 0 && pid_in(&out).is_some() && out.contains("their-home/.ssh/agent"), "{out}{err}");
    assert_eq!(theirs(&["stop"], false).0, 0);
    wait_until("ours is there still", || crate::lives(pid));
    for name in ["run", "run/myagent"] {
        set_mode(&place.scratch.path(name), 0o700);
    }
    assert_eq!(place.status()["pid"], pid);
}
