//! While a token waits for its touch: who else waits, and what ends the wait.

use crate::rig::{KINDS, Rig, is_gone, made_up, provider};
use crate::support::{myagent, run, status_of, wait_until};
use crate::wire::{self, Conn};
use crate::wire_keys::{Key, data, verifies};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What hangs until a file is there, and then does what OpenSSH's helper does.
const PATIENT: &str = "cat >\"$DIR/request.$$\"; echo $$ >\"$DIR/pid.new\"; mv \"$DIR/pid.new\" \"$DIR/pid\"
    if mkdir \"$DIR/busy\"; then :; else touch \"$DIR/collision\"; fi
    while [ ! -e \"$DIR/go\" ]; do sleep 0.02; done
    rmdir \"$DIR/busy\"
    /usr/lib/openssh/ssh-sk-helper <\"$DIR/request.$$\"";

impl Rig {
    fn helper_pid(&self) -> i32 {
        let file = self.scratch.path("pid");
        wait_until("the helper runs", || file.exists());
        std::fs::read_to_string(&file).unwrap().trim().parse().unwrap()
    }

    /// Of all that have noted themselves.
    fn pids(&self) -> Vec<i32> {
        let text = std::fs::read_to_string(self.scratch.path("pids")).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok()).collect()
    }

    fn go(&self) {
        std::fs::write(self.scratch.path("go"), "").unwrap();
    }

    /// A client that waits for a signature.
    fn waiting(&self, key: &Key) -> Conn {
        let mut conn = self.conn();
        conn.send(&wire::sign(&key.blob, &data(), 0));
        conn
    }
}

/// Others list, add and sign while a token is waited for; when the client hangs up, the helper ends.
#[test]
fn nobody_else_waits_and_a_hangup_ends_the_helper() {
    let rig = Rig::with_script(PATIENT);
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    let waiting = rig.waiting(&key);
    let pid = rig.helper_pid();
    let plain = Key::generate(&rig.scratch, "plain", &["ed25519"]);
    rig.conn().expect(&wire::add(&plain.private, b"plain"), wire::SUCCESS);
    assert_eq!(rig.conn().comments(), ["key", "plain"]);
    let answer = rig.conn().ask(&wire::sign(&plain.blob, &data(), 0)).unwrap();
    assert_eq!(verifies(&rig.scratch, &plain.blob, &wire::signature(&answer)), Ok(()));
    assert!(!is_gone(pid));
    drop(waiting);
    wait_until("the helper has ended", || is_gone(pid));
    rig.says("the client has gone");
}

/// A client that hangs up in the queue is not served, and the one before it is.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn one_request_at_a_time_for_a_provider() {
    let rig = Rig::with_script(PATIENT);
    let key = rig.key("key", "ed25519-sk", "ssh:");
    rig.add(&key);
    let mut first = rig.waiting(&key);
    rig.helper_pid();
    let (mut second, leaving) = (rig.waiting(&key), rig.waiting(&key));
    for _ in 0..50 {
        assert_eq!(rig.conn().comments(), ["key"]);
    }
    drop(leaving);
    rig.says("the client has gone");
    rig.go();
    for conn in [&mut first, &mut second] {
        let signature = wire::signature(&conn.recv().unwrap());
        assert_eq!(verifies(&rig.scratch, &key.blob, &signature), Ok(()));
    }
    assert!(!rig.scratch.path("collision").exists(), "two at once");
    let requests = std::fs::read_dir(rig.scratch.path("")).unwrap();
    let count = requests
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("request."));
    assert_eq!(count.count(), 2);
}

/// A token of another provider is another token.
#[test]
fn providers_do_not_wait_for_each_other() {
    // "internal" hangs; the library's answers at once.
    let rig = Rig::with_script(
        "cat >\"$DIR/request\"; grep -q internal \"$DIR/request\" && exec sleep 1000; exit 9",
    );
    let (hanging, other) = (made_up("ssh:a"), made_up("ssh:b"));
    let library = rig.scratch.path("allowed/a.so");
    std::fs::write(&library, "").unwrap();
    rig.conn().expect(&wire::add(&hanging.private, b"a"), wire::SUCCESS);
    let named = provider(library.to_str().unwrap().as_bytes());
    rig.conn().expect(&wire::add_constrained(&other.private, b"b", &[&named]), wire::SUCCESS);
    let _waiting = rig.waiting(&hanging);
    wait_until("the helper runs", || rig.scratch.path("request").exists());
    rig.refuses(&other.blob, &data(), "exit status: 9");
}

