//! Providers' processes and a restart of the agent: they stay, unless they are in the middle of something.

use crate::hsm::{PIN, Rig, SOFTHSM, Shim, small_token, succeed};
use crate::support::wait_until;
use crate::using::blob_of;
use crate::wire;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn keys_sign_before_and_after_with_the_same_process() {
    let rig = Rig::new(small_token());
    succeed(&mut rig.ssh_add(PIN, &["-q", "-t", "1000", "-s", SOFTHSM]));
    let (line, processes) = (rig.list().remove(0), rig.processes());
    assert!(rig.signs(&line));
    for _ in 0..3 {
        rig.restart();
        assert_eq!(rig.processes(), processes);
        assert!(rig.signs(&line), "{:?}", rig.refusals());
    }
    assert!(rig.status().keys[0].remaining_seconds.is_some());
    // It is the agent's own still: seen when it ends, and ended when it is not needed.
    assert!(!rig.add(SOFTHSM, PIN), "nothing new");
    wait_until("the old process is left", || rig.processes() == processes);
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    wait_until("the process is gone", || rig.processes().is_empty());
    assert!(rig.add(SOFTHSM, PIN) && rig.signs(&line));
    rig.restart();
    kill(Pid::from_raw(i32::try_from(rig.processes()[0]).unwrap()), Signal::SIGKILL).unwrap();
    wait_until("it was waited for", || rig.processes().is_empty());
    assert!(!rig.signs(&line));
    assert!(rig.add(SOFTHSM, PIN) && rig.signs(&line));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn a_process_that_ended_before_leaves_no_zombie() {
    let scratch = small_token();
    let shim = Shim::new(&scratch, "well");
    let rig = Rig::new(scratch);
    assert!(rig.add(shim.path(), PIN));
    let line = rig.list().remove(0);
    shim.set("crash at sign");
    assert!(!rig.signs(&line));
    rig.restart();
    assert!(rig.processes().is_empty());
    assert!(rig.list().contains(&line), "its keys are shown still, and refuse");
    assert!(!rig.signs(&line));
    shim.set("well");
    assert!(rig.add(shim.path(), PIN) && rig.signs(&line));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that is made to fail"]
fn one_in_the_middle_of_a_signature_is_ended() {
    let scratch = small_token();
    let shim = Shim::new(&scratch, "well");
    let rig = Rig::new(scratch);
    assert!(rig.add(shim.path(), PIN));
    let line = rig.list().remove(0);
    let blob = blob_of(&rig, &line);
    shim.set("hang at sign");
    let mut conn = rig.connect();
    conn.send(&wire::sign(&blob, b"data", 0));
    shim.reached();
    shim.set("well");
    rig.restart();
    wait_until("it was ended and waited for", || rig.processes().is_empty());
    assert!(!rig.signs(&line));
    wait_until("the log says so", || rig.logged().contains("cannot be taken over"));
    assert!(rig.add(shim.path(), PIN) && rig.signs(&line));
}
