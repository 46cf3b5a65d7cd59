//! What a look at the agent's memory finds: nothing of a key or a password, at any idle moment.
//!
//! Reading another process's memory takes root. Each scan is preceded by one of a control process that holds
//! the same secrets on purpose: a scanner that is blind fails here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/keys.rs"]
mod keys;
mod scan;
mod token;
#[path = "../support/wire.rs"]
mod wire;

use fips204::ml_dsa_44;
use fips204::traits::{KeyGen, SerDes};
use keys::Key;
use myagent::control::{self, Op, Reply};
use scan::{Secrets, control_holds};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Agent, Scratch, run};

const KINDS: [(&str, &[&str]); 5] = [
    ("ed25519", &["ed25519"]),
    ("p256", &["ecdsa", "-b", "256"]),
    ("p521", &["ecdsa", "-b", "521"]),
    ("rsa1024", &["rsa", "-b", "1024"]),
    ("rsa2048", &["rsa", "-b", "2048"]),
];

const PASSWORD: &[u8] = b"a password that is looked for everywhere";
const WRONG: &[u8] = b"another one, which was never the right one";

/// A composite of ML-DSA and Ed25519, which ssh-keygen need not know.
fn composite() -> Key {
    Key::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/composite/key"))
}

/// Its seeds, and what ML-DSA's expands to: the seed of its signatures' masks, and both secret vectors.
fn add_composite(secrets: &mut Secrets) {
    let private = composite().private;
    let seeds = &private[private.len() - 64..];
    secrets.add("composite.seeds", seeds);
    let (_, expanded) = ml_dsa_44::KG::keygen_from_seed(seeds[..32].try_into().unwrap());
    let expanded = expanded.into_bytes();
    secrets.add("composite.key", &expanded[32..64]);
    secrets.add("composite.vectors", &expanded[128..128 + 8 * 96]);
}

fn socket(scratch: &Scratch) -> PathBuf {
    scratch.path("run/agent.sock")
}

/// The agent with these options, after a shell did `before`.
fn agent(scratch: &Scratch, options: &[&str], before: &str) -> Command {
    let mut command = scratch.command("sh");
    // A copy, which a restart may trust: it is in no directory of another user's. Made by a program, since nothing can
    // be run that another test's child has open for writing.
    let program = scratch.path("myagent");
    let copy = format!("cp \"$1\" \"$0\" && shift && {before} && exec \"$0\" \"$@\"");
    command.args(["-c", &copy]).arg(&program).arg(support::myagent());
    command.args(["start", "--foreground", "--log", "off"]).args(options);
    command.env("MYAGENT_SOCK", socket(scratch));
    command
}

struct Rig {
    agent: Agent,
    scratch: Scratch,
    secrets: Secrets,
}

impl Rig {
    fn new(options: &[&str]) -> Self {
        let scratch = Scratch::new();
        let mut secrets = Secrets::new();
        for (name, kind) in KINDS {
            let (status, _, error) = run(scratch
                .command("ssh-keygen")
                .args(["-q", "-N", "", "-C", name, "-f", name, "-t"])
                .args(kind));
            assert_eq!(status, 0, "{error}");
            secrets.add_key(name, &scratch.path(name));
        }
        add_composite(&mut secrets);
        secrets.add("password", PASSWORD);
        secrets.add("wrong password", WRONG);
        control_holds(&secrets);
        let agent = Agent::spawn(agent(&scratch, options, "true"), socket(&scratch));
        Self { agent, scratch, secrets }
    }

    /// `status` says this of the memory for secrets.
    fn protection(&self, words: &str) {
        let control = self.agent.socket.with_file_name("control.sock");
        let Reply::Status(status) = control::ask(&control, Op::Status).unwrap() else { panic!("no status") };
        let measure = status.measures.iter().find(|measure| measure.name == "secret memory").unwrap();
        assert!(measure.detail.contains(words), "{measure:?}");
    }

    fn ssh_add(&self, arguments: &[&str]) -> Command {
        let mut command = self.scratch.command("ssh-add");
        command.args(arguments).env("SSH_AUTH_SOCK", &self.agent.socket);
        command
    }

