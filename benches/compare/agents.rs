//! The agents that are compared: which are here, and how each is started and ended.
//!
//! Each runs in a directory of its own, with its own HOME, and ends with the value that holds it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Conn;
use crate::support::{Scratch, myagent, run};
use crate::{echo, wire};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Myagent,
    Openssh,
    Pageant,
    Gpg,
    Go,
    Echo,
}

/// An agent that can be started.
pub struct Contender {
    pub kind: Kind,
    pub name: &'static str,
    pub version: String,
    program: PathBuf,
}

/// An agent that runs.
pub struct Running {
    pub kind: Kind,
    pub name: &'static str,
    pub socket: PathBuf,
    /// From its exec to its first answer.
    pub first_answer: Duration,
    pub scratch: Scratch,
    pid: u32,
    child: Child,
}

/// The agents that are here, myagent and OpenSSH's first; says which are not. `quick` takes these two alone.
pub fn found(quick: bool, workshop: &Scratch) -> Vec<Contender> {
    let mut found = vec![
        contender(Kind::Myagent, "myagent", myagent(), version(workshop, &myagent(), "--version")),
        contender(Kind::Openssh, "openssh", "ssh-agent".into(), version(workshop, Path::new("ssh"), "-V")),
    ];
    if quick {
        return found;
    }
    for (kind, name, program) in [(Kind::Pageant, "pageant", "pageant"), (Kind::Gpg, "gpg", "gpg-agent")] {
        match is_here(program) {
            true => {
                let version = version(workshop, Path::new(program), "--version");
                found.push(contender(kind, name, program.into(), version));
            }
            false => println!("not measured: {name}, there is no {program} in PATH"),
        }
    }
    match build_go(workshop) {
        Ok(go) => found.push(go),
        Err(reason) => println!("not measured: go, {reason}"),
    }
    found
}

/// The server that only echoes.
pub fn floor() -> Contender {
    let program = std::env::current_exe().expect("the path of this program");
    contender(Kind::Echo, "echo", program, String::new())
}

fn contender(kind: Kind, name: &'static str, program: PathBuf, version: String) -> Contender {
    Contender { kind, name, version, program }
}

fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn version(workshop: &Scratch, program: &Path, argument: &str) -> String {
    let (_, out, err) = run(workshop.command(program).arg(argument));
    // `pageant` has its name on the first line and its number on the second.
    let lines = if out.is_empty() { err } else { out };
    lines.lines().take(2).find(|line| line.contains(|c: char| c.is_ascii_digit())).unwrap_or("?").to_owned()
}

/// Debian's golang-go and golang-golang-x-crypto-dev; nothing is fetched.
fn build_go(workshop: &Scratch) -> Result<Contender, String> {
    const SOURCES: &str = "/usr/share/gocode/src/golang.org/x/crypto/ssh/agent";
    if !is_here("go") || !Path::new(SOURCES).is_dir() {
        return Err("golang-go and golang-golang-x-crypto-dev are not installed".to_owned());
    }
    let program = workshop.path("goagent");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/go/main.go");
    let mut build = workshop.command("go");
    build
        .env("GOPATH", "/usr/share/gocode")
        .env("GO111MODULE", "off")
        .env("GOCACHE", workshop.path("gocache"));
    let (status, out, err) = run(build.arg("build").arg("-o").arg(&program).arg(&source));
    if status != 0 {
        return Err(format!("it does not build: {out}{err}"));
    }
    let package =
        run(workshop.command("dpkg-query").args(["-W", "-f", "${Version}", "golang-golang-x-crypto-dev"])).1;
    let version = format!("{}, x/crypto {package}", version(workshop, Path::new("go"), "version"));
    Ok(contender(Kind::Go, "go", program, version))
}

impl Contender {
    /// Starts it in a new directory, and waits for its first answer.
    pub fn start(&self) -> Running {
        let scratch = Scratch::new();
        let (mut command, socket) = self.command(&scratch);
        let log = std::fs::File::create(scratch.path("agent.log")).expect("a log");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let begin = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let (kind, name) = (self.kind, self.name);
        let pid = child.id();
        let mut running = Running { kind, name, socket, first_answer: Duration::ZERO, scratch, pid, child };
        running.first_answer = running.answered(begin);
        if running.kind == Kind::Gpg {
            running.pid = gpg_pid(&running.scratch).unwrap_or_else(|error| panic!("gpg-agent: {error}"));
        }
        running
    }

