//! Every kind of memory that a system may leave us: a key is never refused for it, each kind of key signs, and `status`
//! says what is in force and why. As root and as a plain user.

use myagent::control::{self, Measure, Op, Reply, State};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use super::keys::Key;
use super::refusing::{Refused, kernel_has_secret_memory};
use super::stacks::KEYS;
use super::support::{Agent, Scratch, own_myagent, run};
use super::wire::{self, Conn};

const KIB: u64 = 1024;

/// More slots than any region has.
const MORE_THAN_SLOTS: usize = 80;

/// What a region of so many slots locks, in KiB: a page, and 16 for each.
const fn region(slots: u64) -> u64 {
    4 + 16 * slots
}

pub(crate) struct Rig {
    pub(crate) agent: Agent,
    scratch: Scratch,
}

impl Rig {
    pub(crate) fn new(option: &str, refused: Refused) -> Self {
        Self::with(option, refused, Scratch::command)
    }

    /// The same, by a command that runs the program with the arguments that follow.
    pub(crate) fn with(
        option: &str,
        refused: Refused,
        run: impl FnOnce(&Scratch, PathBuf) -> Command,
    ) -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path("run/agent.sock");
        let mut command = run(&scratch, own_myagent(&scratch));
        command.args(["start", "--foreground", "--log", "off", "--trust-own-binary"]);
        command.args(["--secret-memory", option]).env("MYAGENT_SOCK", &socket);
        refused.to(&mut command);
        Self { agent: Agent::spawn(command, socket), scratch }
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.agent.socket).unwrap()
    }

    /// What `status` says of the memory for secrets.
    pub(crate) fn memory(&self) -> Measure {
        let control = self.agent.socket.with_file_name("control.sock");
        let Reply::Status(status) = control::ask(&control, Op::Status).unwrap() else { panic!("no status") };
        status.measures.into_iter().find(|measure| measure.name == "secret memory").unwrap()
    }

    /// Locked memory in KiB, as the kernel counts it.
    fn locked(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.agent.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    pub(crate) fn restart(&self) {
        let mut command = self.scratch.command(self.scratch.path("myagent"));
        let (status, _, error) = run(command.arg("restart").env("MYAGENT_SOCK", &self.agent.socket));
        assert_eq!((status, error.as_str()), (0, ""));
    }

    /// Every kind of key comes, signs, and signs again in the next program.
    fn holds_every_kind(&self) {
        for (name, key) in KEYS.iter() {
            self.conn().expect(&wire::add(&key.private, name.as_bytes()), wire::SUCCESS);
        }
        self.signs_with(&KEYS);
        self.conn().expect(&wire::lock(b"a password"), wire::SUCCESS);
        self.restart();
        self.conn().expect(&wire::unlock(b"another"), wire::FAILURE);
        self.conn().expect(&wire::unlock(b"a password"), wire::SUCCESS);
        self.signs_with(&KEYS);
    }

    fn signs_with(&self, keys: &[(&str, Key)]) {
        for (name, key) in keys {
            // Twice: what is kept of a key makes the second signature another one.
            for _ in 0..2 {
                let answer = self.conn().ask(&wire::sign(&key.blob, b"data", 2)).unwrap();
                let signature = wire::signature(&answer);
                assert!(myagent::key::verify(&key.blob, b"data", &signature), "{name}");
            }
        }
    }
}

/// One system: what it refuses, and what `status` and the kernel must say.
fn agent_says(option: &str, refused: Refused, state: State, words: &str, locked: u64) {
    let rig = Rig::new(option, refused);
    for program in ["first", "next"] {
        let memory = rig.memory();
        assert!(memory.state == state && memory.detail.contains(words), "{program}: {memory:?}");
        assert_eq!(rig.locked(), locked, "{program}: KiB locked, {words}");
        if program == "first" {
            rig.holds_every_kind();
        }
    }
    slots_that_peers_hold_keep_nobody_from_signing(&rig);
}

/// As many messages as there are slots, and more, of which the rest never comes.
fn slots_that_peers_hold_keep_nobody_from_signing(rig: &Rig) {
    let keys = &KEYS[..1];
    let half = &wire::frame(&wire::add(&keys[0].1.private, b"half"))[..20];
    let mut held: Vec<UnixStream> = Vec::new();
    for _ in 0..MORE_THAN_SLOTS {
        let mut stream = UnixStream::connect(&rig.agent.socket).unwrap();
        stream.write_all(half).unwrap();
        held.push(stream);
    }
    rig.conn().expect(&wire::add(&keys[0].1.private, b"whole"), wire::SUCCESS);
    rig.signs_with(keys);
    rig.conn().expect(&wire::lock(b"a password"), wire::SUCCESS);
    rig.conn().expect(&wire::unlock(b"a password"), wire::SUCCESS);
}

/// What is locked where nothing is refused: the region, and the arena where the kernel has memfd_secret.
const ARENA: u64 = 4096;

#[test]
fn memory_that_nobody_reads() {
    let words = if kernel_has_secret_memory() { "no other process reads" } else { "no better memory" };
    let arena = if kernel_has_secret_memory() { ARENA } else { 0 };
    let enough = Refused { beyond: Some(8192 * KIB), ..Refused::default() };
    agent_says("memfd", enough, State::On, words, region(64) + arena);
}

#[test]
fn locked_memory_on_a_kernel_without_better() {
    let refused = Refused { beyond: Some(8192 * KIB), secret: Some(libc::ENOSYS), ..Refused::default() };
    agent_says("memfd", refused, State::On, "this kernel has no better memory", region(64));
}

#[test]
fn locked_memory_where_better_is_refused() {
    let refused = Refused { beyond: Some(8192 * KIB), secret: Some(libc::EPERM), ..Refused::default() };
    agent_says("memfd", refused, State::On, "was refused: Operation not permitted", region(64));
}

#[test]
fn locked_memory_on_wish() {
    let enough = Refused { beyond: Some(8192 * KIB), ..Refused::default() };
    agent_says("mlock", enough, State::On, "would stop hibernation", region(64));
}

/// Fewer slots, and no arena for parsed keys.
#[test]
fn little_memory_that_nobody_reads() {
    let words = if kernel_has_secret_memory() { "no other process reads" } else { "no better memory" };
    for (beyond, slots) in [(300, 16), (80, 4), (64, 2), (36, 2)] {
        let little = Refused { beyond: Some(beyond * KIB), ..Refused::default() };
        agent_says("memfd", little, State::On, words, region(slots));
    }
}

#[test]
fn little_locked_memory() {
    for (beyond, slots) in [(300, 16), (80, 4), (36, 2)] {
        let little = Refused { beyond: Some(beyond * KIB), secret: Some(libc::ENOSYS), ..Refused::default() };
        agent_says("memfd", little, State::On, "this kernel has no better memory", region(slots));
    }
}

#[test]
fn no_locked_memory() {
    for (option, beyond) in [("memfd", 0), ("mlock", 0), ("auto", 35)] {
        let none = Refused { beyond: Some(beyond * KIB), ..Refused::default() };
        agent_says(option, none, State::Refused, "the limit on locked memory (ulimit -l)", 0);
    }
}

#[test]
fn a_system_that_locks_nothing() {
    for error in [libc::EPERM, libc::ENOSYS] {
        let refused = Refused { beyond: Some(8192 * KIB), secret: Some(error), locking: Some(error) };
        let said = nix::errno::Errno::from_raw(error).desc();
        agent_says("memfd", refused, State::Refused, &format!("locks no memory for us: {said}"), 0);
    }
}