    fn use_keys(&self) {
        for _ in 0..3 {
            let (mut conn, key) = (wire::Conn::open(&self.agent.socket).unwrap(), composite());
            wire::signature(&conn.ask(&wire::sign(&key.blob, b"data", 0)).unwrap());
            for (name, _) in KINDS {
                assert_eq!(
                    run(&mut self.ssh_add(&["-T", &format!("{name}.pub")])).0,
                    0,
                    "{name} does not sign"
                );
            }
        }
    }

    fn restart(&self) {
        let mut command = self.scratch.command(support::myagent());
        let (status, _, error) = run(command.arg("restart").env("MYAGENT_SOCK", &self.agent.socket));
        assert_eq!((status, error.as_str()), (0, ""));
    }

    fn nothing_is_found(&self, moment: &str) {
        let found = self.secrets.found_in(self.agent.pid());
        println!("{moment}: {} hits in {} KiB", found.hits.len(), found.bytes / 1024);
        assert!(found.bytes > 500 * 1024, "hardly anything was read");
        assert_eq!(found.hits, Vec::<String>::new(), "{moment}");
    }
}

/// The whole life of keys and passwords, looked at after each step.
fn live(rig: &Rig) {
    for (name, _) in KINDS {
        assert_eq!(run(&mut rig.ssh_add(&["-q", name])).0, 0, "{name} is not added");
    }
    wire::Conn::open(&rig.agent.socket)
        .unwrap()
        .expect(&wire::add(&composite().private, b"composite"), wire::SUCCESS);
    rig.nothing_is_found("loaded");
    rig.use_keys();
    rig.nothing_is_found("used");
    rig.restart();
    rig.nothing_is_found("restarted");
    rig.use_keys();
    rig.nothing_is_found("used by the next program");
    let mut conn = wire::Conn::open(&rig.agent.socket).unwrap();
    conn.expect(&wire::lock(PASSWORD), wire::SUCCESS);
    rig.nothing_is_found("locked");
    conn.expect(&wire::unlock(WRONG), wire::FAILURE);
    rig.nothing_is_found("wrong password");
    rig.restart();
    rig.nothing_is_found("restarted while locked");
    let mut conn = wire::Conn::open(&rig.agent.socket).unwrap();
    conn.expect(&wire::unlock(PASSWORD), wire::SUCCESS);
    rig.nothing_is_found("unlocked");
    rig.use_keys();
    assert_eq!(run(&mut rig.ssh_add(&["-q", "-D"])).0, 0);
    rig.nothing_is_found("removed");
}

#[test]
#[ignore = "needs root: it reads the agent's memory"]
fn nothing_is_found_with_memory_of_memfd_secret() {
    let rig = Rig::new(&["--secret-memory", "memfd", "--trust-own-binary"]);
    rig.protection("no other process reads");
    live(&rig);
}

/// Root reads this kind of memory too: what lies in it must be wiped after each use, and all but the wrapping
/// key is.
#[test]
#[ignore = "needs root: it reads the agent's memory"]
fn nothing_is_found_with_locked_memory() {
    let rig = Rig::new(&["--secret-memory", "mlock", "--trust-own-binary"]);
    rig.protection("not swapped or dumped");
    live(&rig);
}

/// Without any memory that may be locked keys are held all the same, and `status` says so.
#[test]
fn no_key_is_refused_for_want_of_memory() {
    let scratch = Scratch::new();
    let rig = Rig {
        agent: Agent::spawn(agent(&scratch, &[], "ulimit -l 0"), socket(&scratch)),
        secrets: Secrets::new(),
        scratch,
    };
    let (status, _, error) =
        run(rig.scratch.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", "key"]));
    assert_eq!(status, 0, "{error}");
    assert_eq!(run(&mut rig.ssh_add(&["-q", "key"])).0, 0);
    assert_eq!(run(&mut rig.ssh_add(&["-T", "key.pub"])).0, 0);
    // Root may lock as much as it likes.
    if !nix::unistd::geteuid().is_root() {
        rig.protection("ulimit -l");
    }
}
