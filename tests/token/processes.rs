//! The process of a provider: closed to others, gone with the agent, and without a PIN when idle.

use crate::hsm::{self, PIN, Rig, SOFTHSM, lives, small_token, succeed};
use crate::support::wait_until;
use crate::wire::{self, Body};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scan::{Secrets, control_holds};
use std::fs;

#[path = "../secrets/scan.rs"]
#[allow(dead_code)]
mod scan;

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}

fn of_status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn it_is_closed_and_has_nothing_of_the_agents() {
    let rig = Rig::new(small_token());
    let _client = rig.connect();
    assert!(rig.add(SOFTHSM, PIN));
    let process = rig.processes()[0];
    assert_eq!(of_status(process, "NoNewPrivs:"), "1");
    assert_eq!(of_status(process, "SigBlk:"), "0000000000000000");
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().nth(4) == Some("0"), "{core}");
    assert_eq!(nix::unistd::getpgid(Some(pid(process))).unwrap(), pid(process));
    // A process that is not dumpable is root's in /proc.
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(format!("/proc/{process}/status")).unwrap().uid(), 0);
    let program = fs::read_link(format!("/proc/{process}/exe"));
    if let Ok(program) = program {
        // Root alone sees that, and then all of it.
        assert!(program.to_string_lossy().starts_with("/memfd:myagent"), "{program:?}");
        for descriptor in fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
            let leads = fs::read_link(descriptor.unwrap().path()).unwrap();
            let leads = leads.to_string_lossy().into_owned();
            let known = ["/dev/null", "socket:", "/dev/urandom"];
            let own = leads.contains("/tokens/");
            assert!(own || known.iter().any(|known| leads.starts_with(known)), "{leads}");
        }
    }
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn it_can_be_killed_and_the_agent_lives() {
    let rig = Rig::new(small_token());
    assert!(rig.add(SOFTHSM, PIN));
    let line = rig.list().remove(0);
    kill(pid(rig.processes()[0]), Signal::SIGKILL).unwrap();
    wait_until("it was waited for", || rig.processes().is_empty());
    assert!(!rig.signs(&line));
    assert!(rig.says("its process has ended"), "{:?}", rig.refusals());
    // The log is written a moment later.
    let told = || rig.logged().contains("the process of a provider: it was ended by SIGKILL");
    wait_until("the log says how it ended", told);
    assert!(rig.add(SOFTHSM, PIN));
    assert!(rig.signs(&line));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn it_ends_with_the_agent_even_while_it_hangs() {
    for (mode, signal) in
        [("well", Signal::SIGTERM), ("well", Signal::SIGKILL), ("hang at sign", Signal::SIGKILL)]
    {
        let scratch = small_token();
        let shim = hsm::Shim::new(&scratch, "well");
        let rig = Rig::new(scratch);
        assert!(rig.add(shim.path(), PIN));
        let (process, line) = (rig.processes()[0], rig.list().remove(0));
        let blob = crate::using::blob_of(&rig, &line);
        shim.set(mode);
        let mut conn = rig.connect();
        if mode != "well" {
            conn.send(&wire::sign(&blob, b"data", 0));
            shim.reached();
        }
        kill(pid(rig.agent.pid()), signal).unwrap();
        wait_until("it is gone", || !lives(process));
    }
}

/// Nobody waits any more for what was on its way: it is ended, and it is no zombie.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_client_that_goes_meanwhile_leaves_no_process() {
    let rig = Rig::new(small_token());
    let add = Body::of(wire::ADD_PROVIDER).string(SOFTHSM.as_bytes()).string(b"").0;
    // At other moments of the start.
    for moment in 0..40 {
        let mut conn = rig.connect();
        conn.send(&add);
        std::thread::sleep(std::time::Duration::from_millis(2 * moment));
    }
    wait_until("nothing is left", || rig.processes().is_empty());
    // Behind those that were still to be started.
    wait_until("it is added", || rig.add(SOFTHSM, PIN));
    wait_until("its process alone is left", || rig.processes().len() == 1);
}

/// Nobody but an agent runs it.
#[test]
fn it_is_no_command_for_people() {
    let scratch = crate::support::Scratch::new();
    let (status, out, error) = crate::support::run(scratch.command(crate::support::myagent()).arg("token"));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(error.contains("only an agent runs this"), "{error}");
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, root: SoftHSM's tokens, and a look at the memory of others"]
fn no_pin_stays_in_memory() {
    let rig = Rig::new(small_token());
    let mut secrets = Secrets::new();
    secrets.add("pin", PIN.as_bytes());
    secrets.add("wrong pin", b"a wrong pin, which is looked for just the same");
    control_holds(&secrets);
    let look = |moment: &str, pid: u32| {
        let found = secrets.found_in(pid);
        assert!(found.bytes > 500 * 1024, "hardly anything was read");
        assert_eq!(found.hits, Vec::<String>::new(), "{moment}");
    };
    assert!(!rig.add(SOFTHSM, "a wrong pin, which is looked for just the same"));
    look("refused", rig.agent.pid());
    assert!(rig.add(SOFTHSM, PIN));
    let line = rig.list().remove(0);
    look("added: agent", rig.agent.pid());
    look("added: process", rig.processes()[0]);
    assert!(rig.signs(&line));
    look("used: agent", rig.agent.pid());
    look("used: process", rig.processes()[0]);
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    look("removed", rig.agent.pid());
}
