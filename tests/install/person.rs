//! Somebody with a home, a program in it, and a machine that answers as the test wants.

use crate::support::{Scratch, myagent, private_dir, run};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Person {
    pub scratch: Scratch,
    /// The program, in this person's home.
    pub program: PathBuf,
    /// The usual place, so that the units may serve there.
    pub socket: PathBuf,
}

impl Person {
    /// Somebody whose program is `~/bin/myagent`, and who has no user manager.
    pub fn new() -> Self {
        Self::with_program("bin/myagent")
    }

    /// Somebody whose program is at this path in the home directory.
    pub fn with_program(path: &str) -> Self {
        let scratch = Scratch::new();
        let program = scratch.home().join(path);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        place(&myagent(), &program);
        fs::create_dir(scratch.path("stubs")).unwrap();
        private_dir(&scratch.path("run/myagent"));
        Self { socket: scratch.path("run/myagent/agent.sock"), program, scratch }
    }

    /// The same with a user manager.
    pub fn with_manager() -> Self {
        let person = Self::new();
        person.set("manager");
        person
    }

    /// Makes something so on the machine: see `stubs/systemctl`.
    pub fn set(&self, what: &str) {
        fs::write(self.scratch.path("stubs").join(what), "").unwrap();
    }

    pub fn is_set(&self, what: &str) -> bool {
        self.scratch.path("stubs").join(what).exists()
    }

    pub fn home(&self, name: &str) -> PathBuf {
        self.scratch.home().join(name)
    }

    pub fn write(&self, name: &str, contents: &str) {
        fs::create_dir_all(self.home(name).parent().unwrap()).unwrap();
        fs::write(self.home(name), contents).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A command with this person's machine before the real one.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let stubs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install/stubs");
        let mut command = self.scratch.command(program);
        command
            .env("PATH", format!("{}:{}", stubs.display(), std::env::var("PATH").unwrap()))
            .env("STUBS", self.scratch.path("stubs"))
            .env("PROGRAM", &self.program)
            .env("SHELL", "/bin/bash")
            .env("MYAGENT_SOCK", &self.socket);
        command
    }

    pub fn myagent(&self, args: &[&str]) -> Command {
        let mut command = self.command(&self.program);
        command.args(args);
        command
    }

    /// Runs it, which must go well without a complaint, and gives what it printed.
    pub fn well(&self, args: &[&str]) -> String {
        let (status, out, err) = run(&mut self.myagent(args));
        assert_eq!((status, err.as_str()), (0, ""), "{args:?}: {out}");
        out
    }

    /// The calls of systemctl and loginctl that changed something.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.scratch.path("stubs/calls")).unwrap_or_default();
        calls.lines().filter(|call| !call.contains("--property=")).map(str::to_owned).collect()
    }

    /// Every file and directory of the home with its mode and contents, but for the agent's own in ~/.ssh.
    pub fn tree(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut tree = BTreeMap::new();
        let mut open = vec![self.scratch.home()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                if path == self.home(".ssh") || path == self.program {
                    continue;
                }
                let contents = match &meta {
                    meta if meta.is_symlink() => {
                        fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                    }
                    meta if meta.is_dir() => Vec::new(),
                    _ => fs::read(&path).unwrap(),
                };
                if meta.is_dir() {
                    open.push(path.clone());
                }
                tree.insert(path, (meta.permissions().mode(), contents));
            }
        }
        tree
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.scratch.command(myagent()).arg("stop").env("MYAGENT_SOCK", &self.socket).output();
    }
}

/// The program at another path: as another name of the same file, or as a copy where that is another file system.
fn place(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        // Another process copies it: a program is busy while anybody has it open for writing, and a process that another
        // test forks at this moment would have it.
        assert!(Command::new("cp").arg("--").arg(from).arg(to).status().unwrap().success());
    }
}
