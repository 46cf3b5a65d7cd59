//! An agent that runs out of descriptors waits, and serves again.

use crate::process::Subject;
use crate::sides::Side;
use crate::support::{Agent, Scratch, myagent, wait_until};
use crate::wire::{self, Conn};

/// As few as a shell's `ulimit -n` may leave it.
const LIMIT: &str = "64";

fn limited(scratch: &Scratch) -> Agent {
    let socket = scratch.path("run/agent.sock");
    let log = std::fs::File::create(scratch.path("agent.log")).unwrap();
    let mut command = scratch.command("sh");
    command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", LIMIT]).stderr(log);
    match Side::ours() {
        Side::Ours => command.arg(myagent()).args(["start", "--foreground", "--log", "debug"]),
        Side::Openssh => command.args(["ssh-agent", "-D", "-a"]).arg(&socket),
    };
    command.env("MYAGENT_SOCK", &socket);
    Agent::spawn(command, socket)
}

#[test]
fn exhaustion_is_survived() {
    for round in 0..3 {
        let mut subject = Subject::start(limited);
        let before = subject.connections();
        // More than the limit, and fewer than limit and backlog: connecting must not block.
        let mut all: Vec<Conn> = (0..120).map(|_| subject.conn()).collect();
        for conn in &mut all {
            conn.send(&wire::list());
        }
        // Those that were let in are served, again and again.
        for conn in &mut all[..8] {
            assert_eq!(wire::identities(&conn.recv().expect("an answer")).len(), 1, "round {round}");
            assert_eq!(conn.comments(), ["mine"]);
        }
        assert!(subject.agent.child.try_wait().unwrap().is_none(), "the agent has ended");
        assert!(subject.connections() <= 64, "more descriptors than allowed");
        // When some leave, those that waited get in.
        all.drain(..8);
        while !all.is_empty() {
            let batch = all.len().min(8);
            for mut conn in all.drain(..batch) {
                assert_eq!(wire::identities(&conn.recv().expect("its turn comes")).len(), 1);
            }
        }
        subject.is_well();
        wait_until("the connections are closed", || subject.connections() <= before);
    }
}
