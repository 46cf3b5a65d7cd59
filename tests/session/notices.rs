//! What `start` says once on a terminal: that nothing survives the last logout, and the cure.

use crate::manager::{Machine, lingers};
use crate::support::{Agent, pseudo_terminal, run, status_of};
use crate::{Place, pid_in};
use std::io::Read;
use std::process::{Command, Stdio};

/// Runs a command with a terminal for its standard error alone: (status, standard output, what the terminal shows).
fn on_terminal(mut command: Command) -> (i32, String, String) {
    let (mut master, slave) = pseudo_terminal();
    let mut child = command.stdout(Stdio::piped()).stderr(slave).spawn().unwrap();
    drop(command);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let status = status_of(&mut child);
    let mut shown = Vec::new();
    // Ends with an error when the last copy of the other end is closed.
    let _ = master.read_to_end(&mut shown);
    (status, out, String::from_utf8_lossy(&shown).replace('\r', ""))
}

fn cure() -> String {
    let user = myagent::platform::login::user_name().unwrap();
    format!("hint: loginctl enable-linger, or where that is refused: sudo loginctl enable-linger {user}\n")
}

const LOST: &str = "myagent: the agent ends with your last logout, and its keys with it\n";

#[test]
fn nothing_is_said_when_all_is_well() {
    let machine = Machine::new(false);
    for first in [true, false] {
        let (status, _, shown) = on_terminal(machine.start(&[]));
        let expected = if in_manager() && first { LOST.to_owned() + &cure() } else { String::new() };
        assert_eq!((status, shown), (0, expected));
    }
    assert_eq!(machine.place.scratch.path("run/myagent/told").exists(), in_manager());
}

/// Whether the agents of these tests end with a user's manager, as in a terminal of a graphical session.
fn in_manager() -> bool {
    !lingers() && myagent::platform::login::in_manager(None)
}

#[test]
fn it_is_said_once_that_nothing_survives() {
    for (unit, forced) in [(false, false), (true, false), (false, true)] {
        let machine = Machine::new(true);
        if unit {
            machine.install();
        }
        // Where the user who runs the tests lingers, the service survives; unasked it would be taken.
        let in_background = forced || lingers();
        let daemon = if in_background { &["--daemon"][..] } else { &[] };
        let (status, out, shown) = on_terminal(machine.start(daemon));
        assert_eq!((status, pid_in(&out).is_some()), (0, in_background), "{out}");
        if lingers() {
            assert!(shown.contains("ends with this login session"), "{shown}");
        } else {
            assert_eq!(shown, LOST.to_owned() + &cure());
        }
        for _ in 0..2 {
            assert_eq!(run(&mut machine.place.myagent(&["stop"])).0, 0);
            let (status, _, shown) = on_terminal(machine.start(daemon));
            assert_eq!((status, shown.as_str()), (0, ""), "said again");
        }
        // With the runtime directory the mark goes, and the next login hears of it again.
        std::fs::remove_file(machine.place.scratch.path("run/myagent/told")).unwrap();
        assert_eq!(run(&mut machine.place.myagent(&["stop"])).0, 0);
        assert!(!on_terminal(machine.start(daemon)).2.is_empty());
    }
}

/// Into a pipe, as in `x=$(myagent start 2>&1)`, nothing is said, and it is not taken for said.
#[test]
fn nothing_is_said_where_no_terminal_is() {
    let machine = Machine::new(true);
    let (status, _, err) = run(&mut machine.start(&["--daemon"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(!machine.place.scratch.path("run/myagent/told").exists());
}

#[test]
fn why_the_service_was_not_taken_is_said_on_a_terminal() {
    let machine = Machine::new(true);
    machine.install();
    machine.program("systemctl", "echo 'Job for myagent.socket failed.' >&2; exit 1");
    let (status, out, shown) = on_terminal(machine.start(&[]));
    assert!(status == 0 && pid_in(&out).is_some(), "{out}");
    let why = "myagent: the agent was not started as a service: systemctl: Job for myagent.socket failed.; \
               so it runs in the background\n";
    assert!(shown.starts_with(why), "{shown}");
}

/// Listening by the manager's hand, as under socket activation: the process has the manager's name.
fn of_a_manager(place: &Place, name: &str) -> Agent {
    let program = place.scratch.path(name);
    assert_eq!(run(place.scratch.command("cp").arg(crate::support::myagent()).arg(&program)).0, 0);
    let mut command = place.scratch.command(program);
    command.args(["start", "--foreground", "--log", "off"]).env("MYAGENT_SOCK", &place.socket);
    Agent::spawn(command, place.socket.clone())
}

#[test]
fn an_active_service_without_lingering_is_used_and_that_is_said_once() {
    for (name, expected) in [("systemd", !lingers()), ("myagent", in_manager())] {
        let place = Place::new();
        let _agent = of_a_manager(&place, name);
        let (status, out, shown) = on_terminal(place.myagent(&["start"]));
        assert_eq!((status, pid_in(&out)), (0, None));
        assert_eq!(shown, if expected { LOST.to_owned() + &cure() } else { String::new() }, "{name}");
        assert_eq!(on_terminal(place.myagent(&["start"])).2, "", "said again");
    }
}
