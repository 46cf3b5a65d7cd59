//! A person with key files, an agent, and an askpass program of their own.

use crate::samples::{self, COMMITTED};
use crate::support::{Agent, Scratch, myagent, own_myagent, run};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Desk {
    pub scratch: Scratch,
    pub agent: Agent,
}

impl Desk {
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let agent = Agent::myagent(&scratch);
        Self::at(scratch, agent)
    }

    /// With an agent that can be restarted: its program is in no directory of another user's.
    pub fn restartable() -> Self {
        let scratch = Scratch::new();
        let agent = Agent::of(&scratch, &own_myagent(&scratch), &["--trust-own-binary"]);
        Self::at(scratch, agent)
    }

    fn at(scratch: Scratch, agent: Agent) -> Self {
        let desk = Self { scratch, agent };
        desk.answer("correct horse");
        let (calls, answer) = (desk.scratch.path("calls"), desk.scratch.path("answer"));
        let text = format!("#!/bin/sh\necho \"$1\" >>'{}'\ncat '{}'\n", calls.display(), answer.display());
        // By another program: nothing can be run that another test's child has open for writing.
        let (source, program) = (desk.scratch.path("askpass.sh"), desk.askpass());
        std::fs::write(&source, text).unwrap();
        let (status, _, err) =
            run(desk.scratch.command("install").args(["-m", "700"]).arg(source).arg(program));
        assert_eq!(status, 0, "{err}");
        desk
    }

    fn askpass(&self) -> PathBuf {
        self.scratch.path("askpass")
    }

    /// What the askpass program says from now on.
    pub fn answer(&self, answer: &str) {
        std::fs::write(self.scratch.path("answer"), answer).unwrap();
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.scratch.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A private copy of a committed file.
    pub fn copy(&self, name: &str) -> PathBuf {
        self.write(Path::new(name).file_name().unwrap().to_str().unwrap(), &read(name))
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.path(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// `myagent`, where a passphrase is asked for by the askpass program.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.scratch.command(myagent());
        command.args(arguments).env("MYAGENT_SOCK", &self.agent.socket);
        command.env("SSH_ASKPASS", self.askpass()).env("SSH_ASKPASS_REQUIRE", "force");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(&mut self.command(arguments))
    }

    /// Adds files, and expects no word on standard error.
    pub fn add(&self, arguments: &[&str], files: &[&Path]) -> String {
        let (status, out, err) = run(self.command(&["add"]).args(arguments).args(files));
        assert_eq!((status, err.as_str()), (0, ""), "{files:?}: {out}");
        out
    }

    /// Adds a file that gives no key: status 1, the sentence, and the agent holds what it held.
    pub fn refused(&self, file: &Path) -> String {
        let before = self.run(&["list"]);
        let (status, out, err) = run(self.command(&["add"]).arg(file));
        assert_eq!((status, out.as_str()), (1, ""), "{}: {err}", file.display());
        assert_eq!(self.run(&["list"]), before, "{}: the agent holds something else now", file.display());
        err
    }

    pub fn ssh_add(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.scratch.command("ssh-add").args(arguments).env("SSH_AUTH_SOCK", &self.agent.socket))
    }

    /// What `ssh-add -L` shows.
    pub fn held(&self) -> Vec<String> {
        let (status, out, _) = self.ssh_add(&["-L"]);
        if status == 0 { out.lines().map(str::to_owned).collect() } else { Vec::new() }
    }

    /// A command without a terminal, with these lines on its standard input.
    pub fn fed(&self, arguments: &[&str], lines: &str) -> (i32, String, String) {
        self.fed_bytes(arguments, lines.as_bytes())
    }

    pub fn fed_bytes(&self, arguments: &[&str], lines: &[u8]) -> (i32, String, String) {
        use std::io::Write;
        let mut command = self.scratch.command("setsid");
        command.arg("-w").arg(myagent()).args(arguments).env("MYAGENT_SOCK", &self.agent.socket);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }
}

pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(COMMITTED).join(name)).unwrap()
}

/// The public line of a committed key, without its comment.
pub fn public(key: &str) -> String {
    let line = String::from_utf8(read(&format!("{key}.pub"))).unwrap();
    line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// Every committed sample, copied.
pub fn copies(desk: &Desk) -> Vec<PathBuf> {
    samples::all(Path::new(COMMITTED)).iter().map(|sample| desk.copy(sample.path.to_str().unwrap())).collect()
}
