//! `ssh-agent COMMAND`: the command in the caller's process, the agent its child.

use crate::support::{run, status_of, wait_until};
use crate::{Caller, lives};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_agent_is_the_command_s_child_and_ends_with_it() {
    let caller = Caller::new();
    let script = "echo $SSH_AGENT_PID; echo $SSH_AUTH_SOCK; ssh-add -l; ps -o ppid= -p $SSH_AGENT_PID; echo $$; exit 7";
    for form in [&[][..], &["-T"], &["-a", "tmp/s"]] {
        let (status, out, err) = run(caller.agent(form).args(["sh", "-c", script]));
        let lines: Vec<&str> = out.lines().map(str::trim).collect();
        assert_eq!((status, err.as_str(), lines.len()), (7, "", 5), "{out}");
        assert_eq!((lines[2], lines[3]), ("The agent has no identities.", lines[4]));
        caller.nothing_is_left();
        let pid = lines[0].parse().unwrap();
        wait_until("the agent has ended", || !lives(pid));
    }
}

/// However the command ends, and whatever it leaves running.
#[test]
fn a_killed_command_takes_its_agent_along() {
    let caller = Caller::new();
    let script = "echo $SSH_AGENT_PID; exec sleep 1000";
    let mut command = caller.agent(&["sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = line.trim().parse().unwrap();
    assert!(lives(pid) && caller.files().len() == 1);
    crate::signal(child.id(), Signal::SIGKILL);
    status_of(&mut child);
    assert_eq!(crate::status_of_orphan(pid), 2);
    caller.nothing_is_left();
}

#[test]
fn the_agent_may_be_ended_before_its_command() {
    let caller = Caller::new();
    let script = "kill $SSH_AGENT_PID; while [ -e $SSH_AUTH_SOCK ]; do :; done; echo on";
    assert_eq!(run(&mut caller.agent(&["sh", "-c", script])), (0, "on\n".to_owned(), String::new()));
    caller.nothing_is_left();
}

#[test]
fn what_cannot_be_run_leaves_no_agent() {
    let caller = Caller::new();
    for form in [&[][..], &["-T"], &["-a", "tmp/s"]] {
        let (status, out, err) = run(caller.agent(form).arg("no-such-command"));
        assert_eq!(
            (status, out.as_str(), err.as_str()),
            (1, "", "no-such-command: No such file or directory\n")
        );
        // At once: who was called has waited for it.
        assert!(caller.processes().is_empty());
        caller.nothing_is_left();
    }
}

/// What `command` shows of the process that a shell script turns into.
fn shown(caller: &Caller, with: &str, command: &str) -> Vec<String> {
    let setup = "umask 027; ulimit -n 333 -c 0; trap '' INT USR2; exec 9</dev/null; cd tmp";
    let mut shell = caller.scratch.command("bash");
    shell.args(["-c", &format!("{setup}; exec {with} {command}")]).arg(caller.scratch.path("bin/ssh-agent"));
    let (status, out, err) = run(shell.env("FOO", "a=b").env("SSH_AGENT_PID", "1"));
    assert_eq!((status, err.as_str()), (0, ""), "{command}: {out}");
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_command_is_as_its_caller_made_it() {
    let caller = Caller::new();
    for command in [
        "grep -E '^(SigIgn|SigBlk|SigCgt|Umask|NoNewPrivs|Seccomp|CapEff|Threads):' /proc/self/status",
        "cat /proc/self/limits",
        "ls /proc/self/fd",
        "pwd",
        "env -u SSH_AUTH_SOCK -u SSH_AGENT_PID -u _",
    ] {
        let (bare, under) = (shown(&caller, "", command), shown(&caller, "\"$0\"", command));
        assert!(!bare.is_empty() && bare == under, "{command}: {bare:#?}, and with an agent {under:#?}");
    }
    caller.nothing_is_left();
}

/// By the name of the whole program it is the same.
#[test]
fn by_the_command_of_the_program() {
    let caller = Caller::new();
    let mut command: Command = caller.scratch.command(crate::support::myagent());
    command.args(["ssh-agent", "-a", "tmp/s", "--", "sh", "-c", "echo $SSH_AUTH_SOCK; exit 3"]);
    assert_eq!(run(&mut command), (3, "tmp/s\n".to_owned(), String::new()));
    wait_until("the socket is gone", || !caller.scratch.path("tmp/s").exists());
    let (status, out, err) = run(caller.scratch.command(crate::support::myagent()).args(["ssh-agent", "-V"]));
    assert_eq!((status, out.as_str()), (0, ""));
    assert!(
        err.starts_with(&format!("myagent {}", env!("CARGO_PKG_VERSION"))) && err.contains("OpenSSH_10.5")
    );
    let usage = run(caller.scratch.command(crate::support::myagent()).args(["ssh-agent", "-x"]));
    assert!(usage.0 == 1 && usage.2.starts_with("unknown option -- x\nusage: ssh-agent "), "{usage:?}");
    let help = run(caller.scratch.command(crate::support::myagent()).args(["ssh-agent", "--help"]));
    assert!(help.0 == 0 && help.1.contains("-U") && help.2.is_empty(), "{help:?}");
}
