//! Everything that clients can do to an agent, all of it at once, while others use it: signing, adding and removing,
//! tokens, questions, forwarded connections, restarts. It prints what came of it.
//!
//! A minute by default; `MYAGENT_SOAK_SECONDS` says how long.
#![cfg(target_os = "linux")]
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

#[path = "../token/hsm.rs"]
#[allow(dead_code)] // it is those tests' own
mod hsm;
#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod abusers;
mod broken;
mod client;
mod figures;
mod good;
mod greedy;
mod guessing;
mod person;
mod restarts;
mod slow;
mod targets;
mod tokens;
mod world;

use figures::{Figures, Phase};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::PATIENCE;
use targets::Targets;
use world::World;

/// How long it goes on unless told otherwise, in seconds.
const USUAL: u64 = 60;

/// Clients that are to be served, from the first second to the last.
const GOOD: &[fn(&Stage<'_>, &World)] = &[
    good::sign_with_ed25519,
    good::sign_with_rsa,
    good::sign_with_p256,
    good::add_and_remove,
    good::forwarded,
    good::look_at_the_status,
    good::list_while_locked,
    tokens::sign_with_fido,
    tokens::sign_with_pkcs11,
    person::answer_questions,
    restarts::again_and_again,
];

/// What everybody in the play sees.
pub(crate) struct Stage<'w> {
    pub(crate) targets: &'w Targets,
    pub(crate) figures: &'w Figures,
    begun: Instant,
    lasts: Duration,
    broken_off: &'w AtomicBool,
    /// How many kinds of good clients are to be seen served; none where there are none.
    awaited: usize,
}

impl Stage<'_> {
    pub(crate) fn is_over(&self) -> bool {
        self.broken_off.load(Ordering::Relaxed) || !self.is_within(self.lasts, Phase::Restarts)
    }

    /// The first half is without restarts.
    pub(crate) fn is_calm(&self) -> bool {
        self.is_within(self.lasts / 2, Phase::Calm)
    }

    /// A phase lasts until everybody was served in it: on a busy machine a short one may be over before.
    fn is_within(&self, time: Duration, phase: Phase) -> bool {
        let now = self.begun.elapsed();
        now < time || (now < time + PATIENCE && !self.figures.has_seen(self.awaited, phase))
    }
}

/// Ends the play when an actor panics: the others would go on to the end.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

fn lasts() -> Duration {
    let seconds = std::env::var("MYAGENT_SOAK_SECONDS");
    Duration::from_secs(seconds.map_or(USUAL, |text| text.parse().expect("a number of seconds")))
}

#[test]
#[ignore = "needs root, ssh-keygen, softhsm2-util, pkcs11-tool, /usr/lib/openssh/ssh-sk-helper, /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: it takes a minute"]
fn all_of_it_at_once() {
    if abusers::this_is_their_process() {
        return;
    }
    let world = World::new();
    let figures = Figures::of(world.open.pid());
    let broken_off = AtomicBool::new(false);
    let (targets, lasts) = (&world.targets, lasts());
    // All but the restarts.
    let awaited = GOOD.len() - 1;
    let begun = Instant::now();
    let stage = Stage { targets, figures: &figures, begun, lasts, broken_off: &broken_off, awaited };
    let abusers = abusers::Process::start(&world);
    std::thread::scope(|scope| {
        let (stage, world) = (&stage, &world);
        for good in GOOD {
            scope.spawn(move || {
                let _alarm = Alarm(stage.broken_off);
                good(stage, world);
            });
        }
        scope.spawn(move || {
            while !stage.is_over() {
                stage.figures.look();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    });
    abusers.ended(&figures);
    guessing::owner_gets_in(&world);
    world.is_as_before();
    world.everything_ends(&figures);
    figures.print(lasts);
    figures.are_right();
}
