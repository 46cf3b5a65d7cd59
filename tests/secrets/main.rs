//! What a look at the agent's memory finds: nothing of a key or a password, at any idle moment.
//!
//! Reading another process's memory takes root. Each scan is preceded by one of a control process that holds
//! the same secrets on purpose: a scanner that is blind fails here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

mod scan;
#[path = "../support/wire.rs"]
mod wire;

use scan::{Secrets, control_holds};
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

struct Rig {
    agent: Agent,
    scratch: Scratch,
    secrets: Secrets,
}

impl Rig {
    fn new() -> Self {
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
        secrets.add("password", PASSWORD);
        secrets.add("wrong password", WRONG);
        control_holds(&secrets);
        Self { agent: Agent::myagent(&scratch), scratch, secrets }
    }

    fn ssh_add(&self, arguments: &[&str]) -> Command {
        let mut command = self.scratch.command("ssh-add");
        command.args(arguments).env("SSH_AUTH_SOCK", &self.agent.socket);
        command
    }

    fn use_keys(&self) {
        for _ in 0..3 {
            for (name, _) in KINDS {
                assert_eq!(
                    run(&mut self.ssh_add(&["-T", &format!("{name}.pub")])).0,
                    0,
                    "{name} does not sign"
                );
            }
        }
    }

    fn nothing_is_found(&self, moment: &str) {
        let found = self.secrets.found_in(self.agent.pid());
        println!("{moment}: {} hits in {} KiB", found.hits.len(), found.bytes / 1024);
        assert!(found.bytes > 500 * 1024, "hardly anything was read");
        assert_eq!(found.hits, Vec::<String>::new(), "{moment}");
    }
}

#[test]
#[ignore = "needs root: it reads the agent's memory"]
fn no_key_and_no_password_is_found_at_any_idle_moment() {
    let rig = Rig::new();
    for (name, _) in KINDS {
        assert_eq!(run(&mut rig.ssh_add(&["-q", name])).0, 0, "{name} is not added");
    }
    rig.nothing_is_found("loaded");
    rig.use_keys();
    rig.nothing_is_found("used");
    let mut conn = wire::Conn::open(&rig.agent.socket).unwrap();
    conn.expect(&wire::lock(PASSWORD), wire::SUCCESS);
    rig.nothing_is_found("locked");
    conn.expect(&wire::unlock(WRONG), wire::FAILURE);
    rig.nothing_is_found("wrong password");
    conn.expect(&wire::unlock(PASSWORD), wire::SUCCESS);
    rig.nothing_is_found("unlocked");
    rig.use_keys();
    assert_eq!(run(&mut rig.ssh_add(&["-q", "-D"])).0, 0);
    rig.nothing_is_found("removed");
}
