//! While a question is open: nobody else waits, each question has its own answer, and there are not too many.

use crate::desk::{Desk, HANG, WAIT, foreground, prepared};
use crate::keys::Key;
use crate::support::{Agent, wait_until};
use crate::wire::{self, FAILURE, SUCCESS};

#[test]
fn other_clients_list_add_and_sign_meanwhile() {
    let desk = Desk::new();
    desk.behave(HANG);
    let (_waiting, pid) = desk.open_question();
    let key = Key::generate(&desk.scratch, "free", &["ed25519"]);
    let mut other = desk.conn();
    other.expect(&wire::add(&key.private, b"free"), SUCCESS);
    assert_eq!(other.comments(), ["me@desk", "free"]);
    wire::signature(&other.ask(&wire::sign(&key.blob, b"data", 0)).unwrap());
    assert!(crate::desk::lives(pid), "the question is still open");
    assert_eq!(desk.status().asking.open, 1);
}

#[test]
fn two_programs_at_once_have_a_question_each() {
    let desk = Desk::new();
    desk.behave(WAIT);
    let ((mut first, one), (mut second, two)) = (desk.open_question(), desk.open_question());
    assert_eq!(desk.questions().len(), 2);
    desk.answer(two, "exit 0");
    assert!(desk.is_signed(second.recv()));
    assert_eq!(desk.questions().len(), 1, "the first one's is open still");
    desk.answer(one, "exit 1");
    assert!(!desk.is_signed(first.recv()));
    // A yes serves the one request that it was given to.
    second.send(&desk.request());
    wait_until("it is asked again", || desk.asked().len() == 3);
    desk.answer(desk.asked()[2], "exit 1");
    assert!(!desk.is_signed(second.recv()));
    desk.is_quiet();
}

#[test]
fn the_ninth_question_is_refused() {
    let desk = Desk::new();
    desk.behave(WAIT);
    let open: Vec<_> = (0..8).map(|_| desk.open_question()).collect();
    desk.conn().expect(&desk.request(), FAILURE);
    assert_eq!((desk.asked().len(), desk.questions().len()), (8, 8));
    desk.logs("too many questions are open already");
    for (mut conn, pid) in open {
        desk.answer(pid, "exit 0");
        assert!(desk.is_signed(conn.recv()));
    }
    desk.behave("exit 0");
    assert!(desk.signs(), "there is room again");
    desk.is_quiet();
}

/// A host that the agent is forwarded to cannot keep others from being asked.
#[test]
fn forwarded_peers_leave_room_for_questions() {
    let desk = Desk::new();
    desk.behave(WAIT);
    let forwarded = || {
        let mut conn = desk.conn();
        // A bind that cannot be read may have said that it is one for forwarding.
        conn.ask(&wire::extension(b"session-bind@openssh.com", b"")).unwrap();
        conn
    };
    let mut open = Vec::new();
    for number in 1..=6 {
        let mut conn = forwarded();
        conn.send(&desk.request());
        wait_until("it is asked", || desk.asked().len() == number);
        open.push(conn);
    }
    forwarded().expect(&desk.request(), FAILURE);
    let (_local, _) = desk.open_question();
    forwarded().expect(&desk.request(), FAILURE);
    let (_another, _) = desk.open_question();
    assert_eq!(desk.questions().len(), 8);
}

/// However many clients there are: what is asked is shown, and can be answered.
#[test]
fn clients_leave_room_for_questions() {
    let scratch = prepared();
    let (agent, socket) = foreground(&scratch);
    let mut limited = scratch.command("sh");
    limited
        .args(["-c", "ulimit -n 200 && exec \"$@\"", "sh"])
        .arg(agent.get_program())
        .args(agent.get_args());
    limited.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
    limited.env("MYAGENT_SOCK", &socket).stderr(std::fs::File::create(scratch.path("agent.log")).unwrap());
    let desk = Desk::holding(Agent::spawn(limited, socket), scratch);
    desk.behave(HANG);
    let mut asking: Vec<_> = (0..8).map(|_| desk.conn()).collect();
    // As many as are let in, and more who wait for that.
    let _others: Vec<_> = (0..180).map(|_| desk.conn()).collect();
    wait_until("no more are let in", || {
        let before = desk.status().connections;
        (0..50).all(|_| desk.status().connections == before) && before > 50
    });
    asking.iter_mut().for_each(|conn| conn.send(&desk.request()));
    wait_until("all questions are shown", || desk.asked().len() == 16);
    assert_eq!(desk.status().asking.open, 8);
    desk.run(&["stop"]);
}

/// Requests behind the one that waits are answered after it, in their order.
#[test]
fn a_connection_goes_on_where_its_question_left_it() {
    let desk = Desk::new();
    desk.behave(WAIT);
    let (mut conn, pid) = desk.open_question();
    conn.send(&wire::list());
    desk.answer(pid, "echo yes");
    assert!(desk.is_signed(conn.recv()));
    assert_eq!(wire::identities(&conn.recv().unwrap()).len(), 1);
}

/// A dialog is answered there: `myagent answer` shows it, and answers it neither by number nor as the only one.
#[test]
fn a_dialog_is_answered_where_it_is() {
    let desk = Desk::new();
    desk.behave(WAIT);
    let (mut conn, pid) = desk.open_question();
    let number = desk.questions()[0].number.to_string();
    let (status, out, _) = desk.run(&["answer"]);
    assert!(status == 0 && out.contains("answered elsewhere: display :4242 by "), "{out}");
    let (status, _, err) = desk.run(&["answer", "yes", &number]);
    assert!(status == 1 && err.contains("is answered elsewhere"), "{err}");
    assert_eq!(desk.run(&["answer", "yes"]).0, 1);
    desk.answer(pid, "exit 1");
    assert!(!desk.is_signed(conn.recv()));
}