    /// In the foreground, logging as it does by itself.
    fn command(&self, scratch: &Scratch) -> (Command, PathBuf) {
        let mut socket = scratch.path("run/agent.sock");
        let mut command = scratch.command(&self.program);
        match self.kind {
            Kind::Myagent => command.args(["start", "--foreground"]).env("MYAGENT_SOCK", &socket),
            Kind::Openssh => command.arg("-D").arg("-a").arg(&socket),
            // Its life is that of `cat`, which ends with its input; there is no silent foreground else.
            Kind::Pageant => command.arg("--symlink").arg(&socket).args(["--exec", "cat"]),
            Kind::Gpg => {
                socket = scratch.path("home/S.gpg-agent.ssh");
                gpg(&mut command, scratch)
            }
            Kind::Go => command.arg(&socket),
            Kind::Echo => command.arg(echo::ARGUMENT).arg(&socket),
        };
        (command, socket)
    }
}

/// gpg-agent keeps keys in files under a passphrase and asks for it by a program: here by a script that
/// always gives the same. The passphrase's derivation is made as cheap as it can be: it is repeated for
/// each signature and would else take a third of a second.
fn gpg<'c>(command: &'c mut Command, scratch: &Scratch) -> &'c mut Command {
    use std::os::unix::fs::PermissionsExt;
    const PINENTRY: &str = "#!/bin/sh\necho OK\nwhile read -r word rest; do\n  \
        [ \"$word\" != GETPIN ] || echo 'D bench'\n  echo OK\n  [ \"$word\" != BYE ] || exit 0\ndone\n";
    let pinentry = scratch.path("pinentry");
    std::fs::write(&pinentry, PINENTRY).expect("a pinentry");
    std::fs::set_permissions(&pinentry, std::fs::Permissions::from_mode(0o700)).expect("a program");
    command.env("GNUPGHOME", scratch.home()).arg("--homedir").arg(scratch.home());
    command.args(["--daemon", "--no-detach", "--enable-ssh-support", "--disable-scdaemon"]);
    command.args(["--s2k-count", "65536", "--min-passphrase-len", "0", "--pinentry-program"]).arg(pinentry)
}

/// It leaves the process that was started, whatever it is told, and says on its own socket where it went.
fn gpg_pid(scratch: &Scratch) -> std::io::Result<u32> {
    let mut stream = UnixStream::connect(scratch.path("home/S.gpg-agent"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(b"GETINFO pid\n")?;
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let number = lines.take(3).find_map(|line| line.strip_prefix("D ")?.trim().parse().ok());
    number.ok_or_else(|| std::io::Error::other("it does not say its process"))
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn connect(&self) -> Conn {
        Conn::open(&self.socket).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Hands over keys (add messages), each of which must be taken.
    pub fn load<'m>(&self, messages: impl IntoIterator<Item = &'m Vec<u8>>) -> Result<(), String> {
        let mut conn = self.connect();
        for message in messages {
            conn.timed(&wire::frame(message), wire::SUCCESS)?;
        }
        Ok(())
    }

    fn signal(&self, signal: impl Into<Option<Signal>>) -> nix::Result<()> {
        let pid = i32::try_from(self.pid).map_err(|_| Errno::ESRCH)?;
        kill(Pid::from_raw(pid), signal)
    }

    fn answered(&mut self, begin: Instant) -> Duration {
        let question = if self.kind == Kind::Echo { echo::request() } else { wire::frame(&wire::list()) };
        loop {
            if Conn::open(&self.socket).is_ok_and(|mut conn| conn.call(&question).is_ok()) {
                return begin.elapsed();
            }
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || begin.elapsed() > Duration::from_secs(30) {
                let said = std::fs::read_to_string(self.scratch.path("agent.log")).unwrap_or_default();
                panic!("{} does not answer: {said}", self.name);
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }
}

impl Drop for Running {
    /// Asks it to end, since pageant has a directory of its own to remove; then ends it.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.signal(Signal::SIGTERM);
        let patience = Instant::now() + Duration::from_secs(5);
        loop {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended && self.signal(None) == Err(Errno::ESRCH) {
                return;
            }
            if Instant::now() > patience {
                let _ = self.signal(Signal::SIGKILL);
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
