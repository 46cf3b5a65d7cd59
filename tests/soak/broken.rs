//! Messages that end in the middle, and messages that are none.

use crate::Stage;
use crate::client::Abuser;
use crate::wire::{self, Body, frame};
use std::time::Duration;

/// Numbers without sense, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// One message of each type, right or nearly so; a guest of its own, so that nobody's keys are concerned.
fn messages(stage: &Stage<'_>) -> Vec<Vec<u8>> {
    let (world, guest) = (stage.targets, &stage.targets.guest);
    let all = [
        wire::list(),
        wire::sign(&world.ed25519.blob, b"data", 0),
        wire::sign(&world.rsa.blob, &[1; 5000], 4),
        wire::add(&guest.private, b"guest"),
        wire::add_constrained(&guest.private, b"guest", &[&wire::lifetime(3600)]),
        wire::remove(&guest.blob),
        vec![wire::REMOVE_ALL],
        vec![wire::REMOVE_ALL_RSA1],
        wire::lock(b"secret"),
        wire::unlock(b"secret"),
        Body::of(wire::ADD_PROVIDER).string(b"/none").string(b"pin").0,
        Body::of(wire::REMOVE_PROVIDER).string(b"/none").string(b"pin").0,
        Body::of(wire::ADD_PROVIDER_CONSTRAINED).string(b"/none").string(b"pin").raw(wire::CONFIRM).0,
        wire::extension(b"query", b""),
        wire::session_bind(&world.host.blob, b"id", b"none", true),
        Body::of(200).raw(&[7; 300]).0,
    ];
    all.iter().map(|body| frame(body)).collect()
}

pub(crate) fn hang_up_anywhere(stage: &Stage<'_>) {
    let (messages, mut random) = (messages(stage), Random(0x2545_f491_4f6c_dd1d));
    while !stage.is_over() {
        for _ in 0..10 {
            let message = &messages[random.below(messages.len())];
            if let Some(conn) = Abuser::open(stage, &stage.targets.open) {
                conn.send(&message[..random.below(message.len())]);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whole frames with wrong contents, those that end OpenSSH's agent among them, and lengths that cannot be.
pub(crate) fn send_nonsense(stage: &Stage<'_>) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let lengths = [0_u32, 262_145, 1 << 31, u32::MAX];
    while !stage.is_over() {
        let Some(conn) = Abuser::open(stage, &stage.targets.open) else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        for _ in 0..20 {
            let kind = [1, 13, 17, 18, 20, 21, 22, 23, 25, 26, 27, 255][random.below(12)];
            let length = u8::try_from(random.below(40)).unwrap();
            // Its first string is longer than all there is: none of it can be done.
            let body = Body::of(kind).u8(1).raw(&vec![length; length.into()]).0;
            if conn.send(&frame(&body)).is_none() || conn.take().is_none() {
                stage.figures.refused();
                break;
            }
        }
        conn.send(&lengths[random.below(lengths.len())].to_be_bytes());
        conn.send(&[wire::ADD; 100]);
        std::thread::sleep(Duration::from_millis(1));
    }
}
