//! The life of keys of every kind, and of the passwords that lock them up.

use super::rig::{Memory, Rig, agent, script, sign};
use super::samples::{Sample, add_samples, samples};
use super::scan::Secrets;
use super::support::{Scratch, wait_until};
use super::wire::{self, CONFIRM, FAILURE, SUCCESS};
use super::{PASSWORD, WRONG};
use nix::sys::signal::{Signal, kill};

/// Connections that sign at the same time: more than there are threads for it.
const AT_ONCE: usize = 8;

/// An agent that may be given every sample, with a person who agrees to everything.
pub(crate) fn rig(memory: Memory, what: &str) -> Rig {
    let scratch = Scratch::new();
    let mut secrets = Secrets::new();
    add_samples(&mut secrets);
    secrets.add("password", PASSWORD);
    secrets.add("wrong-one", WRONG);
    let mut agent = agent(&scratch, memory);
    agent.env("DISPLAY", ":4242").env("SSH_ASKPASS", script(&scratch, "askpass", "#!/bin/sh\nexit 0\n"));
    Rig::new(scratch, memory, agent, what, secrets)
}

/// The one that hosts show here.
fn host() -> &'static Sample {
    &samples()[0]
}

/// What a sample is added with.
pub(crate) fn constraints(sample: &Sample) -> Vec<Vec<u8>> {
    match sample.name {
        "confirmed" => vec![CONFIRM.to_vec()],
        "bound" => vec![wire::destinations(&[wire::to_host(b"user", &host().key.blob)])],
        _ => Vec::new(),
    }
}

/// The message that adds a sample, with more constraints than its own.
pub(crate) fn message(sample: &Sample, comment: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let all = [constraints(sample), more.to_vec()].concat();
    if all.is_empty() {
        return wire::add(&sample.key.private, comment);
    }
    wire::add_constrained(&sample.key.private, comment, &all.iter().map(|one| &one[..]).collect::<Vec<_>>())
}

pub(crate) fn load(rig: &Rig, comment: &[u8], more: &[Vec<u8>]) {
    for sample in samples() {
        rig.conn().expect(&message(sample, comment, more), SUCCESS);
    }
}

/// Has a key sign on a connection of its own; RSA with one hash after the other.
fn use_key(rig: &Rig, sample: &Sample, turn: u32) {
    let mut conn = rig.conn();
    if sample.name != "bound" {
        sign(&mut conn, &sample.key.blob, b"data", [2, 4, 0][turn as usize % 3]);
        return;
    }
    let host = &host().key.blob;
    let shown = sign(&mut conn, host, b"session", 0);
    conn.expect(&wire::session_bind(host, b"session", &shown, false), SUCCESS);
    let login = wire::login(b"session", b"user", &sample.key.blob, Some(host));
    sign(&mut conn, &sample.key.blob, &login, 0);
}

fn use_keys(rig: &Rig) {
    for turn in 0..3 {
        samples().iter().for_each(|sample| use_key(rig, sample, turn));
    }
}

/// Every key on many connections, each beginning with another one.
fn use_keys_at_once(rig: &Rig) {
    std::thread::scope(|scope| {
        for turn in 0..AT_ONCE {
            scope.spawn(move || {
                let (last, first) = samples().split_at(turn * 2);
                first.iter().chain(last).for_each(|sample| use_key(rig, sample, 0));
            });
        }
    });
    rig.all_hung_up();
}

fn live(rig: &Rig) {
    load(rig, b"me@here", &[]);
    rig.nothing_is_found("loaded");
    use_keys(rig);
    rig.nothing_is_found("used");
    use_keys_at_once(rig);
    rig.nothing_is_found("used at once");
    rig.nothing_in_core("used: core image");
    rig.restart();
    rig.nothing_is_found("restarted");
    use_keys(rig);
    rig.nothing_is_found("used by the next program");
    be_locked(rig);
    use_keys(rig);
    rig.nothing_is_found("used again");
    lose_keys(rig);
}

fn be_locked(rig: &Rig) {
    let mut conn = rig.conn();
    conn.expect(&wire::lock(PASSWORD), SUCCESS);
    rig.nothing_is_found("locked");
    rig.nothing_in_core("locked: core image");
    for sample in samples() {
        conn.expect(&message(sample, b"refused", &[]), FAILURE);
    }
    rig.nothing_is_found("keys refused by the lock");
    for _ in 0..3 {
        conn.expect(&wire::unlock(WRONG), FAILURE);
    }
    rig.nothing_is_found("wrong password");
    rig.restart();
    rig.nothing_is_found("restarted while locked");
    let mut conn = rig.conn();
    conn.expect(&wire::unlock(PASSWORD), SUCCESS);
    rig.nothing_is_found("unlocked");
}

fn lose_keys(rig: &Rig) {
    for sample in samples() {
        rig.conn().expect(&wire::remove(&sample.key.blob), SUCCESS);
    }
    rig.nothing_is_found("removed");
    load(rig, b"again", &[]);
    use_keys(rig);
    rig.conn().expect(&[wire::REMOVE_ALL], SUCCESS);
    rig.nothing_is_found("all removed");
    load(rig, b"for a second", &[wire::lifetime(1)]);
    wait_until("every key's time is over", || rig.is_empty());
    rig.nothing_is_found("expired");
    load(rig, b"again", &[]);
    use_keys(rig);
    kill(rig.pid(), Signal::SIGUSR1).unwrap();
    wait_until("all keys are forgotten", || rig.is_empty());
    rig.nothing_is_found("forgotten on SIGUSR1");
    rig.nothing_in_core("forgotten: core image");
}

#[test]
#[ignore = "needs root, gcore: it reads the agent's memory"]
fn nothing_is_found_with_memory_of_memfd_secret() {
    live(&rig(Memory::Memfd, "the life of keys"));
}

/// Root reads this kind of memory too: what lies in it must be wiped after each use, and all but the wrapping
/// key is.
#[test]
#[ignore = "needs root, gcore: it reads the agent's memory"]
fn nothing_is_found_with_locked_memory() {
    live(&rig(Memory::Locked, "the life of keys"));
}

#[test]
#[ignore = "needs root, gcore, setpriv: it reads the agent's memory, and takes from it the right to lock any"]
fn nothing_is_found_with_memory_that_cannot_be_locked() {
    let rig = rig(Memory::Unlocked, "the life of keys");
    load(&rig, b"me@here", &[]);
    use_keys_at_once(&rig);
    rig.nothing_is_found("used at once");
    rig.restart();
    use_keys(&rig);
    rig.nothing_is_found("used by the next program");
    let mut conn = rig.conn();
    conn.expect(&wire::lock(PASSWORD), SUCCESS);
    conn.expect(&wire::unlock(WRONG), FAILURE);
    conn.expect(&wire::unlock(PASSWORD), SUCCESS);
    conn.expect(&[wire::REMOVE_ALL], SUCCESS);
    rig.nothing_is_found("all removed");
}