/// What happens while a token waits for its key.
type Event = fn(&Rig, &Key);

/// A touch is the last word of the token, not of the agent.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn what_happened_meanwhile_wins() {
    let again = |rig: &Rig, key: &Key| rig.add(key);
    let lock = |rig: &Rig, _: &Key| rig.conn().expect(&wire::lock(b"password"), wire::SUCCESS);
    let remove = |rig: &Rig, key: &Key| rig.conn().expect(&wire::remove(&key.blob), wire::SUCCESS);
    let nothing = |_: &Rig, _: &Key| ();
    let meanwhile: [(Event, u8, &str); 4] = [
        (nothing, wire::SIGNATURE, "signed"),
        (lock, wire::FAILURE, "the agent is locked"),
        (remove, wire::FAILURE, "no such key"),
        (again, wire::FAILURE, "no such key"),
    ];
    for (event, expected, reason) in meanwhile {
        let rig = Rig::with_script(PATIENT);
        let key = rig.key("key", "ed25519-sk", "ssh:");
        rig.add(&key);
        let mut waiting = rig.waiting(&key);
        rig.helper_pid();
        event(&rig, &key);
        rig.go();
        assert_eq!(waiting.recv().unwrap()[0], expected, "{reason}");
        rig.says(reason);
    }
}

/// A restart does not wait for a person; the keys are there afterwards, and sign.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn a_restart_ends_what_waits_and_keeps_the_keys() {
    let rig = Rig::with_script(PATIENT);
    let keys = KINDS.map(|kind| rig.key(kind, kind, "ssh:"));
    keys.iter().for_each(|key| rig.add(key));
    let mut waiting = rig.waiting(&keys[0]);
    let pid = rig.helper_pid();
    let mut restart = rig.scratch.command(myagent());
    let (status, _, errors) = run(restart.arg("restart").env("MYAGENT_SOCK", &rig.agent.socket));
    assert_eq!((status, errors.as_str()), (0, ""));
    assert_eq!(waiting.recv(), Some(vec![wire::FAILURE]));
    assert!(is_gone(pid));
    rig.says("the agent is restarting");
    assert!(!rig.log().contains("they took too long"));
    let _ = std::fs::remove_dir(rig.scratch.path("busy"));
    rig.go();
    for key in &keys {
        let answer = rig.conn().ask(&wire::sign(&key.blob, &data(), 0)).unwrap();
        assert_eq!(verifies(&rig.scratch, &key.blob, &wire::signature(&answer)), Ok(()));
    }
}

/// What can no longer be signed is no longer waited for: neither the touch, nor what tells of it, nor a PIN.
#[test]
fn a_lock_or_a_removal_ends_what_waits() {
    let wants_pin = "cat >/dev/null; printf '\\0\\0\\0\\11\\5\\0\\0\\0\\0\\0\\0\\0\\53'";
    type End = fn(&Key) -> Vec<u8>;
    let ends: [(End, &str); 2] = [
        (|_| wire::lock(b"password"), "the agent is locked"),
        (|key| wire::remove(&key.blob), "no such key"),
    ];
    for (script, asked) in [("echo $$ >>\"$DIR/pids\"; exec sleep 1000", 2), (wants_pin, 1)] {
        for (end, reason) in &ends {
            let rig = Rig::with_person(script, "echo $$ >>\"$DIR/pids\"; exec sleep 1000");
            let mut key = made_up("ssh:");
            if asked == 1 {
                // No touch, so no notice.
                key.private[key.blob.len()] = 4;
            }
            rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
            let mut waiting = rig.waiting(&key);
            wait_until("all of it is there", || rig.pids().len() == asked);
            rig.conn().expect(&end(&key), wire::SUCCESS);
            assert_eq!(waiting.recv(), Some(vec![wire::FAILURE]));
            rig.says(reason);
            wait_until("all of it is gone", || rig.pids().into_iter().all(is_gone));
        }
    }
}

/// An agent that ends leaves no helper behind.
#[test]
fn the_end_of_the_agent_is_the_helpers() {
    let mut rig = Rig::with_script(PATIENT);
    let key = made_up("ssh:");
    rig.conn().expect(&wire::add(&key.private, b"key"), wire::SUCCESS);
    let _waiting = rig.waiting(&key);
    let pid = rig.helper_pid();
    let agent = Pid::from_raw(i32::try_from(rig.agent.pid()).unwrap());
    kill(agent, Signal::SIGTERM).unwrap();
    status_of(&mut rig.agent.child);
    wait_until("the helper has ended", || is_gone(pid));
}
