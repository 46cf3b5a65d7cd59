//! Clients of the relay are clients of the agent in Windows.

use crate::keys::Key;
use crate::support::{PATIENCE, run};
use crate::wire::{self, Conn, SUCCESS};
use crate::world::World;

/// The longest message, in bytes.
const LONGEST: usize = 256 * 1024;

#[test]
fn ssh_add_lists_adds_and_signs() {
    let world = World::new();
    world.start();
    let (status, out, _) = run(&mut world.ssh_add(&["-l"]));
    assert_eq!((status, out.as_str()), (1, "The agent has no identities.\n"));
    for kind in ["ed25519", "rsa"] {
        Key::generate(&world.linux, kind, &[kind]);
        let (status, _, err) = run(&mut world.ssh_add(&["-q", kind]));
        assert_eq!(status, 0, "{err}");
        // Signs, and verifies what comes back.
        let (status, _, err) = run(&mut world.ssh_add(&["-T", &format!("{kind}.pub")]));
        assert_eq!(status, 0, "{err}");
    }
    let (status, out, _) = run(world.in_windows(&["status", "--json"]).env_remove("PATH"));
    assert_eq!(status, 0);
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["keys"].as_array().unwrap().len(), 2, "{status}");
    assert_eq!(run(&mut world.ssh_add(&["-q", "-D"])).0, 0);
    assert_eq!(world.conn().comments(), [""; 0]);
}

#[test]
fn the_longest_messages_pass_both_ways() {
    let world = World::new();
    world.start();
    let key = Key::generate(&world.linux, "key", &["ed25519"]);
    let mut conn = world.conn();
    let rest = wire::add(&key.private, b"").len();
    let comment = vec![b'c'; LONGEST - rest];
    let longest = wire::add(&key.private, &comment);
    assert_eq!(longest.len(), LONGEST);
    conn.expect(&longest, SUCCESS);
    let (direct, passed) = (at_windows(&world).ask(&wire::list()), conn.ask(&wire::list()));
    assert!(passed.as_ref().is_some_and(|list| list.len() > LONGEST - 1024), "the list is as long");
    assert_eq!(direct, passed);
    wire::signature(&conn.ask(&wire::sign(&key.blob, b"data", 0)).unwrap());
}

fn at_windows(world: &World) -> Conn {
    Conn::open(&world.windows.path("run/agent.sock")).unwrap()
}

/// Many requests at once on one connection, and a message in pieces: each is answered, in order.
#[test]
fn answers_come_in_the_order_of_requests() {
    let world = World::new();
    world.start();
    let key = Key::generate(&world.linux, "key", &["ed25519"]);
    let mut conn = world.conn();
    conn.expect(&wire::add(&key.private, b"mine"), SUCCESS);
    let (list, sign) = (wire::frame(&wire::list()), wire::frame(&wire::sign(&key.blob, b"data", 0)));
    for _ in 0..20 {
        conn.send_raw(&[list.as_slice(), &sign].concat());
    }
    for byte in &list {
        conn.send_raw(&[*byte]);
    }
    for _ in 0..20 {
        assert_eq!(wire::identities(&conn.recv().unwrap()).len(), 1);
        wire::signature(&conn.recv().unwrap());
    }
    assert_eq!(wire::identities(&conn.recv().unwrap()).len(), 1);
}

/// Each client has its own connection in Windows: what one is bound to says nothing of another.
#[test]
fn clients_have_processes_of_their_own_from_their_first_message_to_their_end() {
    let world = World::new();
    world.start();
    world.wait_for_children(0);
    let mut conns: Vec<_> = (0..5).map(|_| world.conn()).collect();
    assert_eq!(world.children(), 0, "they have said nothing yet");
    conns.iter_mut().for_each(|conn| assert_eq!(conn.comments(), [""; 0]));
    assert_eq!(world.children(), 5);
    conns.truncate(2);
    world.wait_for_children(2);
    conns.iter_mut().for_each(|conn| assert_eq!(conn.comments(), [""; 0]));
    conns.clear();
    world.wait_for_children(0);
}

/// Whoever asks for nothing gives way, be they as many as there can be.
#[test]
fn idle_clients_give_way() {
    let world = World::new();
    world.start();
    let mut idle: Vec<_> = (0..80).map(|_| world.conn()).collect();
    let begun = std::time::Instant::now();
    // Another process than that of the others.
    let (status, out, _) = run(&mut world.ssh_add(&["-l"]));
    assert_eq!((status, out.as_str()), (1, "The agent has no identities.\n"));
    assert!(begun.elapsed() < PATIENCE);
    let answered = idle.iter_mut().filter_map(|conn| conn.ask(&wire::list())).count();
    assert!((1..=64).contains(&answered), "{answered} are there still");
    assert!(world.children() <= 64);
}

/// What was asked for is done, also where nobody waits for the answer.
#[test]
fn a_request_is_passed_on_though_its_client_hangs_up() {
    let world = World::new();
    world.start();
    let key = Key::generate(&world.linux, "key", &["ed25519"]);
    // Windows takes its time, and the message is more than a pipe holds.
    world.relays("sleep 0.5");
    let comment = "left behind ".repeat(20_000);
    let mut conn = world.conn();
    conn.send(&wire::add(&key.private, comment.as_bytes()));
    drop(conn);
    crate::support::wait_until("the key is there", || at_windows(&world).comments() == [comment.as_str()]);
}

#[test]
fn a_length_that_no_message_has_ends_the_connection_alone() {
    let world = World::new();
    world.start();
    let mut other = world.conn();
    assert_eq!(other.comments(), [""; 0]);
    for length in [0_u32, 256 * 1024 + 1, u32::MAX] {
        let mut conn = world.conn();
        conn.send_raw(&[&length.to_be_bytes()[..], &[11; 8]].concat());
        assert_eq!(conn.recv(), None, "{length}");
    }
    assert_eq!(other.comments(), [""; 0]);
}
