//! What passes through stays nowhere on its way.

use crate::keys::Key;
use crate::scan::Secrets;
use crate::wire::{self, Fields, SUCCESS};
use crate::world::World;
use std::io::{Read, Write};
use std::process::Stdio;

/// A password that is long enough to be looked for.
const PASSWORD: &[u8] = b"a password that passes through the relay";

/// Both are as closed as an agent, before the first message; the one in between also where nobody has closed it before.
#[test]
fn the_processes_on_the_way_are_closed() {
    let world = World::new();
    let relay = world.start();
    let mut between =
        world.in_windows(&["relay"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    between.stdin.as_mut().unwrap().write_all(&wire::frame(&wire::list())).unwrap();
    let mut answer = [0; 9];
    between.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0, 0, 0, 5, wire::IDENTITIES, 0, 0, 0, 0]);
    for (name, pid) in [("the relay", relay), ("the one in between", between.id())] {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
        let status = read("status").unwrap();
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Umask:\t0077"] {
            assert!(status.lines().any(|found| found == line), "{name}: {line}: {status}");
        }
        let limits = read("limits").unwrap();
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"], "{name}");
        // Root looks into every process.
        assert!(read("environ").is_err() || nix::unistd::geteuid().is_root(), "{name} is open to others");
    }
    drop(between.stdin.take());
    assert_eq!(crate::support::status_of(&mut between), 0, "it ends with its input");
}

#[test]
#[ignore = "needs root: it looks into memory"]
fn no_key_and_no_password_stays_on_the_way() {
    let world = World::new();
    let relay = world.start();
    let (small, large) = (
        Key::generate(&world.linux, "small", &["ed25519"]),
        Key::generate(&world.linux, "large", &["ed25519"]),
    );
    let mut secrets = Secrets::new();
    for (name, key) in [("small.seed", &small), ("large.seed", &large)] {
        let mut fields = Fields(&key.private);
        let numbers = [fields.string(), fields.string(), fields.string()];
        secrets.add(name, &numbers[2][..32]);
    }
    secrets.add("password", PASSWORD);
    let mut conn = world.conn();
    conn.expect(&wire::add(&small.private, b"small"), SUCCESS);
    // One that does not fit into secret memory.
    conn.expect(&wire::add(&large.private, &[b'c'; 100_000]), SUCCESS);
    conn.expect(&wire::lock(PASSWORD), SUCCESS);
    conn.expect(&wire::unlock(PASSWORD), SUCCESS);
    let child = world.calls().into_iter().rfind(|(_, arguments)| arguments == "relay").unwrap().0;
    for (name, pid) in [("the relay", relay), ("its child", child)] {
        let found = secrets.found_in(pid);
        assert!(found.bytes > 1 << 20, "{name}: only {} bytes were looked at", found.bytes);
        assert_eq!(found.hits, Vec::<String>::new(), "{name}");
    }
    // It is not blind: where a message is on its way it is found.
    world.relays("exec sleep 1000");
    let mut waiting = world.conn();
    waiting.send(&wire::add(&large.private, &[b'c'; 100_000]));
    crate::support::wait_until("the message is in the relay", || !secrets.found_in(relay).hits.is_empty());
}
