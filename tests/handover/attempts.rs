//! Attempts one after another and at once, and what the limits of the process do to them.

use crate::candidates::{Held, children, mode};
use crate::keys::Key;
use crate::rig::{Rig, Way};
use crate::support::wait_until;
use crate::wire::{SUCCESS, add};

/// Larger than any version of this one could be.
#[test]
fn one_that_is_huge() {
    let held = Held::trusting();
    let huge = std::fs::File::create(held.rig.scratch.path("bin/huge")).unwrap();
    huge.set_len(257 << 20).unwrap();
    mode(&held.rig.scratch.path("bin/huge"), 0o700);
    std::fs::rename(held.rig.scratch.path("bin/huge"), held.rig.program()).unwrap();
    held.refuses("too large");
}

/// A failure is the last one's, and does not outlive the next success; `restart` does not take it for its own.
#[test]
fn a_failure_that_is_over() {
    let held = Held::trusting();
    let good = held.rig.scratch.path("bin/good");
    std::fs::rename(held.rig.program(), &good).unwrap();
    for _ in 0..10 {
        held.replace_by_script("echo 'not this one'");
        held.refuses("not this one");
        held.rig.replace_program(&good);
        held.rig.restarted();
        assert_eq!(held.rig.status().restart_failure, None);
    }
    held.is_well();
}

/// The limit on the size of files is no reason to end: the program that is copied is larger.
#[test]
fn a_small_limit_on_files() {
    let rig = Rig::with(Way::Daemon, &["--trust-own-binary"], "ulimit -f 1000");
    let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
    rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
    let held = Held { rig, key };
    held.refuses("too large");
}

/// Many at a time: each is done by itself, or told that there is another.
#[test]
fn many_at_once() {
    let held = Held::trusting();
    let mut done = 0;
    while done < 3 {
        let ended: Vec<_> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| held.rig.restart())).collect();
            held.rig.signal(nix::sys::signal::Signal::SIGHUP);
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        for (status, out, error) in ended {
            let told = error.contains("another restart is under way") && status == 1;
            assert!(told || (status == 0 && out.starts_with("restarted")), "{status}: {out}{error}");
            done += u32::from(status == 0);
        }
        held.is_well();
    }
    assert!(held.rig.status().handovers >= done, "two were told of one restart");
    wait_until("nothing is left of them", || children(held.rig.pid).is_empty());
}

/// One that comes between the trial of another and its execution is refused: what it tried out would be left behind,
/// with nobody to wait for it.
#[test]
fn one_before_the_other_is_done() {
    let held = Held::trusting();
    // Holds the handover back for some seconds: a frame that is never complete.
    let mut half = held.rig.conn();
    half.send_raw(&[0]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| held.rig.restarted());
        held.rig.wait_logged("tried ");
        held.replace_by_script("exec sleep 600");
        held.rig.signal(nix::sys::signal::Signal::SIGHUP);
        first.join().unwrap();
    });
    assert_eq!(held.rig.status().handovers, 1);
    assert_eq!(children(held.rig.pid), Vec::<u32>::new(), "somebody is left behind");
    held.is_well();
}
