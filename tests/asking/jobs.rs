//! An agent that is a background job of the terminal at which it asks.

use crate::desk::{Desk, foreground, prepared};
use crate::support::Agent;
use crate::terminal::{Seen, start_at};
use crate::wire;
use std::process::Stdio;

/// A shell with job control that has its jobs stopped where they write to the terminal, and the agent as one.
const SHELL: &str = "set -m; stty tostop; \"$@\" & trap 'kill $!; kill -CONT $!' TERM; wait; wait";

#[test]
fn a_background_job_asks_and_is_not_stopped() {
    let (scratch, mut terminal) = (prepared(), Seen::new());
    let (agent, socket) = foreground(&scratch);
    let mut shell = scratch.command("setsid");
    shell.args(["--ctty", "sh", "-c", SHELL, "sh"]).arg(agent.get_program()).args(agent.get_args());
    shell.env("MYAGENT_SOCK", &socket).stdin(terminal.slave.try_clone().unwrap()).stderr(Stdio::null());
    let desk = Desk::holding(Agent::spawn(shell, socket), scratch);
    start_at(&desk, &terminal);
    let mut conn = desk.conn();
    conn.send(&desk.request());
    terminal.shows("-- myagent answer");
    assert_eq!(desk.conn().comments(), ["me@desk"], "it goes on");
    assert_eq!(desk.run(&["answer", "yes", "1"]).0, 0);
    wire::signature(&conn.recv().unwrap());
}
