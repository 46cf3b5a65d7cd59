//! Peers that say nothing, or little, or do not listen.

use crate::Stage;
use crate::client::Abuser;
use crate::wire::{self, frame};
use std::time::Duration;

const SILENT: usize = 150;
const SLOW: usize = 100;
const DEAF: usize = 100;

/// Between two looks at all of them.
const ROUND: Duration = Duration::from_millis(20);

/// Keeps so many connections open and does with each what is to be done, which says whether it is of use still.
fn keep(stage: &Stage<'_>, count: usize, mut with: impl FnMut(&Abuser<'_>, usize) -> bool) {
    let mut all: Vec<Abuser<'_>> = Vec::new();
    let mut round = 0;
    while !stage.is_over() {
        while all.len() < count {
            let Some(conn) = Abuser::open(stage, &stage.targets.open) else { break };
            all.push(conn);
        }
        all.retain(|conn| with(conn, round));
        round += 1;
        std::thread::sleep(ROUND);
    }
}

pub(crate) fn say_nothing(stage: &Stage<'_>) {
    keep(stage, SILENT, |conn, _| conn.take().is_some());
}

/// A byte at a time, of a message that never comes to its end.
pub(crate) fn say_little(stage: &Stage<'_>) {
    let whole = frame(&wire::sign(&stage.targets.ed25519.blob, &[7; 200_000], 0));
    keep(stage, SLOW, |conn, round| conn.send(&whole[round % 1000..][..1]).is_some());
}

/// One request after the other for the longest answer there is, and not one is read.
pub(crate) fn never_read(stage: &Stage<'_>) {
    let requests = frame(&wire::list()).repeat(100);
    keep(stage, DEAF, |conn, _| conn.send(&requests).is_some());
}
