//! Clients that want nothing but their answers.

use crate::Stage;
use crate::client::Client;
use crate::keys::{Key, data, verifies};
use crate::wire::{self, FAILURE, IDENTITIES, SIGNATURE, SUCCESS, sign};
use crate::world::World;
use std::time::Instant;

/// RSA with SHA-512.
const SHA512: u32 = 4;

pub(crate) fn sign_with_ed25519(stage: &Stage<'_>, world: &World) {
    always_the_same(stage, world, "signing with Ed25519", &stage.targets.ed25519, 0);
}

pub(crate) fn sign_with_rsa(stage: &Stage<'_>, world: &World) {
    always_the_same(stage, world, "signing with RSA", &stage.targets.rsa, SHA512);
}

/// The first signature is judged by ssh-keygen; each other must be the same, as they are with these algorithms.
fn always_the_same(stage: &Stage<'_>, world: &World, name: &'static str, key: &Key, flags: u32) {
    let request = sign(&key.blob, &data(), flags);
    let mut client = Client::new(stage, name, &stage.targets.open);
    let first = client.expect(&request, SIGNATURE);
    verifies(&world.scratch, &key.blob, &wire::signature(&first)).expect(name);
    while !stage.is_over() {
        assert_eq!(client.ask(&request), first, "{name}");
    }
}

/// Each signature is another one, and judged by ssh-keygen.
pub(crate) fn sign_with_p256(stage: &Stage<'_>, world: &World) {
    let key = &stage.targets.p256;
    let mut client = Client::new(stage, "signing with P-256", &stage.targets.open);
    while !stage.is_over() {
        let answer = client.expect(&sign(&key.blob, &data(), 0), SIGNATURE);
        verifies(&world.scratch, &key.blob, &wire::signature(&answer)).expect("P-256");
    }
}

pub(crate) fn add_and_remove(stage: &Stage<'_>, _: &World) {
    let guest = &stage.targets.guest;
    let mut client = Client::new(stage, "adding, listing, removing", &stage.targets.open);
    let is_listed = |client: &mut Client<'_>| {
        let answer = client.expect(&wire::list(), IDENTITIES);
        wire::identities(&answer).iter().any(|(blob, _)| *blob == guest.blob)
    };
    while !stage.is_over() {
        client.expect(&wire::add(&guest.private, b"guest"), SUCCESS);
        assert!(is_listed(&mut client), "the key is not there");
        client.expect(&sign(&guest.blob, b"data", 0), SIGNATURE);
        client.expect(&wire::remove(&guest.blob), SUCCESS);
        assert!(!is_listed(&mut client), "the key is there still");
    }
}

/// Over a connection that is bound to a session and forwarded: it lists and signs, and does no more.
pub(crate) fn forwarded(stage: &Stage<'_>, world: &World) {
    let greeting = world.bind();
    let client = || Client::new(stage, "a forwarded peer", &stage.targets.open).greeting(greeting.clone());
    while !stage.is_over() {
        let mut client = client();
        for _ in 0..20 {
            client.expect(&wire::list(), IDENTITIES);
            client.expect(&sign(&stage.targets.ed25519.blob, &data(), 0), SIGNATURE);
            client.expect(&[wire::REMOVE_ALL], FAILURE);
            client.expect(&wire::lock(b"mine"), FAILURE);
        }
    }
}

/// The agent is the same process all the time, and says how it is.
pub(crate) fn look_at_the_status(stage: &Stage<'_>, world: &World) {
    let mut failed = false;
    while !stage.is_over() {
        let (begun, calm) = (Instant::now(), stage.is_calm());
        match world.status() {
            Ok(status) => {
                assert_eq!(status.pid, world.open.pid());
                assert!(!status.locked && !status.keys.is_empty());
                stage.figures.clients(status.connections);
                stage.figures.answered("status", begun.elapsed(), calm);
                failed = false;
            }
            // A handover closes the control socket's connections, too; and so does an agent to which nothing was said for
            // five seconds, as where this process stood still. The next look must come to its end.
            Err(error) => {
                assert!(!calm || !failed, "{error}");
                failed = true;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// Whoever does not guess is answered: with no keys.
pub(crate) fn list_while_locked(stage: &Stage<'_>, _: &World) {
    let mut client = Client::new(stage, "listing while locked", &stage.targets.locked);
    while !stage.is_over() {
        assert_eq!(client.ask(&wire::list()), [IDENTITIES, 0, 0, 0, 0]);
    }
}
