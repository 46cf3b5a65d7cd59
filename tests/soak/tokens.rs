//! Signatures by tokens: each takes a process of its own, or one that stays.

use crate::Stage;
use crate::client::Client;
use crate::keys::{data, verifies};
use crate::wire::{self, FAILURE, sign};
use crate::world::World;
use std::sync::atomic::Ordering;

pub(crate) fn sign_with_fido(stage: &Stage<'_>, world: &World) {
    keep_signing(stage, world, "signing with a FIDO token", &world.sk.blob);
}

pub(crate) fn sign_with_pkcs11(stage: &Stage<'_>, world: &World) {
    keep_signing(stage, world, "signing with a PKCS#11 token", &world.token);
}

/// Where a restart breaks a request off it is made again, as a person does.
fn keep_signing(stage: &Stage<'_>, world: &World, name: &'static str, blob: &[u8]) {
    let mut client = Client::new(stage, name, &stage.targets.open);
    while !stage.is_over() {
        let answer = client.ask(&sign(blob, &data(), 0));
        if answer == [FAILURE] && !stage.is_calm() {
            stage.figures.broken_off.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        verifies(&world.scratch, blob, &wire::signature(&answer)).expect(name);
    }
}
