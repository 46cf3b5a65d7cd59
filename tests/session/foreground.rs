//! `start --foreground`: the agent in this very process.

use crate::support::{run, status_of, wait_until};
use crate::{Place, lives, socket_in};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

/// The agent, and the line that it printed.
fn foreground(place: &Place) -> (Child, String) {
    let mut child = place
        .myagent(&["start", "--foreground"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

#[test]
fn it_prints_the_variable_and_ends_cleanly() {
    let place = Place::new();
    // SIGHUP means another thing on a terminal than without one: both are in tests/protocol.
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (mut child, line) = foreground(&place);
        assert_eq!(line, format!("SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;\n", place.socket.display()));
        assert_eq!(place.status()["pid"], child.id());
        assert_eq!(place.status()["log"], serde_json::Value::Null);
        crate::signal(child.id(), signal);
        assert_eq!(status_of(&mut child), 0, "{signal}");
        assert!(!place.socket.exists() && !place.socket.with_file_name("control.sock").exists());
        let mut log = String::new();
        child.stderr.unwrap().read_to_string(&mut log).unwrap();
        assert!(log.contains("INFO") && !log.contains('\x1b'), "{log}");
    }
}

#[test]
fn other_shells_find_it_and_stop_ends_it() {
    let place = Place::new();
    let (mut child, _) = foreground(&place);
    let (status, out, _) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, socket_in(&out)), (0, Some(place.socket.as_path())));
    assert_eq!(run(&mut place.myagent(&["stop"])).0, 0);
    assert_eq!(status_of(&mut child), 0);
}

#[test]
fn a_second_one_is_refused() {
    let place = Place::new();
    place.start();
    let (status, out, err) = run(&mut place.myagent(&["start", "--foreground"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("an agent is running already: ") && err.contains("myagent stop"), "{err}");
}

/// A journal takes the output: the line would be noise there. A variable that a terminal inherited is no journal.
#[test]
fn a_service_prints_nothing() {
    let place = Place::new();
    let script = "read -r dev ino < <(stat -Lc '%d %i' /dev/stderr); export JOURNAL_STREAM=$dev:$ino; exec \"$0\" start --foreground";
    let mut service = place.scratch.command("bash");
    service.args(["-c", script]).arg(crate::support::myagent()).env("MYAGENT_SOCK", &place.socket);
    let mut child = service.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("it answers", || place.status()["running"] == true);
    assert_eq!(run(&mut place.myagent(&["stop"])).0, 0);
    let (mut out, mut log) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(status_of(&mut child), 0);
    assert_eq!(out, "");
    assert!(!log.starts_with("20"), "the journal has its own times: {log}");
    let mut inherited = place.myagent(&["start", "--foreground"]);
    let mut child = inherited.env("JOURNAL_STREAM", "8:1").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(socket_in(&line), Some(place.socket.as_path()));
    crate::signal(child.id(), Signal::SIGTERM);
    child.wait().unwrap();
}

/// From before the first instruction until well after it is ready: no socket stays, at any moment.
#[test]
fn sigterm_in_the_first_milliseconds_leaves_no_socket() {
    let place = Place::new();
    let spawn = || {
        let mut command = place.myagent(&["start", "--foreground"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    // How long it takes on this machine: the signals come from the beginning to well after that.
    let begin = std::time::Instant::now();
    let mut child = spawn();
    wait_until("it listens", || place.socket.exists());
    let ready = begin.elapsed();
    crate::signal(child.id(), Signal::SIGTERM);
    assert_eq!(status_of(&mut child), 0);
    for step in 0..120 {
        let mut child = spawn();
        std::thread::sleep(ready * step / 80);
        crate::signal(child.id(), Signal::SIGTERM);
        let status = child.wait().unwrap();
        let by_signal = status.signal() == Some(Signal::SIGTERM as i32);
        assert!(by_signal || status.success(), "{status} at step {step}");
        assert!(!place.socket.exists(), "a socket stayed at step {step}");
        let control = place.socket.with_file_name("control.sock");
        assert!(!control.exists(), "a control socket stayed at step {step}");
        assert!(!lives(child.id()));
    }
}

/// Blocked or ignored by whoever started it, as by nohup or a job in the background of a script.
#[test]
fn an_ignored_signal_ends_it_all_the_same() {
    let place = Place::new();
    for signal in ["INT", "TERM"] {
        let mut shell = place.scratch.command("bash");
        shell.args(["-c", &format!("trap '' {signal}; exec \"$0\" start --foreground")]);
        let mut child = shell
            .arg(crate::support::myagent())
            .env("MYAGENT_SOCK", &place.socket)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("it answers", || place.status()["running"] == true);
        crate::signal(child.id(), format!("SIG{signal}").parse().unwrap());
        assert_eq!(status_of(&mut child), 0, "{signal}");
    }
}
