//! Signals and failures in the middle of a start.

use crate::support::{PATIENCE, run, status_of, wait_until};
use crate::{Caller, Started};
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGTERM};
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How often each way is tried: from the first moment to one when the agent is up.
const TIMES: u32 = 100;

/// The time that a start takes here.
fn start_takes(caller: &Caller) -> Duration {
    let begin = Instant::now();
    let agent = caller.start(&["-s"]);
    let taken = begin.elapsed();
    agent.signal(SIGTERM);
    assert_eq!(agent.ends(), 2);
    taken
}

/// Calls it and sends the signal after a part of the time that it needs. Gives the status and what it said.
fn interrupted(caller: &Caller, arguments: &[&str], signal: Signal, after: Duration) -> (i32, String) {
    let mut command = caller.agent(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    crate::signal(child.id(), signal);
    let status = status_of(&mut child);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    (status, out)
}

#[test]
fn in_the_foreground() {
    let caller = Caller::new();
    let whole = start_takes(&caller);
    for time in 0..TIMES {
        let form = [&["-D"][..], &["-DT"], &["-D", "-a", "tmp/s"]][time as usize % 3];
        let signal = [SIGTERM, SIGHUP, SIGINT][time as usize / 3 % 3];
        let (status, _) = interrupted(&caller, form, signal, whole * 2 * time / TIMES);
        assert!(status == 2 || status == -1, "{status}");
        assert_eq!(caller.files(), Vec::<std::path::PathBuf>::new(), "{form:?} {signal} {time}");
    }
}

/// Who was called is ended: either nothing has begun, or the caller has heard of the agent.
#[test]
fn in_the_background() {
    let caller = Caller::new();
    let whole = start_takes(&caller);
    for time in 0..TIMES {
        let form = [&["-s"][..], &["-sT"], &["-s", "-a", "tmp/s"]][time as usize % 3];
        let signal = [SIGTERM, SIGHUP, SIGINT][time as usize / 3 % 3];
        let (_, out) = interrupted(&caller, form, signal, whole * 2 * time / TIMES);
        if !out.is_empty() {
            let agent = Started::read(&out);
            agent.signal(SIGTERM);
            assert_eq!(agent.ends(), 2);
        }
        caller.nothing_is_left();
    }
}

/// The agent itself is ended the moment that its number is told.
#[test]
fn as_soon_as_it_is_known() {
    let caller = Caller::new();
    for time in 0..TIMES {
        let agent = caller.start(&["-s"]);
        agent.signal([SIGTERM, SIGHUP][time as usize % 2]);
        assert_eq!(agent.ends(), 2);
        caller.nothing_is_left();
    }
}

/// Whoever was called is killed before the agent is up: nobody knows it, so it does not stay.
#[test]
fn a_killed_starter_leaves_no_agent() {
    let caller = Caller::new();
    let mut caught = 0;
    let end = Instant::now() + PATIENCE;
    while caught < 3 {
        assert!(Instant::now() < end, "no start was caught in its middle");
        let mut command = caller.agent(&["-s"]);
        let mut starter = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut agent = None;
        while agent.is_none() && starter.try_wait().unwrap().is_none() {
            let id = starter.id();
            let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            agent = children.unwrap_or_default().split(' ').next().and_then(|pid| pid.parse().ok());
        }
        let Some(pid) = agent else {
            // It was quicker than the look, which a busy machine may delay.
            let mut out = String::new();
            starter.stdout.take().unwrap().read_to_string(&mut out).unwrap();
            Started::read(&out).signal(SIGTERM);
            caller.nothing_is_left();
            continue;
        };
        if is_stopped_early(pid) {
            crate::signal(starter.id(), Signal::SIGKILL);
            assert_eq!(status_of(&mut starter), -1);
            crate::signal(pid, Signal::SIGCONT);
            caught += 1;
        } else {
            crate::signal(pid, Signal::SIGCONT);
            assert_eq!(status_of(&mut starter), 0);
            crate::signal(pid, SIGTERM);
        }
        caller.nothing_is_left();
    }
}

/// Stops an agent. Whether it has no other thread then: it serves nobody yet, and has told nobody that it does.
fn is_stopped_early(pid: u32) -> bool {
    crate::signal(pid, Signal::SIGSTOP);
    let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    wait_until("it is stopped", || status().contains("\nState:\tT"));
    status().contains("\nThreads:\t1\n")
}

/// What was ignored by the caller stays so for the starter.
#[test]
fn an_ignored_hangup_is_ignored() {
    let caller = Caller::new();
    let mut shell = caller.scratch.command("bash");
    let script = "trap '' HUP; \"$0\" -s & pid=$!; while kill -HUP $pid 2>/dev/null; do :; done; wait $pid";
    let (status, out, _) = run(shell.args(["-c", script]).arg(caller.scratch.path("bin/ssh-agent")));
    assert_eq!(status, 0, "{out}");
    let agent = Started::read(&out);
    // The agent has a meaning for it.
    agent.signal(SIGHUP);
    assert_eq!(agent.ends(), 2);
    caller.nothing_is_left();
}

/// A limit that is too small for an agent, but not for its start.
#[test]
fn what_fails_after_the_fork_leaves_nothing() {
    let caller = Caller::new();
    for form in ["-s", "-sT", "true"] {
        let mut shell = caller.scratch.command("bash");
        let script = format!("ulimit -n 10; exec \"$0\" {form}");
        let (status, out, err) = run(shell.args(["-c", &script]).arg(caller.scratch.path("bin/ssh-agent")));
        assert!(status == 1 && out.is_empty() && err.starts_with("ssh-agent: "), "{status} {out}{err}");
        caller.nothing_is_left();
    }
}
