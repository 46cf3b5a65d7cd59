//! `start -- COMMAND`: the command is what the caller's own would have been, and its agent goes when it goes.

use crate::support::{Scratch, myagent, run, status_of, wait_until};
use crate::{lives, pid_in};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

fn start(scratch: &Scratch, command: &[&str]) -> Command {
    let mut call = scratch.command(myagent());
    call.args(["start", "--"]).args(command);
    call
}

/// What lies in the directories that an agent of its own may be in.
fn left(scratch: &Scratch) -> Vec<String> {
    let entries = ["run", "tmp"].into_iter().flat_map(|name| std::fs::read_dir(scratch.path(name)).unwrap());
    entries.map(|entry| entry.unwrap().path().display().to_string()).collect()
}

fn nothing_is_left(scratch: &Scratch) {
    wait_until("the agent's directory is gone", || left(scratch).is_empty());
}

#[test]
fn the_agent_works_and_ends_with_the_command() {
    let scratch = Scratch::new();
    let script = "echo $SSH_AGENT_PID; echo $SSH_AUTH_SOCK; echo $MYAGENT_SOCK; ssh-add -l; \
                  stat -c %a \"${SSH_AUTH_SOCK%/*}\" \"$SSH_AUTH_SOCK\"; exit 7";
    let (status, out, err) = run(&mut start(&scratch, &["sh", "-c", script]));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((status, err.as_str(), lines.len()), (7, "", 6), "{out}");
    assert_eq!(&lines[3..], ["The agent has no identities.", "700", "600"]);
    assert!(lines[1].starts_with(scratch.runtime().to_str().unwrap()) && lines[1] == lines[2], "{out}");
    let pid = lines[0].parse().unwrap();
    wait_until("the agent has ended", || !lives(pid));
    nothing_is_left(&scratch);
}

/// However the command ends.
#[test]
fn a_killed_command_takes_its_agent_along() {
    let scratch = Scratch::new();
    let script = "echo $SSH_AGENT_PID; exec sleep 1000";
    let mut child = start(&scratch, &["sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = line.trim().parse().unwrap();
    assert!(lives(pid) && left(&scratch).len() == 1);
    crate::signal(child.id(), Signal::SIGKILL);
    status_of(&mut child);
    wait_until("the agent has ended", || !lives(pid));
    nothing_is_left(&scratch);
}

/// The command's own children do not keep the agent, nor does the agent's end wait for them.
#[test]
fn what_the_command_leaves_running_keeps_nothing() {
    let scratch = Scratch::new();
    let script = "sleep 1000 <&- >&- 2>&- & echo $! $SSH_AGENT_PID";
    let (status, out, _) = run(&mut start(&scratch, &["sh", "-c", script]));
    let pids: Vec<u32> = out.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(status, 0);
    wait_until("the agent has ended", || !lives(pids[1]));
    assert!(lives(pids[0]));
    crate::signal(pids[0], Signal::SIGKILL);
    nothing_is_left(&scratch);
}

#[test]
fn what_cannot_be_run_leaves_no_agent() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("file"), "no program").unwrap();
    let file = scratch.path("file");
    for (command, expected) in
        [("no-such-command", 127), ("/no/such", 127), (file.to_str().unwrap(), 126), ("/", 126)]
    {
        let (status, out, err) = run(&mut start(&scratch, &[command]));
        assert_eq!((status, out.as_str()), (expected, ""), "{err}");
        assert!(err.starts_with(&format!("myagent: cannot run {command:?}: ")), "{err}");
        assert!(left(&scratch).is_empty(), "{command}: {:?}", left(&scratch));
    }
}

/// What `run` shows of the process that a shell script turns into.
fn shown(scratch: &Scratch, setup: &str, with: &str, command: &str) -> String {
    let mut shell = scratch.command("bash");
    shell.args(["-c", &format!("{setup}; exec {with} {command}")]).arg(myagent());
    let (status, out, err) = run(shell.env("FOO", "a=b").env("SSH_AGENT_PID", "1"));
    assert_eq!((status, err.as_str()), (0, ""), "{command}: {out}");
    out
}

