//! How a relay ends, what its control socket says, and that Windows goes on without it, and comes back.

use crate::keys::Key;
use crate::support::{run, wait_until};
use crate::wire::{self, SUCCESS};
use crate::world::{World, lives};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A key in Windows, by the relay.
fn with_a_key() -> (World, u32) {
    let world = World::new();
    let relay = world.start();
    let key = Key::generate(&world.linux, "key", &["ed25519"]);
    world.conn().expect(&wire::add(&key.private, b"mine"), SUCCESS);
    (world, relay)
}

#[test]
fn stop_ends_the_relay_and_not_the_agent() {
    let (world, relay) = with_a_key();
    let mut conn = world.conn();
    assert_eq!(conn.comments(), ["mine"]);
    let (status, out, err) = run(&mut world.myagent(&["stop"]));
    assert_eq!((status, out.as_str(), err.as_str()), (0, "", ""));
    world.nothing_is_left(relay);
    assert_eq!(conn.ask(&wire::list()), None);
    let again = world.start();
    assert_ne!(again, relay);
    assert_eq!(world.conn().comments(), ["mine"]);
}

#[test]
fn signals_end_it_and_its_children_or_mean_nothing() {
    for ending in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let (world, relay) = with_a_key();
        let pid = Pid::from_raw(relay.try_into().unwrap());
        let mut conns = [world.conn(), world.conn()];
        for harmless in [Signal::SIGHUP, Signal::SIGUSR1] {
            kill(pid, harmless).unwrap();
            conns.iter_mut().for_each(|conn| assert_eq!(conn.comments(), ["mine"]));
        }
        kill(pid, ending).unwrap();
        wait_until("the relay has ended", || !lives(relay));
        // Also where it could do nothing about it: their input ends.
        world.wait_for_children(0);
        if ending != Signal::SIGKILL {
            world.nothing_is_left(relay);
        }
        world.start();
    }
}

#[test]
fn status_is_that_of_windows_and_says_whose_it_is() {
    let (world, relay) = with_a_key();
    let status = world.status();
    let windows = world.windows.path("run/agent.sock");
    assert_eq!(status["socket"], windows.to_str().unwrap());
    assert_eq!(status["keys"][0]["comment"], "mine");
    assert_ne!(status["pid"], relay);
    assert_eq!(status["relay"]["pid"], relay);
    assert_eq!(status["relay"]["socket"], world.socket.to_str().unwrap());
    assert_eq!(status["relay"]["log"], world.socket.with_file_name("agent.log").to_str().unwrap());
    let program = world.windows.path("bin/myagent.exe");
    assert_eq!(status["relay"]["program"], program.to_str().unwrap());
    let (status, table, _) = run(&mut world.myagent(&["status"]));
    let second = table.lines().nth(1).unwrap();
    assert_eq!(status, 0);
    for part in ["relay", &relay.to_string(), "Windows'", program.to_str().unwrap()] {
        assert!(second.contains(part), "{part}: {second}");
    }
}

/// What is for the agent gets there, and its answers come back, refusals included.
#[test]
fn other_commands_are_the_agents() {
    let (world, relay) = with_a_key();
    let (status, out, err) = run(&mut world.myagent(&["answer"]));
    assert_eq!((status, out.as_str(), err.as_str()), (0, "no question is open\n", ""));
    let (status, _, err) = run(&mut world.myagent(&["answer", "yes", "7"]));
    assert!(status == 1 && err.contains("7"), "{err}");
    // As the agent in Windows was started, it gives its keys to no program of the user's.
    let (here, there) = (run(&mut world.myagent(&["restart"])), run(&mut world.in_windows(&["restart"])));
    assert_eq!(here, there);
    assert!(lives(relay));
    assert_eq!(world.conn().comments(), ["mine"]);
}

#[test]
fn an_agent_that_was_restarted_is_found_again() {
    let (world, relay) = with_a_key();
    let mut before = world.conn();
    assert_eq!(before.comments(), ["mine"]);
    assert_eq!(run(&mut world.in_windows(&["stop"])).0, 0);
    let (status, _, err) = run(&mut world.myagent(&["status"]));
    assert_eq!(status, 1);
    for part in ["relay", &relay.to_string(), "no agent is running"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert_eq!(before.ask(&wire::list()), None, "its agent has gone");
    assert_eq!(world.conn().ask(&wire::list()), None, "there is none");
    wait_until("the log says so", || {
        ["has closed the connection", "no agent is running"].iter().all(|part| world.log().contains(part))
    });
    // By the next shell; the relay is the same.
    let (status, out, err) = run(&mut world.myagent(&["start", "--shell", "sh"]));
    assert_eq!((status, err.as_str(), crate::world::pid_in(&out)), (0, "", None), "{out}");
    assert_eq!(world.conn().comments(), [""; 0]);
    assert_eq!(world.status()["relay"]["pid"], relay);
}
