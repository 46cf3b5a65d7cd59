//! Threads that work with secrets have room to sweep, whatever the caller's environment gives to threads.

use super::stacks::KEYS;
use super::support::{Agent, Scratch, myagent};
use super::wire::{self, Conn};

/// What Rust's library gives a thread whose maker names no size.
const SIZE: (&str, &str) = ("RUST_MIN_STACK", "65536");

#[test]
fn keys_survive_where_threads_are_to_have_small_stacks() {
    let scratch = Scratch::new();
    let socket = scratch.path("run/agent.sock");
    let mut command = scratch.command(myagent());
    command.args(["start", "--foreground"]).env("MYAGENT_SOCK", &socket).env(SIZE.0, SIZE.1);
    let agent = Agent::spawn(command, socket);
    let mut conn = Conn::open(&agent.socket).unwrap();
    for (name, key) in KEYS.iter() {
        conn.expect(&wire::add(&key.private, name.as_bytes()), wire::SUCCESS);
        wire::signature(&conn.ask(&wire::sign(&key.blob, b"data", 2)).expect(name));
    }
    conn.expect(&wire::lock(b"password"), wire::SUCCESS);
    conn.expect(&wire::unlock(b"password"), wire::SUCCESS);
    assert_eq!(conn.comments().len(), KEYS.len());
}
