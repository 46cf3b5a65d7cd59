//! Questions to a person who says yes, no, or nothing.

use crate::Stage;
use crate::client::{Abuser, Client};
use crate::wire::{FAILURE, SIGNATURE, frame, sign};
use crate::world::World;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(crate) fn answer_questions(stage: &Stage<'_>, _: &World) {
    let [yes, no, _] = &stage.targets.asked;
    let mut client = Client::new(stage, "asking a person", &stage.targets.open);
    while !stage.is_over() {
        let answer = client.ask(&sign(&yes.blob, b"data", 0));
        if answer == [FAILURE] && !stage.is_calm() {
            stage.figures.broken_off.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        assert_eq!(answer.first(), Some(&SIGNATURE), "the person said yes");
        client.expect(&sign(&no.blob, b"data", 0), FAILURE);
    }
}

/// Nobody answers; the clients leave after a while. Some places are left for the questions of others.
pub(crate) fn leave_questions_open(stage: &Stage<'_>) {
    let request = frame(&sign(&stage.targets.asked[2].blob, b"data", 0));
    while !stage.is_over() {
        let asking: Vec<_> = (0..5).filter_map(|_| Abuser::open(stage, &stage.targets.open)).collect();
        for conn in &asking {
            conn.send(&request);
        }
        for _ in 0..20 {
            if !stage.is_over() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
