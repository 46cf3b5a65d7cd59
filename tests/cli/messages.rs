//! Messages that name a path or follow from the environment.

use crate::support::{Scratch, myagent, run};
use std::process::Command;

fn start(scratch: &Scratch, socket: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = scratch.command(myagent());
    command.arg("start").env("MYAGENT_SOCK", socket);
    command
}

fn refused(command: &mut Command) -> String {
    let (status, out, err) = run(command);
    assert_eq!((status, out.as_str()), (1, ""), "stderr: {err}");
    assert!(err.starts_with("myagent: ") && err.contains("\nhint: "), "{err}");
    err
}

#[test]
fn a_socket_must_be_an_absolute_path_in_a_directory() {
    let scratch = Scratch::new();
    assert!(refused(&mut start(&scratch, "agent.sock")).contains("must be an absolute path"));
    assert!(refused(&mut start(&scratch, "/")).contains("must be the path of a socket"));
    assert!(refused(&mut start(&scratch, scratch.path("run/"))).contains("not of a directory"));
}

#[test]
fn a_path_that_does_not_fit_is_named_with_its_length() {
    let scratch = Scratch::new();
    let dir = scratch.path("run");
    let fill = |total: usize| dir.join("x".repeat(total - dir.as_os_str().len() - 1));
    let err = refused(&mut start(&scratch, fill(104)));
    assert!(err.contains("104 bytes, at most 103"), "{err}");
    // The control socket's name is eight bytes longer.
    let err = refused(&mut start(&scratch, fill(100)));
    assert!(err.contains("108 bytes") && err.contains(".control"), "{err}");
}

#[test]
fn the_longest_paths_work() {
    let scratch = Scratch::new();
    let deep = scratch.path("run").join("d".repeat(103 - scratch.path("run").as_os_str().len() - 12));
    crate::support::private_dir(&deep);
    let run_dir = scratch.path("run");
    let flat = run_dir.join("x".repeat(99 - run_dir.as_os_str().len() - 1));
    for socket in [deep.join("agent.sock"), flat] {
        let (status, out, err) = run(&mut start(&scratch, &socket));
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.starts_with(&format!("SSH_AUTH_SOCK={};", socket.display())), "{out}");
        assert_eq!(run(scratch.command(myagent()).arg("stop").env("MYAGENT_SOCK", &socket)).0, 0);
    }
}

#[test]
fn a_path_that_cannot_be_printed_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let scratch = Scratch::new();
    for bad in [&b"a\nb"[..], b"a\x1b[2J", b"a\x7f", b"\xff", "\u{9b}".as_bytes()] {
        let name = std::ffi::OsString::from_vec(bad.to_vec());
        let err = refused(&mut start(&scratch, scratch.path("run").join(name)));
        assert!(err.contains("cannot be printed"), "{err}");
        assert!(!err.contains('\x1b'), "the message carries the very bytes: {err:?}");
    }
}

#[test]
fn an_unknown_log_level_is_wrong_usage_and_starts_nothing() {
    let scratch = Scratch::new();
    let socket = scratch.path("run/agent.sock");
    let (status, out, err) = run(start(&scratch, &socket).env("MYAGENT_LOG", "loud"));
    assert_eq!((status, out.as_str()), (2, ""));
    assert_eq!(err, "myagent: MYAGENT_LOG=\"loud\" is not one of off, error, warn, info, debug, trace\n");
    assert!(!socket.exists());
}
