//! Peers that want more than their share: the largest messages, and all the connections.

use crate::Stage;
use crate::client::Abuser;
use crate::wire::{self, Body, frame};
use std::time::Duration;

const SENDERS: usize = 300;
/// More than the agent has descriptors for.
const HOLDERS: usize = 1500;

/// Messages of the greatest length, each of another kind, and none of use.
fn largest(stage: &Stage<'_>) -> Vec<Vec<u8>> {
    const MOST: usize = 262_144;
    let mut all = vec![vec![200; MOST]];
    for blob in [&stage.targets.ed25519.blob, &stage.targets.rsa.blob] {
        let around = wire::sign(blob, b"", 4).len();
        all.push(wire::sign(blob, &vec![7; MOST - around], 4));
    }
    all.push(wire::extension(b"session-bind@openssh.com", &vec![0; MOST - 30]));
    for kind in [wire::ADD, wire::ADD_CONSTRAINED, wire::ADD_PROVIDER, wire::LOCK, wire::REMOVE] {
        all.push(Body::of(kind).raw(&vec![0; MOST - 1]).0);
    }
    all.iter().map(|body| frame(body)).collect()
}

/// On many connections at the same time, whole, one after the other; answers are taken.
pub(crate) fn send_the_largest(stage: &Stage<'_>) {
    let messages = largest(stage);
    let mut all: Vec<(Abuser<'_>, usize, usize)> = Vec::new();
    let mut next = 0;
    while !stage.is_over() {
        while all.len() < SENDERS {
            let Some(conn) = Abuser::open(stage, &stage.targets.open) else { break };
            next += 1;
            all.push((conn, next, 0));
        }
        all.retain_mut(|(conn, which, sent)| {
            let message = &messages[*which % messages.len()];
            let Some(more) = conn.send(&message[*sent..]) else {
                stage.figures.refused();
                return false;
            };
            *sent += more;
            if *sent == message.len() {
                (*which, *sent) = (*which + 1, 0);
            }
            conn.take().is_some()
        });
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Connections until there are no descriptors any more, held for a while.
pub(crate) fn open_and_hold(stage: &Stage<'_>) {
    while !stage.is_over() {
        let mut all = Vec::new();
        for _ in 0..100 {
            while all.len() < HOLDERS && !stage.is_over() {
                let Some(conn) = Abuser::open(stage, &stage.targets.open) else { break };
                all.push(conn);
            }
            all.retain(|conn| conn.take().is_some());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) fn connect_and_leave(stage: &Stage<'_>) {
    while !stage.is_over() {
        drop(Abuser::open(stage, &stage.targets.open));
        std::thread::sleep(Duration::from_millis(1));
    }
}
