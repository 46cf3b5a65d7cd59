//! Another process of the same user never gets hold of the agent or of what it tries out: not of a descriptor, not of
//! its memory, at no moment of a restart.
//!
//! The thief is this test's own program, started once more under the user of the agent; root could do anything, so a
//! run as root gives both to a user of no rights. What it can do it shows on a process that is not closed.

mod ways;

use crate::keys::Key;
use crate::rig::install;
use crate::support::{Scratch, run, wait_until};
use crate::wire::{Conn, SUCCESS, add};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, getegid, geteuid};
use std::collections::{BTreeSet, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use ways::{WAYS, children};

/// Says to a process of this program that it is the thief, and whose.
const VICTIM: &str = "MYAGENT_TEST_VICTIM";
/// How many restarts it has to succeed in.
const RESTARTS: usize = 20;
/// A user of nobody's, where root runs this.
const NOBODY: u32 = 54_321;

/// The thief itself, where it was started as such: until its input ends it tries every way, and then tells what it got.
#[test]
fn thief() {
    let Ok(victim) = std::env::var(VICTIM) else { return };
    let victim: i32 = victim.parse().unwrap();
    let end = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let (mut got, mut tried, mut seen, mut known) = (BTreeSet::new(), 0, HashSet::new(), HashSet::new());
    println!("\nready");
    std::io::stdout().flush().unwrap();
    // Once more after the end was said, so that it has tried everything at least once.
    loop {
        let last = end.is_finished();
        let targets = children(victim, &mut known);
        seen.extend(targets.iter().copied());
        // Those are there for a moment only: as often as can be.
        for _ in 0..if targets.is_empty() { 1 } else { 10 } {
            for pid in targets.iter().chain([&victim]) {
                for (name, way) in WAYS {
                    tried += 1;
                    let whose = if *pid == victim { "the agent" } else { "what it tries out" };
                    got.extend(way(*pid).map(|what| format!("got {name} of {whose}: {what}")));
                }
            }
        }
        if last {
            break;
        }
    }
    got.iter().for_each(|line| println!("{line}"));
    println!("tried {tried} {}", seen.len());
}

/// The user of agent and thief, and programs and files of theirs.
struct Victim {
    scratch: Scratch,
    user: Uid,
}

impl Victim {
    fn new() -> Self {
        let scratch = Scratch::new();
        install(&scratch);
        let copied =
            run(scratch.command("cp").arg(std::env::current_exe().unwrap()).arg(scratch.path("bin/thief")));
        assert_eq!(copied.0, 0, "{}", copied.2);
        let root = geteuid().is_root();
        let user = if root { Uid::from_raw(NOBODY) } else { geteuid() };
        let victim = Self { scratch, user };
        victim.give_away();
        victim
    }

    /// All files to the user.
    fn give_away(&self) {
        let owner = format!(
            "{}:{}",
            self.user,
            if self.user.as_raw() == NOBODY { NOBODY } else { getegid().as_raw() }
        );
        let given = run(self.scratch.command("chown").args(["-R", &owner]).arg(self.scratch.path("")));
        assert_eq!(given.0, 0, "{}", given.2);
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        if !geteuid().is_root() {
            return self.scratch.command(program.as_ref());
        }
        let mut command = self.scratch.command("setpriv");
        let [uid, gid] = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        command.args([&uid, &gid, "--clear-groups"]).arg(program.as_ref());
        command
    }

    /// A thief at work on this process.
    fn thief(&self, pid: u32) -> Thief {
        let mut command = self.command(self.scratch.path("bin/thief"));
        command.args(["--exact", "thief::thief", "--nocapture"]).env(VICTIM, pid.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "no thief");
        }
        Thief { child, output }
    }

    fn myagent(&self, command: &str) -> Command {
        let mut call = self.command(self.scratch.path("bin/myagent"));
        call.arg(command).env("MYAGENT_SOCK", self.socket());
        call
    }

    fn agent(&self) -> Ended {
        let mut start = self.myagent("start");
        let (status, out, error) = run(start.args(["--shell", "sh", "--trust-own-binary"]));
        assert_eq!(status, 0, "{error}");
        let pid = out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next());
        Ended(pid.expect("a pid").parse().unwrap())
    }

    fn socket(&self) -> std::path::PathBuf {
        self.scratch.path("run/agent.sock")
    }
}

struct Thief {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Thief {
    /// What it got, how often it tried, and on how many that were tried out.
    fn end(mut self) -> (Vec<String>, u64, u64) {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success(), "{text}");
        let numbers = text.lines().find_map(|line| line.strip_prefix("tried ")).expect("its numbers");
        let (tried, children) = numbers.split_once(' ').unwrap();
        let got = text.lines().filter(|line| line.starts_with("got ")).map(str::to_owned).collect();
        (got, tried.parse().unwrap(), children.parse().unwrap())
    }
}

/// Ended by its number with the test.
struct Ended(u32);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.try_into().unwrap()), Signal::SIGKILL);
    }
}

/// What the thief can do: on a process of the same user that is not closed, and on what that has started.
fn can_steal(victim: &Victim) {
    let mut open = victim.command("sh").args(["-c", "sleep 600 & wait"]).spawn().unwrap();
    let mut child = None;
    wait_until("it has a child", || {
        child = children(open.id().try_into().unwrap(), &mut HashSet::new()).first().copied();
        child.is_some()
    });
    let child = Ended(child.unwrap().try_into().unwrap());
    let control = victim.thief(open.id());
    // It tries each way once at least before it ends.
    let (got, ..) = control.end();
    open.kill().unwrap();
    open.wait().unwrap();
    drop(child);
    let can = |way: &str| {
        let on = |whose: &str| got.iter().any(|line| line.starts_with(&format!("got {way} of {whose}")));
        on("the agent") && on("what it tries out")
    };
    // With Yama only a parent may attach, and a container may forbid a call: then this test shows less.
    for (way, _) in WAYS.iter().filter(|(way, _)| !can(way)) {
        println!("not possible here with any process: {way}");
    }
    assert!(can("fd"), "this thief can do nothing, and shows nothing");
}

#[test]
fn a_process_of_the_same_user_gets_nothing() {
    let victim = Victim::new();
    can_steal(&victim);
    let agent = victim.agent();
    let key = Key::generate(&victim.scratch, "key", &["ed25519"]);
    Conn::open(&victim.socket()).unwrap().expect(&add(&key.private, b"mine"), SUCCESS);
    let thief = victim.thief(agent.0);
    for _ in 0..RESTARTS {
        let (status, _, error) = run(&mut victim.myagent("restart"));
        assert_eq!(status, 0, "{error}");
    }
    let (got, tried, seen) = thief.end();
    println!("{tried} attempts on the agent and on {seen} programs that it tried out");
    assert_eq!(got, Vec::<String>::new());
    assert!(seen > 0 && tried > 1000, "the thief has seen too little: {tried}, {seen}");
    assert_eq!(Conn::open(&victim.socket()).unwrap().comments(), ["mine"]);
}