/// Limits, umask, signals, descriptors, directory and environment are what they would have been without us.
#[test]
fn the_command_is_as_its_caller_made_it() {
    let scratch = Scratch::new();
    let setup = "umask 027; ulimit -n 333 -c 0; trap '' INT USR2; exec 9</dev/null; cd tmp";
    let own = "\"$0\" start --";
    for command in [
        "grep -E '^(SigIgn|SigBlk|SigCgt|Umask|NoNewPrivs|Seccomp|CapEff|Threads):' /proc/self/status",
        "cat /proc/self/limits",
        "ls /proc/self/fd",
        "pwd",
        "env -u SSH_AUTH_SOCK -u SSH_AGENT_PID -u MYAGENT_SOCK -u _",
    ] {
        let lines = |with: &str| {
            let mut lines: Vec<String> =
                shown(&scratch, setup, with, command).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (bare, under) = (lines(""), lines(own));
        assert!(!bare.is_empty() && bare == under, "{command}: {bare:#?}, and with an agent {under:#?}");
    }
    nothing_is_left(&scratch);
}

#[test]
fn the_command_has_the_caller_s_pid_and_no_other_child() {
    let scratch = Scratch::new();
    let script = "echo $$; read -r children </proc/$$/task/$$/children; echo \"$children\"";
    let mut child = start(&scratch, &["bash", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> =
        BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    let pid = child.id().to_string();
    status_of(&mut child);
    assert_eq!(lines, [pid.as_str(), ""]);
    nothing_is_left(&scratch);
}

/// SIGPIPE was taken from us before our first line; the command has it.
#[test]
fn a_broken_pipe_ends_the_command() {
    let scratch = Scratch::new();
    let mut shell = scratch.command("bash");
    shell.args(["-c", "\"$0\" start -- yes | head -n 1; echo ${PIPESTATUS[0]}"]).arg(myagent());
    let (_, out, err) = run(&mut shell);
    assert_eq!((out.as_str(), err.as_str()), ("y\n141\n", ""));
    nothing_is_left(&scratch);
}

/// A shell under it whose rc file asks for an agent gets this one, and `stop` ends this one.
#[test]
fn shells_under_it_find_it() {
    let scratch = Scratch::new();
    let script = "a=$SSH_AUTH_SOCK; eval \"$(\"$0\" start)\"; [ \"$a\" = \"$SSH_AUTH_SOCK\" ] || exit 1
                  \"$0\" status --json; \"$0\" stop; ssh-add -l >/dev/null 2>&1; exit $?";
    let mut command = start(&scratch, &["sh", "-c", script]);
    let (status, out, err) = run(command.arg(myagent()));
    assert_eq!((status, err.as_str()), (2, ""), "{out}");
    assert!(out.contains("\"running\":true") && pid_in(&out).is_none(), "{out}");
    nothing_is_left(&scratch);
}

/// The user's own agent stays as it is, and is not the one that the command sees.
#[test]
fn it_leaves_the_other_agent_alone() {
    let place = crate::Place::new();
    let pid = place.start();
    let mut command = place.myagent(&["start", "--", "printenv", "SSH_AUTH_SOCK", "MYAGENT_SOCK"]);
    let (status, out, _) = run(&mut command);
    assert!(status == 0 && !out.contains(place.socket.to_str().unwrap()), "{out}");
    assert_eq!(place.status()["pid"], pid);
}

/// Where the runtime directory cannot be used, or its path is too long, the place is among the temporary files.
#[test]
fn it_finds_another_place() {
    let scratch = Scratch::new();
    let deep = scratch.path("run").join("d".repeat(90));
    crate::support::private_dir(&deep);
    for runtime in [Path::new("/nonexistent"), Path::new("relative"), &deep, Path::new("/")] {
        let (status, out, err) =
            run(start(&scratch, &["printenv", "SSH_AUTH_SOCK"]).env("XDG_RUNTIME_DIR", runtime));
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.starts_with(scratch.path("tmp").to_str().unwrap()), "{runtime:?}: {out}");
    }
    std::fs::remove_dir(&deep).unwrap();
    nothing_is_left(&scratch);
}

#[test]
fn options_of_other_ways_are_wrong_usage() {
    let scratch = Scratch::new();
    for option in ["--foreground", "--service", "--daemon", "--shell=sh", "--replace-forwarded"] {
        let (status, out, err) = run(scratch.command(myagent()).args(["start", option, "--", "true"]));
        assert_eq!((status, out.as_str()), (2, ""), "{option}: {err}");
    }
}
