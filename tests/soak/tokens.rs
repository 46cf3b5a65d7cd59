//! Signatures by tokens: each takes a process of its own, or one that stays.

use crate::Stage;
use crate::client::Client;
use crate::keys::{data, verifies};
use crate::wire::{self, FAILURE, sign};
use std::sync::atomic::Ordering;

pub(crate) fn sign_with_fido(stage: &Stage<'_>) {
    keep_signing(stage, "signing with a FIDO token", &stage.world.sk.blob);
}

pub(crate) fn sign_with_pkcs11(stage: &Stage<'_>) {
    keep_signing(stage, "signing with a PKCS#11 token", &stage.world.token);
}

/// Where a restart breaks a request off it is made again, as a person does.
fn keep_signing(stage: &Stage<'_>, name: &'static str, blob: &[u8]) {
    let mut client = Client::new(stage, name, &stage.world.open.socket);
    while !stage.is_over() {
        let calm = stage.is_calm();
        let answer = client.ask(&sign(blob, &data(), 0));
        if answer == [FAILURE] && !calm {
            stage.figures.broken_off.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        verifies(&stage.world.scratch, blob, &wire::signature(&answer)).expect(name);
    }
}
