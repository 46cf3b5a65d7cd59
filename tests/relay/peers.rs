//! Who may come in: as with an agent, its user and root, whatever the modes of files say.

use crate::support::{run, wait_until};
use crate::wire;
use crate::world::World;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

/// Some user that is neither root nor the one that runs the tests.
const OTHER: &str = "65534";

/// Asks, and prints how many bytes came back.
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

fn answer_to(uid: &str, socket: &Path, request: &str) -> u32 {
    let mut client = Command::new("setpriv");
    client.args(["--reuid", uid, "--regid", uid, "--clear-groups", "python3", "-c", CLIENT]);
    let output = client.arg(socket).arg(request).env("PATH", "/usr/bin:/bin").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse().unwrap_or_else(|_| panic!("the client failed: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
#[ignore = "needs root, python3, setpriv: it connects as another user"]
fn another_user_gets_no_byte_even_where_the_files_let_it_in() {
    let world = World::new();
    let relay = world.start();
    let control = world.socket.with_file_name("control.sock");
    let open = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    for directory in ["", "run", "run/myagent"] {
        open(&world.linux.path(directory), 0o755);
    }
    let before = world.calls().len();
    let list = "bytes([0, 0, 0, 1, 11])";
    let [status, stop] = ["status", "stop"].map(|op| format!(r#"b'{{"version":1,"op":"{op}"}}\n'"#));
    for (socket, request) in [(&world.socket, list), (&control, &status), (&control, &stop)] {
        open(socket, 0o666);
        assert_eq!(answer_to(OTHER, socket, request), 0, "{}", socket.display());
    }
    assert_eq!(world.calls().len(), before, "nothing is run for it");
    assert!(crate::world::lives(relay), "another user has stopped it");
    for (socket, request) in [(&world.socket, list), (&control, &status)] {
        assert!(answer_to("0", socket, request) > 0, "the client sees no answer where there is one");
    }
    // As start would find it.
    for directory in ["run/myagent", "run", ""] {
        open(&world.linux.path(directory), 0o700);
    }
}

#[test]
#[ignore = "needs root: it gives a socket to another user"]
fn what_leads_to_windows_is_no_other_user_s() {
    let world = World::new();
    let way = world.linux.path("1_interop");
    let _listener = UnixListener::bind(&way).unwrap();
    let other = OTHER.parse().ok();
    let start = || run(world.myagent(&["start"]).env("WSL_INTEROP", &way));
    std::os::unix::fs::chown(&way, other, other).unwrap();
    let (status, out, err) = start();
    assert_eq!((status, out.as_str()), (1, ""), "{err}");
    assert!(err.contains(&format!("{} is of another user (uid {OTHER})", way.display())), "{err}");
    assert_eq!(world.calls(), [], "nothing was started by it");
    // The same one is good where it is root's.
    std::os::unix::fs::chown(&way, Some(0), Some(0)).unwrap();
    assert_eq!(start().0, 0);
    let mut before = world.conn();
    assert_eq!(before.comments(), [""; 0]);
    let calls = world.calls().len();
    std::os::unix::fs::chown(&way, other, other).unwrap();
    assert_eq!(world.conn().ask(&wire::list()), None);
    assert_eq!(world.calls().len(), calls, "nor by the relay");
    wait_until("the log says so", || world.log().contains("is of another user"));
    assert_eq!(before.comments(), [""; 0]);
}
