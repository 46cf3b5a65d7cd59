//! Questions on terminals: one line there, and the answer by `myagent answer` anywhere.

use crate::desk::{Desk, prepared};
use crate::support::{myagent, pseudo_terminal, run, status_of, wait_until};
use crate::wire::{self, CONFIRM, Conn, SUCCESS};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};

/// A terminal as a person sees it.
pub(crate) struct Seen {
    master: File,
    pub(crate) slave: File,
    text: String,
}

impl Seen {
    pub(crate) fn new() -> Self {
        let (master, slave) = pseudo_terminal();
        let flags = nix::fcntl::OFlag::O_NONBLOCK;
        nix::fcntl::fcntl(&master, nix::fcntl::FcntlArg::F_SETFL(flags)).unwrap();
        Self { master, slave, text: String::new() }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        nix::unistd::ttyname(self.slave.as_fd()).unwrap()
    }

    /// What it shows by now.
    pub(crate) fn text(&mut self) -> &str {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = self.master.read(&mut bytes) {
            self.text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        &self.text
    }

    /// Waits until it shows this.
    #[track_caller]
    pub(crate) fn shows(&mut self, what: &str) {
        wait_until(&format!("the terminal shows {what:?}"), || self.text().contains(what));
    }
}

/// `myagent start` at a terminal, which tells the agent of it.
pub(crate) fn start_at(desk: &Desk, terminal: &Seen) {
    let before = desk.status().asking;
    let mut command = desk.myagent(&["start"]);
    command.stdin(terminal.slave.try_clone().unwrap());
    let (status, out, err) = run(&mut command);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let path = terminal.path().display().to_string();
    let named = |place: &Option<String>| place.as_ref().is_some_and(|place| place.contains(&path));
    wait_until("the agent knows the terminal", || named(&desk.status().asking.place) || named(&before.place));
}

/// A desk without a display, at a terminal.
fn at_a_terminal() -> (Desk, Seen) {
    let (desk, terminal) = (Desk::with(|_, _| {}), Seen::new());
    assert_eq!(desk.status().asking.place, None);
    start_at(&desk, &terminal);
    (desk, terminal)
}

/// Asks, and gives the question's number once it is shown.
fn ask(desk: &Desk, terminal: &mut Seen) -> (Conn, u32) {
    let before = desk.questions().last().map_or(0, |question| question.number);
    let mut conn = desk.conn();
    conn.send(&desk.request());
    wait_until("the question is open", || {
        desk.questions().last().is_some_and(|question| question.number > before && question.answerable)
    });
    let number = desk.questions().last().unwrap().number;
    terminal.shows(&format!("myagent: question {number}: Allow use of key me@desk? Key fingerprint SHA256:"));
    (conn, number)
}

#[test]
fn the_notice_is_one_line_and_answer_gives_the_answer() {
    let (desk, mut terminal) = at_a_terminal();
    let (mut conn, number) = ask(&desk, &mut terminal);
    terminal.shows("-- myagent answer\r");
    let lines = terminal.text().trim().lines().count();
    assert_eq!(lines, 1, "{:?}", terminal.text());
    // Anywhere: here without any terminal.
    let (status, out, err) = desk.run(&["answer"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("Allow use of key me@desk?\n  Key fingerprint SHA256:"), "{out}");
    assert!(out.contains(&format!("myagent answer yes {number}")), "{out}");
    assert_eq!(desk.questions().len(), 1, "to look is not to answer");
    assert_eq!(desk.run(&["answer", "yes", &number.to_string()]), (0, String::new(), String::new()));
    assert!(desk.is_signed(conn.recv()));
    let (mut conn, _) = ask(&desk, &mut terminal);
    let unnamed = desk.run(&["answer", "yes"]);
    assert!(unnamed.0 == 1 && unnamed.2.contains("a yes is for a question that it names"), "{}", unnamed.2);
    assert_eq!(desk.run(&["answer", "no"]).0, 0, "there is but one");
    assert!(!desk.is_signed(conn.recv()));
    assert_eq!(desk.asked(), [0; 0], "no program was run");
    desk.is_quiet();
}

#[test]
fn stale_numbers_and_unclear_answers_are_refused() {
    let (desk, mut terminal) = at_a_terminal();
    let (mut first, one) = ask(&desk, &mut terminal);
    assert_eq!(desk.run(&["answer", "no", &one.to_string()]).0, 0);
    assert!(!desk.is_signed(first.recv()));
    let none = desk.run(&["answer", "yes"]);
    assert_eq!((none.0, none.1.as_str()), (1, ""));
    assert!(none.2.contains("no question is open"), "{}", none.2);
    assert_eq!(desk.run(&["answer"]), (0, "no question is open\n".to_owned(), String::new()));
    let ((mut second, two), (mut third, three)) = (ask(&desk, &mut terminal), ask(&desk, &mut terminal));
    assert!(one < two && two < three);
    let stale = desk.run(&["answer", "yes", &one.to_string()]);
    assert_eq!(stale.0, 1);
    assert!(stale.2.contains(&format!("question {one} is not open")), "{}", stale.2);
    let unclear = desk.run(&["answer", "yes"]);
    assert_eq!(unclear.0, 1);
    assert!(unclear.2.contains("2 questions are open"), "{}", unclear.2);
    for wrong in [&["answer", "maybe"][..], &["answer", "yes", "x"], &["answer", "yes", "-1"]] {
        assert_eq!(desk.run(wrong).0, 2, "{wrong:?}");
    }
    assert_eq!(desk.questions().len(), 2, "both are open still");
    assert_eq!(desk.run(&["answer", "yes", &three.to_string()]).0, 0);
    assert!(desk.is_signed(third.recv()));
    assert_eq!(desk.run(&["answer", "no", &two.to_string()]).0, 0);
    assert!(!desk.is_signed(second.recv()));
}

#[test]
fn a_yes_after_a_lock_is_for_nothing() {
    let (desk, mut terminal) = at_a_terminal();
    let (mut conn, number) = ask(&desk, &mut terminal);
    let mut other = desk.conn();
    other.expect(&wire::lock(b"word"), SUCCESS);
    assert!(!desk.is_signed(conn.recv()));
    let (status, _, err) = desk.run(&["answer", "yes", &number.to_string()]);
    assert!(status == 1 && err.contains("is not open"), "{err}");
    other.expect(&wire::unlock(b"word"), SUCCESS);
    assert_eq!(desk.questions(), []);
}

/// `myagent answer` at a terminal of its own, and what a person types there.
fn typed(desk: &Desk, typed: &str) -> String {
    let mut other = Seen::new();
    let mut command = desk.myagent(&["answer"]);
    command.stdin(other.slave.try_clone().unwrap()).stdout(other.slave.try_clone().unwrap());
    let mut child: Child = command.stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    other.shows("yes or no? [no] ");
    other.master.write_all(typed.as_bytes()).unwrap();
    assert_eq!(status_of(&mut child), 0);
    other.text().to_owned()
}

#[test]
fn a_person_answers_at_any_terminal() {
    let (desk, mut terminal) = at_a_terminal();
    for (answer, yes) in
        [("yes\n", true), ("Yes \n", true), ("y\n", false), ("\n", false), ("\x04", false), ("yes!\n", false)]
    {
        let (mut conn, _) = ask(&desk, &mut terminal);
        let shown = typed(&desk, answer);
        assert!(shown.contains("Allow use of key me@desk?"), "{shown}");
        assert_eq!(desk.is_signed(conn.recv()), yes, "{answer:?}");
    }
}

/// A question that is over when the person has read it is named in the end; the others are asked all the same.
#[test]
fn one_that_is_over_does_not_hide_the_others() {
    let (desk, mut terminal) = at_a_terminal();
    let ((gone, one), (mut conn, two)) = (ask(&desk, &mut terminal), ask(&desk, &mut terminal));
    let mut other = Seen::new();
    let mut command = desk.myagent(&["answer"]);
    command.stdin(other.slave.try_clone().unwrap()).stdout(other.slave.try_clone().unwrap());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    other.shows("yes or no? [no] ");
    drop(gone);
    wait_until("it is over", || desk.questions().len() == 1);
    other.master.write_all(b"yes\nyes\n").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains(&format!("question {one} is not open")));
    assert!(other.text().contains(&format!("question {two}, ")));
    assert!(desk.is_signed(conn.recv()));
}

#[test]
fn a_comment_cannot_act_on_the_terminal() {
    let (desk, mut terminal) = at_a_terminal();
    let hostile = b"k\x1b]0;x\x07\r\nmyagent: question 9: all is well\xc2\x9b2J";
    desk.conn().expect(&wire::add_constrained(&desk.key.private, hostile, &[CONFIRM]), SUCCESS);
    let mut conn = desk.conn();
    conn.send(&desk.request());
    terminal.shows("-- myagent answer\r");
    let shown = terminal.text().trim().to_owned();
    assert!(shown.lines().count() == 1 && !shown.contains(char::is_control), "{shown:?}");
    let (_, out, _) = desk.run(&["answer"]);
    assert!(!out.contains(|c: char| c.is_control() && c != '\n'), "{out:?}");
    assert_eq!(desk.run(&["answer", "no"]).0, 0);
    assert!(!desk.is_signed(conn.recv()));
}

/// A terminal that takes nothing keeps nobody waiting.
#[test]
fn a_terminal_that_cannot_show_it_is_passed_over() {
    let (desk, first) = at_a_terminal();
    let mut second = Seen::new();
    start_at(&desk, &second);
    // Somebody has pressed Control-S at the last one.
    nix::sys::termios::tcflow(&second.slave, nix::sys::termios::FlowArg::TCOOFF).unwrap();
    let mut first = first;
    let (mut conn, number) = ask(&desk, &mut first);
    assert_eq!(desk.run(&["answer", "yes", &number.to_string()]).0, 0);
    assert!(desk.is_signed(conn.recv()));
    assert_eq!(second.text(), "");
}

/// The client's own terminal and environment are not the person's.
#[test]
fn the_one_who_asks_cannot_answer() {
    let desk = Desk::with(|_, _| {});
    let terminal = Seen::new();
    let mut command = desk.scratch.command("ssh-keygen");
    std::fs::write(desk.scratch.path("file"), "x").unwrap();
    command.args(["-Y", "sign", "-n", "test", "-f", "id.pub", "file"]);
    command.env("SSH_AUTH_SOCK", &desk.agent.socket).env("DISPLAY", ":4242");
    command.env("SSH_ASKPASS", desk.scratch.path("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
    desk.behave("exit 0");
    std::fs::remove_file(desk.scratch.path("id")).unwrap();
    let end = || terminal.slave.try_clone().unwrap();
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    assert_ne!(status_of(&mut child), 0);
    desk.logs("there is no way to ask");
}

/// What is no terminal, one that is gone, and another user's are never written to, though they were registered.
#[test]
fn only_a_terminal_of_ours_is_written_to() {
    let desk = Desk::with(|_, _| {});
    let file = desk.scratch.path("file");
    std::fs::write(&file, "").unwrap();
    let detour = format!("/dev/..{}", file.display());
    for path in ["/dev/null", "/dev/pts/99999999", &detour, file.to_str().unwrap()] {
        let surroundings = myagent::platform::display::Surroundings::default();
        let registration = myagent::control::Registration { surroundings, terminal: Some(path.into()) };
        myagent::control::tell(&desk.control(), myagent::control::Op::Register(registration));
        wait_until("it is known", || desk.status().asking.missing.iter().any(|why| why.contains(path)));
    }
    assert!(!desk.signs());
    assert_eq!(std::fs::read(&file).unwrap(), b"");
    assert!(desk.run(&["status"]).1.contains("nowhere: "));
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let terminal = Seen::new();
    start_at(&desk, &terminal);
    std::os::unix::fs::chown(terminal.path(), Some(65534), None).unwrap();
    assert!(!desk.signs());
    assert!(desk.status().asking.missing.iter().any(|why| why.ends_with("it belongs to another user")));
}

/// `start` says the same as ever, and where nobody sits it says nothing to the agent.
#[test]
fn scripts_register_nothing() {
    let desk = Desk::with(|_, _| {});
    let (status, out, _) = run(desk.myagent(&["start"]).env("DISPLAY", ":1"));
    assert_eq!(status, 0);
    assert!(out.starts_with("SSH_AUTH_SOCK="), "{out}");
    assert_eq!(desk.status().asking.place, None);
    assert!(desk.status().asking.missing.iter().any(|why| why.contains("no `myagent start`")));
}

/// A daemon that `start` forks at a terminal knows it from the beginning; the terminal does not end it.
#[test]
fn a_new_agent_knows_the_terminal_that_it_was_started_at() {
    let scratch = prepared();
    let terminal = Seen::new();
    let socket = scratch.path("run/agent.sock");
    let mut command = scratch.command(myagent());
    command.arg("start").env("MYAGENT_SOCK", &socket).stdin(terminal.slave.try_clone().unwrap());
    let (status, out, err) = run(&mut command);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let pid = out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next()).unwrap();
    let pid = Pid::from_raw(pid.parse().unwrap());
    let control = socket.with_file_name("control.sock");
    let path = terminal.path().display().to_string();
    let known = || match myagent::control::ask(&control, myagent::control::Op::Status) {
        Ok(myagent::control::Reply::Status(status)) => {
            status.asking.place.is_some_and(|place| place.contains(&path))
        }
        _ => false,
    };
    wait_until("the agent knows the terminal", known);
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("it has ended", || !socket.exists());
}
