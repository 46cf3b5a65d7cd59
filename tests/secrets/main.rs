//! What a look at the agent's memory finds: nothing of a key or a password, at any idle moment.
//!
//! Reading another process's memory takes root. Each scan is preceded by one of a control process that holds
//! the same secrets on purpose: a scanner that is blind fails here. Each test shows its table on standard error, whether
//! it passes or not.
#![cfg(target_os = "linux")] // looks into /proc/PID/mem
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod broken;
#[path = "../token/hsm.rs"]
#[allow(dead_code)] // a part of it is used here
mod hsm;
#[path = "../support/keys.rs"]
mod keys;
mod life;
mod process;
mod provider;
mod rig;
mod samples;
mod scan;
mod scanner;
mod table;
mod token;
#[path = "../support/wire.rs"]
mod wire;

use rig::{agent_with, socket};
use support::{Agent, Scratch, run};

const PASSWORD: &[u8] = b"a password that is looked for everywhere";
const WRONG: &[u8] = b"another one, which was never the right one";

/// Without any memory that may be locked keys are held all the same, and `status` says so.
#[test]
fn no_key_is_refused_for_want_of_memory() {
    let scratch = Scratch::new();
    let agent =
        Agent::spawn(agent_with(&scratch, "auto", "ulimit -l 0 && exec \"$0\" \"$@\""), socket(&scratch));
    let ssh_add = |arguments: &[&str]| {
        let mut command = scratch.command("ssh-add");
        run(command.args(arguments).env("SSH_AUTH_SOCK", &agent.socket)).0
    };
    keys::keygen(&scratch, &["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    assert_eq!(ssh_add(&["-q", "key"]), 0);
    assert_eq!(ssh_add(&["-T", "key.pub"]), 0);
    // Root may lock as much as it likes.
    if !nix::unistd::geteuid().is_root() {
        assert!(rig::protection(&agent).contains("ulimit -l"));
    }
}
