//! A user without rights, with a copy of the program and directories of their own.

use crate::support::{Scratch, own_myagent, run};
use nix::unistd::{Uid, geteuid};
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A user of nobody's, where root runs this.
const NOBODY: u32 = 54_321;

/// Has the command run as the user of the agents.
pub fn give(command: &mut Command) {
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Gives all files there to the user of the agents.
pub fn give_files(directory: &Path) {
    if geteuid().is_root() {
        let (status, _, error) = run(Command::new("chown").args(["-R", "54321:54321"]).arg(directory));
        assert_eq!(status, 0, "{error}");
    }
}

/// The user of the agents.
pub fn user() -> Uid {
    if geteuid().is_root() { Uid::from_raw(NOBODY) } else { geteuid() }
}

pub struct Person {
    pub scratch: Scratch,
    pub socket: PathBuf,
}

impl Person {
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let program = own_myagent(&scratch);
        std::os::unix::fs::symlink(&program, scratch.path("ssh-agent")).unwrap();
        give_files(&scratch.path(""));
        Self { socket: scratch.path("run/agent.sock"), scratch }
    }

    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.scratch.command(program);
        give(command.env("MYAGENT_SOCK", &self.socket));
        command
    }

    pub fn myagent(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(self.scratch.path("myagent"));
        command.args(arguments);
        command
    }

    /// What `status --json` says of the measures: name, state, detail.
    pub fn measures(&self) -> Vec<[String; 3]> {
        measures(&mut self.myagent(&["status", "--json"]))
    }

    #[track_caller]
    pub fn restart(&self) {
        let (status, out, error) = run(&mut self.myagent(&["restart"]));
        assert_eq!((status, error.as_str()), (0, ""), "{out}");
    }
}

pub fn measures(status: &mut Command) -> Vec<[String; 3]> {
    let (_, out, error) = run(status);
    let said: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{error}"));
    let measures = said["measures"].as_array().unwrap_or_else(|| panic!("no measures: {out}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    measures.iter().map(|measure| ["name", "state", "detail"].map(|field| text(&measure[field]))).collect()
}

/// The state of one measure.
#[track_caller]
pub fn state_of<'m>(measures: &'m [[String; 3]], name: &str) -> &'m str {
    let found = measures.iter().find(|measure| measure[0] == name);
    &found.unwrap_or_else(|| panic!("no {name:?} in {measures:?}"))[1]
}
