//! Who may talk to the agent: its user and root, whatever the modes of files say, as with OpenSSH's agent.
//!
//! Asked for is the effective user at the moment of connecting (SO_PEERCRED): who is another one by then gets nothing
//! however it changes later, and who was the right one may hand its connection on, as it may any open file.

use crate::process::{Subject, stand_in_cannot};
use crate::support::{Agent, Scratch, own_myagent};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Some user that is neither root nor the one that runs the tests.
const OTHER: &str = "65534";

/// The user that an agent runs as where root could not tell its own from another.
const OWNER: u32 = 65533;

/// Asks for the list, or for the status, and prints how many bytes came back.
const CLIENT: &str = "
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(60)
client.connect(sys.argv[1])
try:
    client.sendall(eval(sys.argv[2]))
    print(len(client.recv(4096)))
except (BrokenPipeError, ConnectionResetError):
    print(0)
";

/// How many bytes a process of the user `uid` gets in answer to `request`.
fn answer_to(uid: &str, socket: &Path, request: &str) -> u32 {
    let mut client = Command::new("setpriv");
    client.args(["--reuid", uid, "--regid", uid, "--clear-groups", "python3", "-c", CLIENT]);
    let output = client.arg(socket).arg(request).env("PATH", "/usr/bin:/bin").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse().unwrap_or_else(|_| panic!("the client failed: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
#[ignore = "needs root: it connects as another user"]
fn another_user_gets_no_byte_even_where_the_files_let_it_in() {
    if stand_in_cannot("it has no control socket") {
        return;
    }
    let subject = Subject::new();
    let control = subject.agent.socket.with_file_name("control.sock");
    let open = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    open(&subject.scratch.path("."), 0o755);
    open(subject.agent.socket.parent().unwrap(), 0o755);
    let list = r"bytes([0, 0, 0, 1, 11])";
    let status = r#"b'{\"version\":1,\"op\":\"status\"}\n'"#;
    for (socket, request) in [(&subject.agent.socket, list), (&control, status)] {
        open(socket, 0o666);
        assert_eq!(answer_to(OTHER, socket, request), 0, "{}", socket.display());
        assert!(answer_to("0", socket, request) > 0, "the client sees no answer where there is one");
    }
    subject.is_well();
}

/// Connects as one user and asks as another; prints how many bytes came back.
const CHANGING_CLIENT: &str = "
import array, os, socket, sys
owner, other = 65533, 65534
def become(uid, gid): os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
os.setgroups([])
client = socket.socket(socket.AF_UNIX)
client.settimeout(60)
connect = client.connect
exec(sys.argv[3])
connect(sys.argv[1])
exec(sys.argv[4])
try:
    client.sendall(eval(sys.argv[2]))
    print(len(client.recv(4096)))
except (BrokenPipeError, ConnectionResetError):
    print(0)
";

/// What is done before connecting and after it, and whether it is answered then.
const CLIENTS: [(&str, &str, bool); 11] = [
    ("become(owner, owner)", "", true),
    ("become(owner, other)", "", true),
    ("", "", true),
    ("become(other, other)", "", false),
    ("become(other, owner)", "", false),
    ("os.setgroups([owner]); become(other, other)", "", false),
    // By set-user-id programs: the effective user counts, and not who called it.
    ("os.setresuid(other, owner, owner)", "", true),
    ("os.setresuid(owner, other, owner)", "", false),
    ("os.setresuid(0, other, 0)", "", false),
    // It is the user that connected, before and after.
    ("os.seteuid(other)", "os.seteuid(0); become(owner, owner)", false),
    ("os.seteuid(owner)", "os.seteuid(0); become(other, other)", true),
];

/// A connection that another process has made, and hands on.
const HANDED_ON: &str = "
ours, theirs = socket.socketpair()
if os.fork() == 0:
    become({}, {})
    made = socket.socket(socket.AF_UNIX)
    made.connect(sys.argv[1])
    socket.send_fds(ours, [b'.'], [made.fileno()])
    os._exit(0)
os.wait()
become({}, {})
client = socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0])
client.settimeout(60)
connect = lambda path: None
";

fn answered(socket: &Path, request: &str, before: &str, after: &str) -> bool {
    let mut client = Command::new("python3");
    client
        .args(["-c", CHANGING_CLIENT])
        .arg(socket)
        .args([request, before, after])
        .env("PATH", "/usr/bin:/bin");
    let output = client.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let bytes: u32 = text
        .parse()
        .unwrap_or_else(|_| panic!("the client failed: {}", String::from_utf8_lossy(&output.stderr)));
    bytes > 0
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// An agent of [`OWNER`]'s, with every door open.
fn open_agent(program: &Path, arguments: &[&str], scratch: &Scratch) -> Agent {
    let runtime = scratch.runtime();
    chown(&runtime, Some(OWNER), Some(OWNER)).unwrap();
    set_mode(&scratch.path(""), 0o755);
    let socket = runtime.join("agent.sock");
    let mut command = scratch.command("setpriv");
    let owner = OWNER.to_string();
    command.args(["--reuid", &owner, "--regid", &owner, "--clear-groups"]).arg(program).args(arguments);
    command.env("MYAGENT_SOCK", &socket).stderr(std::process::Stdio::null());
    let agent = Agent::spawn(command, socket);
    set_mode(&runtime, 0o777);
    set_mode(&agent.socket, 0o666);
    agent
}

const LIST: &str = "bytes([0, 0, 0, 1, 11])";

/// The same clients at both agents: each is answered or not as OpenSSH's does it.
#[test]
#[ignore = "needs root, python3, setpriv: it connects as other users"]
fn the_user_that_connects_decides_as_with_openssh_s_agent() {
    let (ours, openssh) = (Scratch::new(), Scratch::new());
    let program = own_myagent(&ours);
    set_mode(&program, 0o755);
    let place = openssh.path("run/agent.sock");
    let agents = [
        ("myagent", open_agent(&program, &["start", "--foreground", "--log", "off"], &ours)),
        ("openssh", open_agent(Path::new("ssh-agent"), &["-D", "-a", place.to_str().unwrap()], &openssh)),
    ];
    for (name, agent) in &agents {
        for (before, after, expected) in CLIENTS {
            let got = answered(&agent.socket, LIST, before, after);
            assert_eq!(got, expected, "{name}: {before:?}, connected, {after:?}");
        }
        for (maker, user, expected) in [("owner", "other", true), ("other", "owner", false)] {
            let before = HANDED_ON.replacen("{}", maker, 2).replacen("{}", user, 2);
            assert_eq!(answered(&agent.socket, LIST, &before, ""), expected, "{name}: of {maker} to {user}");
        }
    }
}

/// The control socket has the same rule: root may stop any process anyhow, and asks more politely so.
#[test]
#[ignore = "needs root, python3, setpriv: it connects as other users"]
fn the_same_users_decide_at_the_control_socket() {
    if stand_in_cannot("it has no control socket") {
        return;
    }
    let scratch = Scratch::new();
    let program = own_myagent(&scratch);
    set_mode(&program, 0o755);
    let agent = open_agent(&program, &["start", "--foreground", "--log", "off"], &scratch);
    let control = agent.socket.with_file_name("control.sock");
    set_mode(&control, 0o666);
    let status = r#"b'{"version":1,"op":"status"}\n'"#;
    for (before, after, expected) in CLIENTS {
        let got = answered(&control, status, before, after);
        assert_eq!(got, expected, "{before:?}, connected, {after:?}");
    }
    let stop = r#"b'{"version":1,"op":"stop"}\n'"#;
    assert!(!answered(&control, stop, "become(other, other)", ""));
    assert!(answered(&control, status, "become(owner, owner)", ""), "another user has stopped it");
}
