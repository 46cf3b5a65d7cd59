//! A PKCS#11 token's PIN, in the agent and in the process that holds the token's provider.
//!
//! Of that process the PIN alone is expected to be gone: what else the provider has of the token, such as the keys that a
//! token in software must have in memory, is the provider's own, which is why it has a process of its own. SoftHSM keeps
//! the PIN no longer than its login either.

use super::hsm::{self, KINDS, PIN, SOFTHSM, full_token, succeed};
use super::rig::{Memory, Rig, sign};
use super::scan::Secrets;
use super::support::{run, wait_until};
use super::wire::{self, FAILURE, SUCCESS};
use super::{PASSWORD, WRONG};
use std::process::Command;

const WRONG_PIN: &str = "a wrong PIN, which is looked for just the same";

/// Signatures with each key at one time, each on a connection of its own.
const AT_ONCE: usize = 4;

fn rig(memory: Memory) -> Rig {
    let mut secrets = Secrets::new();
    secrets.add("PIN", PIN.as_bytes());
    secrets.add("wrong-PIN", WRONG_PIN.as_bytes());
    secrets.add("password", PASSWORD);
    secrets.add("wrong-one", WRONG);
    let hsm::Rig { agent, scratch } = hsm::Rig::with(full_token(), |start| {
        start.args(["--secret-memory", memory.option()]);
    });
    Rig::over(scratch, memory, agent, "a PKCS#11 token's PIN", secrets)
}

fn ssh_add(rig: &Rig, pin: &str, arguments: &[&str]) -> Command {
    hsm::ssh_add(&rig.scratch, &rig.agent, pin, arguments)
}

/// In the agent, and in the one process of its provider.
fn nothing_in_both(rig: &Rig, moment: &str) {
    rig.nothing_is_found(moment);
    let processes = hsm::children(rig.agent.pid());
    assert_eq!(processes.len(), 1, "{moment}");
    rig.nothing_in(&format!("{moment}: provider"), processes[0]);
}

fn use_keys(rig: &Rig) {
    let all = wire::identities(&rig.conn().ask(&wire::list()).unwrap());
    assert_eq!(all.len(), KINDS.len());
    std::thread::scope(|scope| {
        for (blob, _) in all.iter().cycle().take(all.len() * AT_ONCE) {
            scope.spawn(|| sign(&mut rig.conn(), blob, b"data", 2));
        }
    });
    rig.all_hung_up();
}

fn live(rig: &Rig) {
    assert!(run(&mut ssh_add(rig, WRONG_PIN, &["-q", "-s", SOFTHSM])).0 != 0, "any PIN does");
    rig.nothing_is_found("refused");
    succeed(&mut ssh_add(rig, PIN, &["-q", "-s", SOFTHSM]));
    nothing_in_both(rig, "loaded");
    use_keys(rig);
    nothing_in_both(rig, "used at once");
    rig.restart();
    nothing_in_both(rig, "restarted");
    use_keys(rig);
    nothing_in_both(rig, "used by the next program");
    let mut conn = rig.conn();
    conn.expect(&wire::lock(PASSWORD), SUCCESS);
    conn.expect(&wire::unlock(WRONG), FAILURE);
    conn.expect(&wire::unlock(PASSWORD), SUCCESS);
    nothing_in_both(rig, "unlocked");
    succeed(&mut ssh_add(rig, "", &["-q", "-e", SOFTHSM]));
    wait_until("the provider's process is gone", || hsm::children(rig.agent.pid()).is_empty());
    rig.nothing_is_found("removed");
}

#[test]
#[ignore = "needs root, gcore, softhsm2-util, pkcs11-tool: SoftHSM's tokens, and a look at the memory of others"]
fn no_pin_of_a_provider_is_found_with_memory_of_memfd_secret() {
    live(&rig(Memory::Memfd));
}

#[test]
#[ignore = "needs root, gcore, softhsm2-util, pkcs11-tool: SoftHSM's tokens, and a look at the memory of others"]
fn no_pin_of_a_provider_is_found_with_locked_memory() {
    live(&rig(Memory::Locked));
}
