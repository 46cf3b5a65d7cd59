//! A handover does not wait for a person, and does not forget where they are.

use crate::desk::{Desk, HANG, foreground_of, prepared};
use crate::support::{Agent, own_myagent, run, wait_until};
use crate::terminal::{Seen, start_at};
use crate::wire::FAILURE;

/// An agent that may hand its keys over to a program of this user's.
fn desk(with_display: bool) -> Desk {
    let scratch = prepared();
    let (mut command, socket) = foreground_of(&own_myagent(&scratch), &scratch);
    command.arg("--trust-own-binary");
    if with_display {
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
    }
    Desk::holding(Agent::spawn(command, socket), scratch)
}

#[test]
fn open_questions_are_refused_and_the_key_stays() {
    let desk = desk(true);
    desk.behave(HANG);
    let (mut conn, _) = desk.open_question();
    wait_until("its own program runs", || desk.asked().len() == 2);
    let (status, out, err) = run(&mut desk.myagent(&["restart"]));
    assert_eq!((status, err.as_str()), (0, ""), "{out}{}", desk.logged());
    assert_eq!(conn.recv().unwrap(), [FAILURE]);
    desk.logs("the agent was restarted while the question was open");
    assert!(!desk.logged().contains("they took too long"), "{}", desk.logged());
    desk.is_quiet();
    desk.behave("exit 1");
    assert!(!desk.signs(), "it must still be confirmed");
    desk.behave("exit 0");
    assert!(desk.signs());
}

#[test]
fn terminals_and_numbers_are_kept() {
    let (desk, mut terminal) = (desk(false), Seen::new());
    start_at(&desk, &terminal);
    let ask = |number: u32, terminal: &mut Seen| {
        let mut conn = desk.conn();
        conn.send(&desk.request());
        terminal.shows(&format!("myagent: question {number}: "));
        conn
    };
    let mut conn = ask(1, &mut terminal);
    assert_eq!(run(&mut desk.myagent(&["restart"])).0, 0, "{}", desk.logged());
    assert_eq!(conn.recv().unwrap(), [FAILURE]);
    let mut conn = ask(2, &mut terminal);
    let (status, _, err) = desk.run(&["answer", "yes", "1"]);
    assert_eq!(status, 1, "the answer to a question before the handover: {err}");
    assert_eq!(desk.run(&["answer", "yes", "2"]).0, 0);
    assert!(desk.is_signed(conn.recv()));
}
