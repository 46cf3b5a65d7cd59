//! The agent that `start` forks belongs to nobody: it keeps nothing of its caller, and closes itself.

use crate::support::{run, wait_until};
use crate::{Place, lives, pid_in};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A shell with `MYAGENT_SOCK` set and the program in its path.
fn shell(place: &Place, script: &str) -> Command {
    let bin = crate::support::myagent().parent().unwrap().display().to_string();
    let mut command = place.scratch.command("bash");
    command.args(["-c", script]).env("MYAGENT_SOCK", &place.socket);
    command.env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
    command
}

/// One field of /proc/PID/status.
fn field(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

/// An agent that kept the pipe would keep the shell waiting for its end; `timeout` turns that into a failure.
#[test]
fn a_command_substitution_returns() {
    let place = Place::new();
    let script = "x=$(timeout 30 myagent start 2>&1; echo \"status $?\"); printf %s \"$x\"";
    let (status, out, _) =
        run(&mut shell(&place, &format!("timeout 60 bash -c '{}'", script.replace('\'', "'\\''"))));
    assert!(status == 0 && out.ends_with("status 0") && pid_in(&out).is_some(), "{status}: {out}");
}

#[test]
fn no_descriptor_of_the_caller_stays_open() {
    let place = Place::new();
    let lock = place.scratch.path("rc.lock");
    // As a shell's rc file may do it, and with a pipe at a high number: its end is seen only when all copies close.
    let script = format!(
        "exec 9>'{}'; flock 9; ulimit -n 4096; exec 3000>&1; myagent start >/dev/null",
        lock.display()
    );
    let mut child = shell(&place, &script).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let (send, closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(pipe.read_to_end(&mut Vec::new()).is_ok()));
    assert!(child.wait().unwrap().success());
    assert_eq!(closed.recv_timeout(crate::support::PATIENCE), Ok(true), "the agent holds the caller's pipe");
    let free = place.scratch.command("flock").arg("--nonblock").arg(&lock).arg("true").status().unwrap();
    assert!(free.success(), "the agent holds the caller's lock");
    assert_eq!(place.status()["running"], true);
}

#[test]
fn it_leaves_the_session_the_directory_and_the_signals() {
    let place = Place::new();
    let script = "trap '' INT QUIT USR2; umask 022; ulimit -c unlimited 2>/dev/null; exec myagent start";
    let (_, out, _) = run(&mut shell(&place, script));
    let pid = pid_in(&out).unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let (parent, session, terminal) = (fields[1], fields[3], fields[4]);
    assert_ne!(parent, std::process::id().to_string());
    assert_ne!(session, pid.to_string(), "a session's leader can get a terminal again");
    assert_eq!(terminal, "0");
    // Two that would end it for a client that goes away, or for a limit, and one that would stop it for a line that it
    // shows on a terminal; above 31 are signals of the C library and of nobody.
    let ignored = u64::from_str_radix(&field(pid, "SigIgn"), 16).unwrap() & 0x7fff_ffff;
    let wanted = [Signal::SIGPIPE, Signal::SIGXFSZ, Signal::SIGTTOU];
    let wanted: u64 = wanted.into_iter().map(|signal| 1 << (signal as i32 - 1)).sum();
    assert_eq!(ignored, wanted, "signals stayed ignored");
    assert_eq!((field(pid, "Umask"), field(pid, "NoNewPrivs")), ("0077".into(), "1".into()));
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    for measure in place.status()["measures"].as_array().unwrap() {
        assert_eq!(measure["state"], "on", "{measure}");
    }
}

/// What only root may look at in a process that is not dumpable, and what another process of the user may not.
#[test]
fn its_descriptors_are_its_own() {
    let place = Place::new();
    let pid = place.start();
    let root = nix::unistd::geteuid().is_root();
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}"));
    if !root {
        assert!(link("cwd").is_err() && fs::read_dir(format!("/proc/{pid}/fd")).is_err(), "it is dumpable");
        return;
    }
    assert_eq!(link("cwd").unwrap().to_str(), Some("/"));
    for descriptor in 0..=2 {
        assert_eq!(link(&format!("fd/{descriptor}")).unwrap().to_str(), Some("/dev/null"));
    }
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{pid}/mem")).unwrap());
    assert_eq!(owner, 0);
}

