//! Many who guess the password of a locked agent, and its owner.

use crate::Stage;
use crate::client::Abuser;
use crate::support::wait_until;
use crate::wire::{Conn, SUCCESS, frame, unlock};
use crate::world::{PASSWORD, World};
use std::time::Duration;

const GUESSERS: usize = 200;

pub(crate) fn guess(stage: &Stage<'_>) {
    let guess = frame(&unlock(b"wrong"));
    let mut all: Vec<Abuser<'_>> = Vec::new();
    while !stage.is_over() {
        while all.len() < GUESSERS {
            let Some(conn) = Abuser::open(stage, &stage.targets.locked) else { break };
            conn.send(&guess);
            all.push(conn);
        }
        all.retain(|conn| match conn.take() {
            Some(0) => true,
            Some(_) => {
                stage.figures.refused();
                conn.send(&guess).is_some()
            }
            None => false,
        });
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The guessers have left; the right password opens the agent with its key.
pub(crate) fn owner_gets_in(world: &World) {
    let mut conn = Conn::open(&world.locked.socket).unwrap();
    wait_until("the owner gets in", || conn.ask(&unlock(PASSWORD)).as_deref() == Some(&[SUCCESS]));
    assert_eq!(conn.comments(), ["ed25519"]);
}
