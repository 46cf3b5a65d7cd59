//! An agent that can ask, and a person: a script in the place of askpass that does as it is told.

use crate::keys::{Key, data};
use crate::sides::Side;
use crate::support::{Agent, Scratch, myagent, run, wait_until};
use crate::wire::{self, CONFIRM, Conn, FAILURE, SUCCESS};
use myagent::control::{self, Op, OpenQuestion, Reply, Status};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the script does with every question, before it does as `behave` says: it notes the question, and its own pid last.
const ASKPASS: &str =
    "d=${0%/*}; printf '%s' \"$1\" >\"$d/text.$$\"; printf '%s' \"$SSH_ASKPASS_PROMPT\" >\"$d/prompt\"
echo $$ >>\"$d/asked\"; . \"$d/behave\"";
/// A question that stays until it is ended, with a program of its own in the background.
pub(crate) const HANG: &str = "sleep 1000 & echo $! >>\"$d/asked\"; wait";
/// A question that waits for the test: `Desk::answer`.
pub(crate) const WAIT: &str = "while [ ! -e \"$d/answer.$$\" ]; do sleep 0.02; done; . \"$d/answer.$$\"";

/// One person's.
pub(crate) struct Desk {
    pub(crate) agent: Agent,
    /// To be confirmed.
    pub(crate) key: Key,
    pub(crate) scratch: Scratch,
}

/// Puts a script there. Another process writes it: while this one has it open, a process that another test forks would
/// keep it busy.
pub(crate) fn script(scratch: &Scratch, path: &Path, text: &str) {
    let mut install = scratch.command("install");
    install.args(["-m", "700", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}

/// A scratch directory with an askpass program.
pub(crate) fn prepared() -> Scratch {
    let scratch = Scratch::new();
    script(&scratch, &scratch.path("askpass"), &format!("#!/bin/sh\n{ASKPASS}\n"));
    std::fs::write(scratch.path("behave"), "exit 1").unwrap();
    scratch
}

/// An agent of ours in the foreground, not yet started.
pub(crate) fn foreground(scratch: &Scratch) -> (Command, PathBuf) {
    foreground_of(&myagent(), scratch)
}

pub(crate) fn foreground_of(program: &Path, scratch: &Scratch) -> (Command, PathBuf) {
    let socket = scratch.path("run/agent.sock");
    let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
    let mut command = scratch.command(program);
    command.args(["start", "--foreground", "--log", "debug"]).env("MYAGENT_SOCK", &socket).stderr(log);
    (command, socket)
}

impl Desk {
    /// With a display, which nobody serves, and the script.
    pub(crate) fn new() -> Self {
        Self::with(|command, scratch| {
            command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
        })
    }

    /// With an environment of the agent's own.
    pub(crate) fn with(environment: impl FnOnce(&mut Command, &Scratch)) -> Self {
        let scratch = prepared();
        let (mut command, socket) = foreground(&scratch);
        environment(&mut command, &scratch);
        Self::holding(Agent::spawn(command, socket), scratch)
    }

    /// The same on either side.
    pub(crate) fn of(side: Side) -> Self {
        if side == Side::Ours {
            return Self::new();
        }
        let scratch = prepared();
        let socket = scratch.path("run/agent.sock");
        let mut command = scratch.command("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket);
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
        Self::holding(Agent::spawn(command, socket), scratch)
    }

    /// The agent is given its key.
    pub(crate) fn holding(agent: Agent, scratch: Scratch) -> Self {
        let key = Key::generate(&scratch, "id", &["ed25519"]);
        let desk = Self { agent, key, scratch };
        desk.conn().expect(&wire::add_constrained(&desk.key.private, b"me@desk", &[CONFIRM]), SUCCESS);
        desk
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.agent.socket).expect("the agent takes a connection")
    }

    pub(crate) fn behave(&self, script: &str) {
        std::fs::write(self.scratch.path("behave"), script).unwrap();
    }

    /// A request to sign with the key.
    pub(crate) fn request(&self) -> Vec<u8> {
        wire::sign(&self.key.blob, &data(), 0)
    }

    /// Whether the agent signs.
    #[track_caller]
    pub(crate) fn signs(&self) -> bool {
        self.is_signed(self.conn().ask(&self.request()))
    }

    /// Whether this answer is a good signature, and not a refusal.
    #[track_caller]
    pub(crate) fn is_signed(&self, answer: Option<Vec<u8>>) -> bool {
        let answer = answer.expect("an answer");
        if answer == [FAILURE] {
            return false;
        }
        crate::keys::verifies(&self.scratch, &self.key.blob, &wire::signature(&answer)).unwrap();
        true
    }

    /// Sends a request to sign, and returns when the question is shown.
    pub(crate) fn open_question(&self) -> (Conn, u32) {
        let before = self.asked().len();
        let mut conn = self.conn();
        conn.send(&self.request());
        wait_until("the question is shown", || self.asked().len() > before);
        (conn, self.asked()[before])
    }

    /// The processes that have noted themselves, in their order.
    pub(crate) fn asked(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.scratch.path("asked")).unwrap_or_default();
        // A line may be half there.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        whole.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// The text that a process has shown.
    pub(crate) fn text(&self, pid: u32) -> String {
        std::fs::read_to_string(self.scratch.path(&format!("text.{pid}"))).unwrap()
    }

    /// Has a waiting process go on.
    pub(crate) fn answer(&self, pid: u32, script: &str) {
        let (new, name) = (self.scratch.path("new"), self.scratch.path(&format!("answer.{pid}")));
        std::fs::write(&new, script).unwrap();
        std::fs::rename(new, name).unwrap();
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.agent.socket.with_file_name("control.sock")
    }

    pub(crate) fn status(&self) -> Status {
        match control::ask(&self.control(), Op::Status) {
            Ok(Reply::Status(status)) => status,
            other => panic!("no status: {other:?}"),
        }
    }

    pub(crate) fn questions(&self) -> Vec<OpenQuestion> {
        match control::ask(&self.control(), Op::Questions) {
            Ok(Reply::Questions(questions)) => questions,
            other => panic!("no questions: {other:?}"),
        }
    }

    pub(crate) fn myagent(&self, arguments: &[&str]) -> Command {
        let mut command = self.scratch.command(myagent());
        command.args(arguments).env("MYAGENT_SOCK", &self.agent.socket);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(&mut self.myagent(arguments))
    }

    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.scratch.path("agent.log")).unwrap_or_default()
    }

    /// This is logged, or will be in a moment: the log is written behind.
    #[track_caller]
    pub(crate) fn logs(&self, words: &str) {
        wait_until(&format!("{words:?} is logged"), || self.logged().contains(words));
    }

    /// Every process that has noted itself is gone, and no question is open.
    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        self.all_gone();
        assert_eq!(self.questions(), []);
    }

    #[track_caller]
    pub(crate) fn all_gone(&self) {
        let asked = self.asked();
        wait_until("all that asked are gone", || !asked.iter().any(|pid| lives(*pid)));
    }
}

impl Drop for Desk {
    /// In an orderly way, which ends the programs that ask, too.
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.agent.pid().try_into().unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let end = std::time::Instant::now() + crate::support::PATIENCE;
        while matches!(self.agent.child.try_wait(), Ok(None)) && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

pub(crate) use crate::support::lives;