/// The lock ends with the agent and not with the process that forked it.
#[test]
fn the_lock_is_held_while_the_agent_lives_and_names_it() {
    let place = Place::new();
    let pid = place.start();
    let note = fs::read_to_string(place.shared_lock()).unwrap();
    assert_eq!(note, format!("pid {pid}, {}\n", place.socket.display()));
    let try_lock =
        || place.scratch.command("flock").arg("-n").arg(place.shared_lock()).arg("true").status().unwrap();
    assert!(!try_lock().success(), "nobody holds the lock");
    assert_eq!(run(&mut place.myagent(&["stop"])).0, 0);
    assert!(try_lock().success(), "stop returned while the lock was held");
    assert!(place.shared_lock().exists(), "the lock file must never be removed");
    wait_until("it has ended", || !lives(pid));
}

#[test]
fn it_leaves_no_zombie() {
    let place = Place::new();
    let script = "myagent start; read -r children </proc/$$/task/$$/children; echo \"children:$children\"";
    let (status, out, err) = run(&mut shell(&place, script));
    // read finds no line's end, and says so by its status alone.
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.ends_with("\nchildren:\n"), "{out}");
}

#[test]
fn the_log_is_private_and_can_be_off() {
    let place = Place::new();
    place.start();
    let log = place.socket.with_file_name("agent.log");
    assert_eq!(place.status()["log"], log.to_str().unwrap());
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    // Written by a thread of its own, a moment later.
    wait_until("the start is logged", || fs::read_to_string(&log).unwrap().contains("INFO"));
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains('\x1b'), "{text}");
    let silent = Place::named("other.sock");
    assert_eq!(run(&mut silent.myagent(&["start", "--log", "off"])).0, 0);
    assert_eq!(silent.status()["log"], serde_json::Value::Null);
    assert!(!silent.scratch.path("run/other.sock.log").exists());
    assert_eq!(run(&mut silent.myagent(&["stop"])).0, 0);
    assert_eq!(run(silent.myagent(&["start"]).env("MYAGENT_LOG", "error")).0, 0);
    assert_eq!(fs::read_to_string(silent.scratch.path("run/other.sock.log")).unwrap(), "");
}

/// What goes wrong in the forked process is said by the one that was called.
#[test]
fn its_failure_is_told() {
    let place = Place::new();
    // The control socket's name is taken by something that must not be removed.
    let control = place.socket.with_file_name("control.sock");
    fs::write(&control, "precious").unwrap();
    let (status, out, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("control.sock: it is no socket") && err.contains("\nhint: "), "{err}");
    assert_eq!(fs::read(&control).unwrap(), b"precious");
    assert!(!place.socket.exists(), "the agent socket stayed behind");
}

/// Starts the agent below itself, signals it, and tells the status that it ended with, or that it lives.
const REAPER: &str = "
import ctypes, os, signal, subprocess, sys, time
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
out = subprocess.run([sys.argv[1], 'start', '--shell', 'sh'], stdout=subprocess.PIPE, check=True).stdout.decode()
pid = int(out.split('SSH_AGENT_PID=')[1].split(';')[0])
os.kill(pid, getattr(signal, sys.argv[2]))
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        print(os.waitstatus_to_exitcode(status))
        break
    if os.path.exists(sys.argv[3]) and sys.argv[4] in open(sys.argv[3]).read():
        print('lives')
        subprocess.run([sys.argv[1], 'stop'], check=True)
        break
    time.sleep(0.005)
";

/// What becomes of an agent in the background on this signal; `logged` is what it writes where it lives on.
fn on_signal(signal: &str, logged: &str) -> String {
    let place = Place::new();
    let mut reaper = place.scratch.command("python3");
    reaper.args(["-c", REAPER]).arg(crate::support::myagent()).arg(signal);
    reaper.arg(place.socket.with_file_name("agent.log")).arg(logged).env("MYAGENT_SOCK", &place.socket);
    let (status, out, error) = run(&mut reaper);
    assert_eq!(status, 0, "{error}");
    assert!(!place.socket.exists(), "{signal} leaves the socket");
    out.trim().to_owned()
}

#[test]
#[ignore = "needs python3: it adopts the agent, to hear its status"]
fn term_and_int_end_it_cleanly() {
    for signal in ["SIGTERM", "SIGINT"] {
        assert_eq!(on_signal(signal, "never logged"), "0", "{signal}");
    }
}

#[test]
#[ignore = "needs python3: it adopts the agent, to hear its status"]
fn hup_restarts_it_or_is_logged() {
    // This program is not root's alone: why that changes nothing is said too.
    assert_eq!(on_signal("SIGHUP", "not restarted: "), "lives");
}

#[test]
#[ignore = "needs python3: it adopts the agent, to hear its status"]
fn usr1_forgets_all_keys_and_no_more() {
    assert_eq!(on_signal("SIGUSR1", "all keys forgotten on SIGUSR1"), "lives");
}
