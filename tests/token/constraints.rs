//! What `ssh-add` demands of the keys' use.

use crate::hsm::{PIN, Rig, SOFTHSM, small_token, succeed};
use crate::support::{run, wait_until};
use crate::wire::{self, Body};

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_lifetime_ends_the_keys_and_their_process() {
    let rig = Rig::new(small_token());
    succeed(&mut rig.ssh_add(PIN, &["-q", "-t", "1000", "-s", SOFTHSM]));
    let left = rig.status().keys[0].remaining_seconds.unwrap();
    assert!((900..=1000).contains(&left), "{left}");
    // Added again it stays as it is.
    assert!(!rig.add(SOFTHSM, PIN));
    assert!(rig.status().keys[0].remaining_seconds.is_some());
    succeed(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM]));
    succeed(&mut rig.ssh_add(PIN, &["-q", "-t", "1", "-s", SOFTHSM]));
    wait_until("the key expires", || rig.list().is_empty());
    wait_until("the process is gone", || rig.processes().is_empty());
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_key_to_confirm_is_refused_where_nobody_can_be_asked() {
    let rig = Rig::new(small_token());
    succeed(&mut rig.ssh_add(PIN, &["-q", "-c", "-s", SOFTHSM]));
    assert!(rig.status().keys[0].confirm);
    assert!(!rig.signs(&rig.list()[0]));
    // Not even by adding it again without.
    assert!(!rig.add(SOFTHSM, PIN));
    assert!(!rig.signs(&rig.list()[0]));
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_key_for_a_destination_signs_nothing_else() {
    let rig = Rig::new(small_token());
    std::fs::create_dir_all(rig.scratch.path("home/.ssh")).unwrap();
    let mut make = rig.scratch.command("ssh-keygen");
    succeed(make.args(["-q", "-t", "ed25519", "-N", "", "-f", "host"]));
    let host = std::fs::read_to_string(rig.scratch.path("host.pub")).unwrap();
    std::fs::write(rig.scratch.path("hosts"), format!("there {host}")).unwrap();
    succeed(&mut rig.ssh_add(PIN, &["-q", "-H", "hosts", "-h", "there", "-s", SOFTHSM]));
    assert!(!rig.signs(&rig.list()[0]));
    assert!(rig.says("may not be used here"), "{:?}", rig.refusals());
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn what_cannot_be_kept_refuses_all() {
    let rig = Rig::new(small_token());
    let add = |constraints: &[u8]| {
        let add = Body::of(wire::ADD_PROVIDER_CONSTRAINED).string(SOFTHSM.as_bytes()).string(PIN.as_bytes());
        rig.ask(&add.raw(constraints).0)
    };
    let extension = |name: &[u8], rest: &[u8]| Body::of(255).string(name).raw(rest).0;
    let internal = Body::default().string(b"internal").0;
    for bad in [
        vec![9],
        vec![2, 2],
        vec![1, 0, 0],
        extension(b"unknown@example.com", b""),
        extension(b"sk-provider@openssh.com", &internal),
        extension(b"restrict-destination-v00@openssh.com", &[0, 0, 0, 1, 7]),
        extension(b"associated-certs-v00@openssh.com", &[0, 0, 0, 0, 4, 0, 0, 0, 0]),
        extension(b"associated-certs-v00@openssh.com", &[2, 0, 0, 0, 0]),
    ] {
        assert_eq!(add(&bad), [wire::FAILURE], "{bad:?}");
    }
    assert!(rig.list().is_empty() && rig.processes().is_empty());
    assert_eq!(add(&[2]), [wire::SUCCESS]);
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn a_locked_agent_keeps_the_process_and_uses_no_key() {
    let rig = Rig::new(small_token());
    assert!(rig.add(SOFTHSM, PIN));
    let line = rig.list().remove(0);
    let processes = rig.processes();
    let mut conn = rig.connect();
    assert_eq!(conn.ask(&Body::of(wire::LOCK).string(b"secret").0).unwrap(), [wire::SUCCESS]);
    assert!(!rig.signs(&line) && rig.list().is_empty());
    for number in [wire::ADD_PROVIDER, wire::REMOVE_PROVIDER] {
        let ask = Body::of(number).string(SOFTHSM.as_bytes()).string(PIN.as_bytes()).0;
        assert_eq!(rig.ask(&ask), [wire::FAILURE]);
    }
    assert_eq!(conn.ask(&Body::of(wire::UNLOCK).string(b"secret").0).unwrap(), [wire::SUCCESS]);
    assert!(rig.signs(&line));
    assert_eq!(rig.processes(), processes);
    assert_eq!(run(&mut rig.ssh_add("", &["-q", "-e", SOFTHSM])).0, 0);
}
