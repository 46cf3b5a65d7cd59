//! Who may talk to the agent: its user and root, whatever the modes of files say.

use crate::process::{Subject, stand_in_cannot};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Some user that is neither root nor the one that runs the tests.
const OTHER: &str = "65534";

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
