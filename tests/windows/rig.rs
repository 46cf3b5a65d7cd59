//! An agent of a test's own, and a client that speaks to it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Generous: the machine may be busy, and Wine is slow.
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) const FAILURE: u8 = 5;
pub(crate) const SUCCESS: u8 = 6;
pub(crate) const LIST: u8 = 11;
pub(crate) const IDENTITIES: u8 = 12;
pub(crate) const SIGN: u8 = 13;
pub(crate) const SIGNATURE: u8 = 14;
pub(crate) const ADD: u8 = 17;
pub(crate) const REMOVE_ALL: u8 = 19;
pub(crate) const LOCK: u8 = 22;
pub(crate) const UNLOCK: u8 = 23;
pub(crate) const ADD_CONSTRAINED: u8 = 25;

/// Where an agent is, and what it keeps on disk.
pub(crate) struct Place {
    /// `MYAGENT_SOCK`; none for the usual place.
    pub(crate) pipe: Option<PathBuf>,
    pub(crate) profile: TempDir,
}

impl Place {
    /// A pipe that no other test has.
    pub(crate) fn own() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let pipe = Some(PathBuf::from(format!(r"\\.\pipe\myagent-test-{process}-{number}")));
        Self { pipe, profile: tempfile::tempdir().unwrap() }
    }

    /// The usual one, with a profile of the test's.
    pub(crate) fn usual() -> Self {
        Self { pipe: None, profile: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn pipe(&self) -> &Path {
        self.pipe.as_deref().unwrap()
    }

    /// The program, for this place.
    pub(crate) fn myagent(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_myagent"));
        command.args(arguments).env("LOCALAPPDATA", self.profile.path());
        for name in
            ["MYAGENT_SOCK", "MYAGENT_LOG", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SHELL"]
        {
            command.env_remove(name);
        }
        if let Some(pipe) = &self.pipe {
            command.env("MYAGENT_SOCK", pipe);
        }
        command.stdin(Stdio::null());
        command
    }

    /// What a command of it says, and its status.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        said(self.myagent(arguments).output().unwrap())
    }

    /// What the agent says of itself.
    pub(crate) fn status(&self) -> serde_json::Value {
        let (status, json, error) = self.run(&["status", "--json"]);
        assert_eq!(status, 0, "{error}");
        serde_json::from_str(&json).unwrap()
    }
}

pub(crate) fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// An agent in the background that a test has started is ended with it.
pub(crate) struct Background(pub(crate) Place);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.run(&["stop"]);
    }
}

/// An agent in the foreground, ended with the test.
pub(crate) struct Agent {
    child: Child,
    pub(crate) place: Place,
}

impl Agent {
    pub(crate) fn start() -> Self {
        Self::at(Place::own(), &[])
    }

    /// With these variables, once it has said where it is.
    pub(crate) fn at(place: Place, environment: &[(&str, &str)]) -> Self {
        let mut command = place.myagent(&["start", "--foreground", "--shell", "env"]);
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut said = [0; 14];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"SSH_AUTH_SOCK=");
        Self { child, place }
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.place.pipe())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of a client that knows of pipes what any program knows: a file to read and write.
pub(crate) struct Client(pub(crate) File);

impl Client {
    pub(crate) fn open(path: &Path) -> Self {
        Self(until(|| Self::try_open(path).ok()).0)
    }

    /// Once, as a client does that does not wait.
    pub(crate) fn try_open(path: &Path) -> std::io::Result<Self> {
        File::options().read(true).write(true).open(path).map(Self)
    }

    /// Type and body of the answer.
    pub(crate) fn ask(&mut self, kind: u8, body: &[u8]) -> (u8, Vec<u8>) {
        self.say(kind, body);
        self.hear()
    }

    pub(crate) fn say(&mut self, kind: u8, body: &[u8]) {
        let length = u32::try_from(body.len() + 1).unwrap();
        self.0.write_all(&[&length.to_be_bytes()[..], &[kind], body].concat()).unwrap();
    }

    pub(crate) fn hear(&mut self) -> (u8, Vec<u8>) {
        hear(&mut self.0)
    }

    /// How many keys there are.
    pub(crate) fn keys(&mut self) -> u32 {
        let (kind, body) = self.ask(LIST, b"");
        assert_eq!(kind, IDENTITIES);
        u32::from_be_bytes(*body.first_chunk().unwrap())
    }
}

/// An answer, whatever it comes by.
pub(crate) fn hear(from: &mut impl Read) -> (u8, Vec<u8>) {
    let mut length = [0; 4];
    from.read_exact(&mut length).unwrap();
    let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    from.read_exact(&mut body).unwrap();
    (body[0], body.split_off(1))
}

/// What `look` finds, when it does.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        match look() {
            Some(found) => return found,
            None if Instant::now() > end => panic!("it did not come"),
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// Whether this is no Wine: what that does not enforce is asserted on Windows alone.
#[allow(clippy::print_stdout)] // for whoever reads what the tests have shown
pub(crate) fn on_windows(what: &str) -> bool {
    let real = !myagent::platform::windows::is_wine();
    if !real {
        println!("under Wine: read back, not enforced: {what}");
    }
    real
}
