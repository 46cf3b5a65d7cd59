//! Many at once: one agent comes out of it.

use crate::support::{run, wait_until};
use crate::{Place, lives, pid_in, socket_in};
use std::process::{Command, Output, Stdio};
use std::sync::Barrier;

/// A login with twenty panes.
const SHELLS: usize = 20;

fn at_once(commands: Vec<Command>) -> Vec<Output> {
    let barrier = Barrier::new(commands.len());
    std::thread::scope(|scope| {
        let calls: Vec<_> = commands
            .into_iter()
            .map(|mut command| {
                let barrier = &barrier;
                scope.spawn(move || {
                    command.stdout(Stdio::piped()).stderr(Stdio::piped());
                    barrier.wait();
                    command.output().unwrap()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

fn twenty_shells(place: &Place) {
    for _ in 0..5 {
        let mut pids = Vec::new();
        for output in at_once((0..SHELLS).map(|_| place.myagent(&["start"])).collect()) {
            let (out, err) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
            assert_eq!(socket_in(&out), Some(place.socket.as_path()));
            pids.extend(pid_in(&out));
        }
        assert_eq!(pids.len(), 1, "one call forks: {pids:?}");
        assert_eq!(place.status()["pid"], pids[0]);
        assert_eq!(run(&mut place.myagent(&["stop"])).0, 0);
        wait_until("it has ended", || !lives(pids[0]));
    }
}

#[test]
fn twenty_shells_at_once_get_one_agent() {
    twenty_shells(&Place::new());
}

#[test]
fn twenty_shells_at_once_get_one_agent_at_a_place_of_its_own() {
    twenty_shells(&Place::named("own.sock"));
}

/// A dead socket in the way must not make two of them think that it is theirs to remove.
#[test]
fn twenty_shells_reclaim_a_dead_socket_once() {
    let place = Place::new();
    for _ in 0..3 {
        drop(std::os::unix::net::UnixListener::bind(&place.socket).unwrap());
        let outputs = at_once((0..SHELLS).map(|_| place.myagent(&["start"])).collect());
        let started =
            outputs.iter().filter_map(|o| pid_in(&String::from_utf8_lossy(&o.stdout))).collect::<Vec<_>>();
        assert!(outputs.iter().all(|o| o.status.success()) && started.len() == 1, "{outputs:?}");
        let (status, _, err) = run(&mut place.myagent(&["stop"]));
        assert_eq!(status, 0, "{err}");
        wait_until("it has ended", || !lives(started[0]));
    }
}

/// Starting and stopping against each other: nothing is left behind that does not answer.
#[test]
fn start_and_stop_against_each_other() {
    let place = Place::new();
    for _ in 0..10 {
        let commands = (0..10).map(|n| place.myagent(&[if n % 2 == 0 { "start" } else { "stop" }])).collect();
        for output in at_once(commands) {
            let err = String::from_utf8_lossy(&output.stderr);
            let unharmed = output.status.success() || err.contains("no agent is running");
            // One that was told to stop twice may go before it answers the second.
            assert!(unharmed || err.contains("control socket"), "{output:?}");
        }
    }
    let (status, _, err) = run(&mut place.myagent(&["start"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(place.status()["running"], true);
}
