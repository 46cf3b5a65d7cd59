//! Every way to become an agent.

use crate::person::Person;
use crate::support::{pseudo_terminal, run, wait_until};
use crate::wire::Conn;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Daemon,
    Foreground,
    Terminal,
    Service,
    OwnCommand,
    SshAgent,
    SshAgentForeground,
    SshAgentDebug,
    SshAgentCommand,
}

pub const MODES: [Mode; 9] = [
    Mode::Daemon,
    Mode::Foreground,
    Mode::Terminal,
    Mode::Service,
    Mode::OwnCommand,
    Mode::SshAgent,
    Mode::SshAgentForeground,
    Mode::SshAgentDebug,
    Mode::SshAgentCommand,
];

/// What a careless caller leaves open, and sets. The program's own name means to the shell what it is called by.
const CARELESS: &str = "exec 7</dev/zero 8<.; umask 022; ulimit -S -c \"$(ulimit -H -c)\"; ";

/// Tells its agent's number and stays until its input ends.
const COMMAND: [&str; 3] = ["sh", "-c", "echo $SSH_AGENT_PID $SSH_AUTH_SOCK $$; read -r _"];

impl Mode {
    /// Whether it has a control socket, and so `status`.
    pub fn has_status(self) -> bool {
        !matches!(
            self,
            Self::SshAgent | Self::SshAgentForeground | Self::SshAgentDebug | Self::SshAgentCommand
        )
    }

    fn arguments(self) -> (&'static str, Vec<&'static str>) {
        let (own, other) = ("myagent", "ssh-agent");
        match self {
            Self::Daemon => (own, vec!["start", "--daemon", "--shell", "sh", "--trust-own-binary"]),
            Self::Foreground | Self::Terminal | Self::Service => {
                (own, vec!["start", "--foreground", "--trust-own-binary"])
            }
            Self::OwnCommand => (own, [&["start", "--"][..], &COMMAND].concat()),
            Self::SshAgent => (other, vec!["-s", "-a", "run/agent.sock"]),
            Self::SshAgentForeground => (other, vec!["-D", "-a", "run/agent.sock"]),
            Self::SshAgentDebug => (other, vec!["-d", "-a", "run/agent.sock"]),
            Self::SshAgentCommand => (other, [&["-a", "run/agent.sock"][..], &COMMAND].concat()),
        }
    }
}

/// An agent that ends with the test.
pub struct Running {
    pub person: Person,
    pub pid: u32,
    /// The command, where the agent is that of one.
    pub command: Option<u32>,
    child: Option<Child>,
    _terminal: Option<File>,
}

impl Running {
    pub fn new(mode: Mode) -> Self {
        Self::with(mode, |_| ())
    }

    /// With more that the caller does to the process.
    pub fn with(mode: Mode, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut person = Person::new();
        let (program, arguments) = mode.arguments();
        let by_manager = if mode == Mode::Service { "export SYSTEMD_EXEC_PID=$$; " } else { "" };
        let mut command = person.command("sh");
        command.args(["-c", &format!("{CARELESS}{by_manager}exec \"$0\" \"$@\"")]);
        command.arg(person.scratch.path(program)).args(arguments);
        let log = File::create(person.scratch.path("log")).unwrap();
        command.stderr(log);
        prepare(&mut command);
        let mut terminal = None;
        let (pid, own, child) = match mode {
            Mode::Daemon | Mode::SshAgent => {
                let (status, out, _) = run(&mut command);
                assert_eq!(status, 0, "{mode:?}: {out}{}", logged(&person));
                let pid = out.split("SSH_AGENT_PID=").nth(1).and_then(|rest| rest.split(';').next());
                (pid.expect("a pid").parse().unwrap(), None, None)
            }
            Mode::OwnCommand | Mode::SshAgentCommand => {
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                let mut line = String::new();
                BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
                let said: Vec<&str> = line.split_whitespace().collect();
                assert_eq!(said.len(), 3, "{mode:?}: {line}{}", logged(&person));
                person.socket = person.scratch.path(said[1]);
                (said[0].parse().unwrap(), Some(said[2].parse().unwrap()), Some(child))
            }
            _ => {
                if mode == Mode::Terminal {
                    let (master, slave) = pseudo_terminal();
                    command.stdin(slave);
                    terminal = Some(master);
                }
                let child = command.stdout(Stdio::null()).spawn().unwrap();
                (child.id(), None, Some(child))
            }
        };
        let running = Self { person, pid, command: own, child, _terminal: terminal };
        running.serves();
        running
    }

    /// It answers: everything that comes before the first byte is done.
    pub fn serves(&self) {
        wait_until("it serves", || Conn::open(&self.person.socket).is_ok());
        assert!(Conn::open(&self.person.socket).unwrap().comments().is_empty(), "{}", logged(&self.person));
    }
}

fn logged(person: &Person) -> String {
    std::fs::read_to_string(person.scratch.path("log")).unwrap_or_default()
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            if self.command.is_some() {
                // The command reads its end, and the agent goes with it.
                drop(child.stdin.take());
            } else {
                let _ = child.kill();
            }
            let _ = child.wait();
        } else {
            let _ = kill(Pid::from_raw(self.pid.try_into().unwrap()), Signal::SIGTERM);
        }
    }
}
