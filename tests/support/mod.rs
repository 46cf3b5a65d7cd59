//! What every test stands on: a private directory, a cleaned environment, an agent that ends with the test.
//!
//! Nothing here touches the user's own HOME, runtime directory or agent, and nothing outlives a test: every
//! process is ended by its pid and waited for, every directory removed.
#![allow(dead_code)] // each test binary uses its own part of this
#![allow(missing_docs, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a condition may take on a machine with everything else running: generous on purpose.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a process is there and no zombie.
pub fn lives(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Whether a process, or a thread where each has a state, is stopped.
pub fn is_stopped(pid: u32) -> bool {
    #[cfg(target_os = "linux")]
    return std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    });
    #[cfg(not(target_os = "linux"))]
    return state(pid) == Some('T');
}

#[cfg(target_os = "linux")]
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

#[cfg(not(target_os = "linux"))]
fn state(pid: u32) -> Option<char> {
    ps(pid, "stat").chars().next()
}

/// What ps(1) says of a process, where there is no /proc.
pub fn ps(pid: u32, what: &str) -> String {
    let what = format!("{what}=");
    let said = Command::new("ps").args(["-o", &what, "-p", &pid.to_string()]).output().unwrap();
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// Polls until `done` holds; panics naming `what` when [`PATIENCE`] runs out.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a child ends by itself and gives its exit status, -1 after a signal. Ends it when
/// [`PATIENCE`] runs out: a test that fails must not hang.
pub fn status_of(child: &mut Child) -> i32 {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("pid {} did not end", child.id());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A private directory with a HOME and a runtime directory of its own, removed at the end.
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        // A short name: a socket's path holds 103 bytes at most.
        let dir = tempfile::Builder::new().prefix("ma").rand_bytes(6).tempdir().unwrap();
        for part in ["home", "run", "tmp"] {
            private_dir(&dir.path().join(part));
        }
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub fn runtime(&self) -> PathBuf {
        self.path("run")
    }

    /// A command that sees this directory's HOME and XDG_RUNTIME_DIR and no agent.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("TMPDIR", self.path("tmp"))
            .env("LC_ALL", "C")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }
}

/// Makes a directory of mode 0700.
pub fn private_dir(path: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(path).unwrap();
}

/// A running agent of either kind, ended with the test.
pub struct Agent {
    pub child: Child,
    pub socket: PathBuf,
}

impl Agent {
    /// The agent that `MYAGENT_TEST_AGENT` names: `myagent` (also when unset) or `openssh`.
    ///
    /// The second is the measure: what a test asks for must hold for OpenSSH's own agent as well.
    pub fn under_test(scratch: &Scratch) -> Self {
        match std::env::var("MYAGENT_TEST_AGENT").as_deref() {
            Err(_) | Ok("myagent") => Self::myagent(scratch),
            Ok("openssh") => Self::openssh(scratch),
            Ok(other) => panic!("MYAGENT_TEST_AGENT is myagent or openssh, not {other:?}"),
        }
    }

    /// Debian's own ssh-agent, in the foreground.
    pub fn openssh(scratch: &Scratch) -> Self {
        let socket = scratch.path("openssh.sock");
        let mut command = scratch.command("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket);
        Self::spawn(command, socket)
    }

    /// The program under test, in the foreground, logging to `agent.log` in the scratch directory.
    pub fn myagent(scratch: &Scratch) -> Self {
        Self::of(scratch, &myagent(), &[])
    }

    /// The same of another copy of the program, with more arguments.
    pub fn of(scratch: &Scratch, program: &Path, arguments: &[&str]) -> Self {
        let socket = scratch.path("run/agent.sock");
        let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
        let mut command = scratch.command(program);
        command.args(["start", "--foreground", "--log", "debug"]).args(arguments);
        command.env("MYAGENT_SOCK", &socket).stderr(log);
        Self::spawn(command, socket)
    }

    pub fn spawn(mut command: Command, socket: PathBuf) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut agent = Self { child, socket };
        wait_until("the agent listens", || {
            assert!(agent.child.try_wait().unwrap().is_none(), "the agent ended at once");
            std::os::unix::net::UnixStream::connect(&agent.socket).is_ok()
        });
        agent
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test: the one that was built with the tests, or the one that `MYAGENT_TEST_PROGRAM` names (an
/// optimised build, or one in which a measure was broken on purpose).
pub fn myagent() -> PathBuf {
    std::env::var_os("MYAGENT_TEST_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_myagent").into(), PathBuf::from)
}

/// A copy of the program, which a restart may trust: it is in no directory of another user's. Made by a program, since
/// nothing can be run that another test's child has open for writing.
pub fn own_myagent(scratch: &Scratch) -> PathBuf {
    let program = scratch.path("myagent");
    let (status, _, error) = run(scratch.command("cp").arg(myagent()).arg(&program));
    assert_eq!(status, 0, "{error}");
    program
}

/// Runs a command to its end and returns (status, stdout, stderr).
pub fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// A pseudo-terminal: the end of whoever looks at it, and the end that a program has.
///
/// Not openpty: the program, and what other tests start meanwhile, would inherit the first.
pub fn pseudo_terminal() -> (std::fs::File, std::fs::File) {
    use nix::fcntl::OFlag;
    use nix::pty::{grantpt, posix_openpt, unlockpt};
    use std::os::unix::fs::OpenOptionsExt;
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let mut open = std::fs::OpenOptions::new();
    open.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
    let slave = open.open(name_of(&master)).unwrap();
    (std::os::fd::OwnedFd::from(master).into(), slave)
}

#[cfg(target_os = "linux")]
fn name_of(master: &nix::pty::PtyMaster) -> String {
    nix::pty::ptsname_r(master).unwrap()
}

#[cfg(not(target_os = "linux"))]
fn name_of(master: &nix::pty::PtyMaster) -> String {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // SAFETY: the answer lies in one place for all threads, of which one at a time is here.
    unsafe { nix::pty::ptsname(master) }.unwrap()
}
