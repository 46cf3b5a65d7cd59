//! Another process of the same user never gets hold of the agent or of what it tries out: not of a descriptor, not of
//! its memory, at no moment of a restart.
//!
//! The thief is this test's own program, started once more under the user of the agent; root could do anything, so a
//! run as root gives both to a user of no rights. What it can do it shows on a process that is not closed.

use crate::keys::Key;
use crate::rig::install;
use crate::support::{Scratch, run, wait_until};
use crate::wire::{Conn, SUCCESS, add};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Says to a process of this program that it is the thief, and whose.
const VICTIM: &str = "MYAGENT_TEST_VICTIM";
/// How many restarts it has to succeed in.
const RESTARTS: usize = 20;
/// No process here has as many descriptors.
const MOST_DESCRIPTORS: RawFd = 32;
/// A user of nobody's, where root runs this.
const NOBODY: u32 = 54_321;

/// A way into another process; the name of what it got.
type Way = fn(i32) -> Option<String>;

const WAYS: [(&str, Way); 4] =
    [("pidfd_getfd", take), ("fd", open_descriptor), ("mem", open_memory), ("ptrace", attach)];

/// An owned descriptor out of a system call's result.
fn owned(result: libc::c_long) -> Option<OwnedFd> {
    let number = RawFd::try_from(result).ok().filter(|number| *number >= 0)?;
    // SAFETY: the kernel gave it to us just now.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

fn take(pid: i32) -> Option<String> {
    // SAFETY: a system call without pointers.
    let process = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    (0..MOST_DESCRIPTORS).find_map(|number| {
        // SAFETY: a system call without pointers.
        let got = owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })?;
        let what = std::fs::read_link(format!("/proc/self/fd/{}", got.as_raw_fd())).unwrap_or_default();
        Some(format!("descriptor {number}: {}", what.display()))
    })
}

fn open_descriptor(pid: i32) -> Option<String> {
    (0..MOST_DESCRIPTORS).find_map(|number| {
        let path = format!("/proc/{pid}/fd/{number}");
        std::fs::read_link(&path).ok().map(|what| what.display().to_string()).or_else(|| {
            let opened = File::options().read(true).custom(libc::O_NONBLOCK).open(&path);
            opened.ok().map(|_| path)
        })
    })
}

trait Custom {
    fn custom(&mut self, flags: i32) -> &mut Self;
}

impl Custom for std::fs::OpenOptions {
    fn custom(&mut self, flags: i32) -> &mut Self {
        std::os::unix::fs::OpenOptionsExt::custom_flags(self, flags)
    }
}

fn open_memory(pid: i32) -> Option<String> {
    File::open(format!("/proc/{pid}/mem")).ok().map(|_| "memory".to_owned())
}

fn attach(pid: i32) -> Option<String> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: neither address is looked at.
    let attached = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) };
    if attached != 0 {
        return None;
    }
    // SAFETY: as above; the process goes on.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, nothing, nothing) };
    Some("attached".to_owned())
}

/// The processes that `pid` has started, of those not yet `known` to be others'.
fn children(pid: i32, known: &mut HashSet<i32>) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(other) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if known.contains(&other) {
            continue;
        }
        let stat = std::fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        if parent == Some(pid) {
            found.push(other);
        } else if parent.is_some() {
            known.insert(other);
        }
    }
    found
}

/// The thief itself, where it was started as such: until its input ends it tries every way, and then tells what it got.
#[test]
fn thief() {
    let Ok(victim) = std::env::var(VICTIM) else { return };
    let victim: i32 = victim.parse().unwrap();
    let end = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let (mut got, mut tried, mut seen, mut known) = (BTreeSet::new(), 0, HashSet::new(), HashSet::new());
    println!("\nready");
    std::io::stdout().flush().unwrap();
    while !end.is_finished() {
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
        let root = nix::unistd::geteuid().is_root();
        let user = if root { Uid::from_raw(NOBODY) } else { nix::unistd::geteuid() };
        let victim = Self { scratch, user };
        victim.give_away();
        victim
    }

    /// All files to the user.
    fn give_away(&self) {
        let owner = format!(
            "{}:{}",
            self.user,
            if self.user.as_raw() == NOBODY { NOBODY } else { nix::unistd::getegid().as_raw() }
        );
        let given = run(self.scratch.command("chown").args(["-R", &owner]).arg(self.scratch.path("")));
        assert_eq!(given.0, 0, "{}", given.2);
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        if !nix::unistd::geteuid().is_root() {
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

#[test]
fn a_process_of_the_same_user_gets_nothing() {
    let victim = Victim::new();
    // What the thief can do: on a process of the same user that is not closed, and on what that has started.
    let mut open = victim.command("sh").args(["-c", "sleep 600 & wait"]).spawn().unwrap();
    let parent = open.id().to_string();
    let mut child = None;
    wait_until("it has a child", || {
        child = children(parent.parse().unwrap(), &mut HashSet::new()).first().copied();
        child.is_some()
    });
    let _child = Ended(child.unwrap().try_into().unwrap());
    let control = victim.thief(open.id());
    std::thread::sleep(std::time::Duration::from_millis(100));
    let (got, ..) = control.end();
    open.kill().unwrap();
    open.wait().unwrap();
    println!("on a process that is not closed: {got:#?}");
    let can = |way: &str| {
        ["the agent", "what it tries out"]
            .iter()
            .all(|whose| got.iter().any(|line| line.starts_with(&format!("got {way} of {whose}"))))
    };
    assert!(can("fd"), "this thief can do nothing, and shows nothing");
    // Elsewhere only a parent may attach, whatever the process says (or a container forbids the call).
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if matches!(yama.trim(), "" | "0") {
        WAYS.iter().filter(|(way, _)| !can(way)).for_each(|(way, _)| println!("not possible here: {way}"));
        assert!(can("mem"), "{got:?}");
    }

    let (status, out, error) = run(victim
        .command(victim.scratch.path("bin/myagent"))
        .args(["start", "--shell", "sh", "--trust-own-binary"])
        .env("MYAGENT_SOCK", victim.socket()));
    assert_eq!(status, 0, "{error}");
    let pid = out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next()).unwrap();
    let agent = Ended(pid.parse().unwrap());
    let key = Key::generate(&victim.scratch, "key", &["ed25519"]);
    Conn::open(&victim.socket()).unwrap().expect(&add(&key.private, b"mine"), SUCCESS);

    let thief = victim.thief(agent.0);
    for _ in 0..RESTARTS {
        let (status, _, error) = run(victim
            .command(victim.scratch.path("bin/myagent"))
            .arg("restart")
            .env("MYAGENT_SOCK", victim.socket()));
        assert_eq!(status, 0, "{error}");
    }
    let (got, tried, seen) = thief.end();
    println!("{tried} attempts on the agent and on {seen} programs that it tried out");
    assert_eq!(got, Vec::<String>::new());
    assert!(seen > 0 && tried > 1000, "the thief has seen too little: {tried}, {seen}");
    assert_eq!(Conn::open(&victim.socket()).unwrap().comments(), ["mine"]);
}
