//! Signals and other ends at any moment of a restart: the agent ends cleanly or goes on, and forgets none of them.

use crate::keys::Key;
use crate::rig::{Rig, Way};
use crate::support::{run, wait_until};
use crate::wire::{SUCCESS, add};
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::time::Duration;

/// At moments that vary: they are not a wait for anything.
fn at_any_moment(signal: Signal) {
    for delay in (0..140).step_by(7) {
        let mut rig = Rig::new(Way::Service);
        std::thread::scope(|scope| {
            let restart = scope.spawn(|| rig.restart());
            std::thread::sleep(Duration::from_millis(delay));
            rig.signal(signal);
            restart.join().unwrap()
        });
        assert_eq!(rig.ends(), 0, "{signal} after {delay} ms: {}", rig.logged());
        rig.left_nothing();
    }
}

#[test]
fn term_is_not_lost() {
    at_any_moment(SIGTERM);
}

#[test]
fn int_is_not_lost() {
    at_any_moment(SIGINT);
}

/// While the last connections are waited for, and to be acted on then: that may take seconds.
#[test]
fn an_end_does_not_wait_for_the_drain() {
    let ends: [fn(&Rig); 2] = [
        |rig| rig.signal(SIGTERM),
        |rig| {
            // Its own socket is not served any more: the stop came before.
            let _ = run(&mut rig.myagent("stop"));
        },
    ];
    for (at, end) in ends.into_iter().enumerate() {
        let mut rig = Rig::new(Way::Service);
        let mut half = rig.conn();
        half.send_raw(&[0]);
        std::thread::scope(|scope| {
            let restart = scope.spawn(|| rig.restart());
            rig.wait_logged("tried ");
            end(&rig);
            restart.join().unwrap()
        });
        assert_eq!(rig.ends(), 0, "{at}: {}", rig.logged());
        rig.left_nothing();
        if at == 0 {
            assert!(!rig.logged().contains("handing over"), "it waited: {}", rig.logged());
        }
    }
}

/// Of two at once neither is forgotten: the agent restarts or not, but it ends.
#[test]
fn a_stop_at_any_moment() {
    for delay in (0..140).step_by(14) {
        let mut rig = Rig::new(Way::Service);
        rig.signal(SIGHUP);
        std::thread::sleep(Duration::from_millis(delay));
        let (status, _, error) = run(&mut rig.myagent("stop"));
        assert_eq!((status, error.as_str()), (0, ""), "after {delay} ms: {}", rig.logged());
        assert_eq!(rig.ends(), 0);
        rig.left_nothing();
    }
}

/// The keys are forgotten, by this program or the next.
#[test]
fn usr1_is_not_lost() {
    for delay in (0..140).step_by(14) {
        let rig = Rig::new(Way::Daemon);
        let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
        rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
        std::thread::scope(|scope| {
            let restart = scope.spawn(|| rig.restarted());
            std::thread::sleep(Duration::from_millis(delay));
            rig.signal(SIGUSR1);
            restart.join().unwrap();
        });
        wait_until("the keys are forgotten", || rig.conn().comments().is_empty());
    }
}

/// As fast as they can be sent.
#[test]
fn many_hangups() {
    let rig = Rig::new(Way::Service);
    let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
    rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
    while rig.status().handovers < 5 {
        (0..20).for_each(|_| rig.signal(SIGHUP));
        assert_eq!(rig.conn().comments(), ["mine"]);
    }
    assert!(rig.lives());
}

/// The end of a daemon that has gone through restarts is that of any other.
#[test]
fn stop_after_restarts() {
    for way in crate::rig::WAYS {
        let mut rig = Rig::new(way);
        (0..3).for_each(|_| rig.restarted());
        let (status, _, error) = run(&mut rig.myagent("stop"));
        assert_eq!((status, error.as_str()), (0, ""));
        if way == Way::Service {
            assert_eq!(rig.ends(), 0);
        }
        wait_until("it has ended", || !rig.lives());
        rig.left_nothing();
    }
}

/// On a terminal a hangup means the end, after a restart as before.
#[test]
fn what_a_signal_means_is_kept() {
    let mut rig = Rig::new(Way::Service);
    rig.restarted();
    rig.hang_up();
    assert_eq!(rig.status().handovers, 2);
    rig.signal(SIGTERM);
    assert_eq!(rig.ends(), 0);
    rig.left_nothing();
}
