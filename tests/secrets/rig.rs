//! An agent, what is looked for in its memory, and the table of what was found.

use super::hsm;
use super::process::{WRAPPING_KEY, core_of, forgive_wrapping_key, registers_of, wrapping_key_of};
use super::scan::{Found, Secrets, control_holds, key_of};
use super::support::{self, Agent, Scratch, run, wait_until};
use super::table::Table;
use super::wire::{self, Conn};
use myagent::control::{self, Op, Reply, Status};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The least that an agent's memory has: less was not read.
const LEAST_READ: usize = 500 * 1024;

/// Which memory an agent has for its secrets, and how it comes to that.
#[derive(Clone, Copy)]
pub(crate) enum Memory {
    /// Of memfd_secret.
    Memfd,
    /// Locked pages.
    Locked,
    /// Pages that may not be locked: root without the right to pass its limit.
    Unlocked,
}

impl Memory {
    pub(crate) fn option(self) -> &'static str {
        if matches!(self, Self::Memfd) { "memfd" } else { "mlock" }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Memfd => "memfd_secret",
            Self::Locked => "locked memory",
            Self::Unlocked => "memory that is not locked",
        }
    }

    /// What `status` says of it.
    fn words(self) -> &'static str {
        match self {
            Self::Memfd => "no other process reads",
            Self::Locked => "not swapped or dumped",
            Self::Unlocked => "ulimit -l",
        }
    }
}

pub(crate) struct Rig {
    pub(crate) agent: Agent,
    pub(crate) scratch: Scratch,
    pub(crate) secrets: Secrets,
    pub(crate) memory: Memory,
    table: Mutex<Table>,
}

pub(crate) fn socket(scratch: &Scratch) -> PathBuf {
    scratch.path("run/agent.sock")
}

/// A script. Another process writes it, so that no test's child has it open for writing when it is run.
pub(crate) fn script(scratch: &Scratch, name: &str, text: &str) -> PathBuf {
    let path = scratch.path(name);
    let mut install = scratch.command("install");
    let mut install =
        install.args(["-m", "700", "/dev/stdin"]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
    path
}

/// An agent with that memory, not yet started.
pub(crate) fn agent(scratch: &Scratch, memory: Memory) -> Command {
    let way = match memory {
        Memory::Unlocked => "ulimit -l 0 && exec setpriv --bounding-set=-ipc_lock \"$0\" \"$@\"",
        _ => "exec \"$0\" \"$@\"",
    };
    agent_with(scratch, memory.option(), way)
}

/// The same, started by a shell in that way.
pub(crate) fn agent_with(scratch: &Scratch, memory: &str, way: &str) -> Command {
    let mut command = scratch.command("sh");
    command.args(["-c", way]).arg(support::own_myagent(scratch));
    command.args(["start", "--foreground", "--log", "off", "--trust-own-binary", "--secret-memory", memory]);
    command.env("MYAGENT_SOCK", socket(scratch));
    command
}

/// What `status` says of the memory for secrets.
pub(crate) fn protection(agent: &Agent) -> String {
    let measures = status_of(agent).measures;
    measures.into_iter().find(|measure| measure.name == "secret memory").unwrap().detail
}

fn status_of(agent: &Agent) -> Status {
    let control = agent.socket.with_file_name("control.sock");
    let Reply::Status(status) = control::ask(&control, Op::Status).unwrap() else { panic!("no status") };
    status
}

impl Rig {
    /// With an agent that is to be started.
    pub(crate) fn new(
        scratch: Scratch,
        memory: Memory,
        agent: Command,
        what: &str,
        secrets: Secrets,
    ) -> Self {
        let agent = Agent::spawn(agent, socket(&scratch));
        Self::over(scratch, memory, agent, what, secrets)
    }

    /// With one that is there. First a control process that holds the same secrets is seen through.
    pub(crate) fn over(
        scratch: Scratch,
        memory: Memory,
        agent: Agent,
        what: &str,
        mut secrets: Secrets,
    ) -> Self {
        if let Memory::Locked = memory {
            secrets.add(WRAPPING_KEY, &wrapping_key_of(agent.pid()));
        }
        let forms = control_holds(&secrets);
        let title = format!(
            "{what}, {}; the control process holds {forms} forms of these secrets, and all were found",
            memory.name()
        );
        let table = Mutex::new(Table::new(title, secrets.keys()));
        let protection = protection(&agent);
        assert!(protection.contains(memory.words()), "{protection}");
        Self { agent, scratch, secrets, memory, table }
    }

    pub(crate) fn status(&self) -> Status {
        status_of(&self.agent)
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.agent.socket).unwrap()
    }

    pub(crate) fn ssh_add(&self, arguments: &[&str]) -> Command {
        let mut command = self.scratch.command("ssh-add");
        command.args(arguments).env("SSH_AUTH_SOCK", &self.agent.socket);
        command
    }

    /// The agent goes on as another program, and the one that was tried first is gone.
    pub(crate) fn restart(&self) {
        let (before, children) = (self.status().handovers, hsm::children(self.agent.pid()));
        let mut command = self.scratch.command(support::myagent());
        let (status, _, error) = run(command.arg("restart").env("MYAGENT_SOCK", &self.agent.socket));
        assert_eq!((status, error.as_str()), (0, ""));
        assert_eq!(self.status().handovers, before + 1);
        let left = hsm::children(self.agent.pid());
        assert!(left.iter().all(|child| children.contains(child)), "{children:?} became {left:?}");
    }

    /// Nobody is connected any more, and what belonged to a connection is gone with it.
    pub(crate) fn all_hung_up(&self) {
        wait_until("every connection is closed", || self.status().connections == 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.conn().comments().is_empty()
    }

    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.agent.pid().try_into().unwrap())
    }

    /// The keys and passwords of which something is seen now.
    pub(crate) fn seen(&self) -> Vec<String> {
        let found = self.secrets.found_in(self.agent.pid());
        found.hits.iter().map(|hit| key_of(hit).to_owned()).collect()
    }

    pub(crate) fn nothing_is_found(&self, moment: &str) {
        self.nothing_in(moment, self.agent.pid());
    }

    /// The same in the memory of another process, and in the registers of its threads.
    pub(crate) fn nothing_in(&self, moment: &str, pid: u32) {
        let (mut found, registers) = (self.secrets.found_in(pid), registers_of(&self.scratch, pid));
        self.secrets.find_in_file(&registers, "the registers", &mut found);
        if let (Memory::Locked, true) = (self.memory, pid == self.agent.pid()) {
            forgive_wrapping_key(pid, &mut found);
        }
        self.judge(moment, &found);
    }

    /// Nothing in a core image: what gdb is shown of the memory, but for what is marked as not to be dumped.
    pub(crate) fn nothing_in_core(&self, moment: &str) {
        let core = core_of(&self.scratch, self.agent.pid());
        let mut found = Found::default();
        self.secrets.find_in_file(&core, "the core image", &mut found);
        std::fs::remove_file(core).unwrap();
        self.judge(moment, &found);
    }

    fn judge(&self, moment: &str, found: &Found) {
        self.table.lock().unwrap().add(moment, found);
        assert!(found.bytes > LEAST_READ, "hardly anything was read");
        assert_eq!(found.hits, Vec::<String>::new(), "{moment}");
    }
}

/// A signature, whatever it is worth.
pub(crate) fn sign(conn: &mut Conn, blob: &[u8], data: &[u8], flags: u32) -> Vec<u8> {
    wire::signature(&conn.ask(&wire::sign(blob, data, flags)).expect("the agent closed the connection"))
}
