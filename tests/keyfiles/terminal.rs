//! Passphrases at a terminal: not shown, and the terminal as it was afterwards, also after an interrupt.

use crate::desk::Desk;
use crate::support::{PATIENCE, myagent, pseudo_terminal, status_of, wait_until};
use nix::sys::termios::{InputFlags, LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::Instant;

struct Session {
    master: File,
    slave: File,
    child: Child,
    shown: String,
}

impl Session {
    /// `myagent` with this terminal as its own.
    fn start(desk: &Desk, arguments: &[&str]) -> Self {
        Self::start_at(pseudo_terminal(), desk, arguments)
    }

    fn start_at((master, slave): (File, File), desk: &Desk, arguments: &[&str]) -> Self {
        let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
        nix::fcntl::fcntl(&master, flags).unwrap();
        // Whoever runs the tests in the background has them ignore some.
        let mut command = desk.scratch.command("env");
        command
            .args(["--default-signal=HUP,INT,QUIT,TERM", "setsid", "-c", "-w"])
            .arg(myagent())
            .args(arguments)
            .env("MYAGENT_SOCK", &desk.agent.socket);
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { master, slave, child, shown: String::new() }
    }

    fn shows(&mut self, what: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = self.master.read(&mut bytes) {
                self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            if self.shown.contains(what) {
                return;
            }
            assert!(Instant::now() < end, "no {what:?} in {:?}", self.shown);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn is_silent(&self) -> bool {
        !tcgetattr(&self.slave).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// Whether it shows what is entered, in lines, and its keys send signals.
    fn is_as_it_was(&self) -> bool {
        let all = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
        tcgetattr(&self.slave).unwrap().local_flags.contains(all)
    }

    fn enters(&mut self, text: impl AsRef<[u8]>) {
        wait_until("the terminal is silent", || self.is_silent());
        self.master.write_all(text.as_ref()).unwrap();
    }

    /// `myagent` itself, below `setsid` where that had to fork.
    fn pid(&self) -> i32 {
        let parent = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        let child = children.split_whitespace().next().map(|pid| pid.parse().unwrap());
        child.unwrap_or_else(|| parent.try_into().unwrap())
    }
}

/// `myagent add` that asks for a passphrase.
fn asked(desk: &Desk) -> Session {
    let file = desk.copy("putty-ecdsa256.v3-encrypted.ppk");
    let mut session = Session::start(desk, &["add", file.to_str().unwrap()]);
    session.shows("Enter passphrase");
    session
}

#[test]
fn a_passphrase_is_asked_for_at_the_terminal_and_not_shown() {
    let desk = Desk::new();
    let file = desk.copy("putty-ecdsa256.v3-encrypted.ppk");
    let mut session = Session::start(&desk, &["add", file.to_str().unwrap()]);
    session.shows(&format!("Enter passphrase for {}: ", file.display()));
    session.enters("wrong\n");
    session.shows(&format!("Bad passphrase, try again for {}: ", file.display()));
    session.enters("correct horse\n");
    session.shows(&format!("added {}: 256 SHA256:", file.display()));
    assert_eq!(status_of(&mut session.child), 0);
    assert!(!session.shown.contains("wrong") && !session.shown.contains("horse"), "{}", session.shown);
    assert!(!session.is_silent(), "the terminal stayed silent");
    assert!(desk.asked().is_empty());
    assert_eq!(desk.held().len(), 1);
}

#[test]
fn an_interrupt_ends_it_and_leaves_the_terminal_as_it_was() {
    let desk = Desk::new();
    let mut session = asked(&desk);
    session.enters("corr\x03");
    // setsid's own way to say that its child ended by a signal.
    assert_ne!(status_of(&mut session.child), 0);
    assert!(session.is_as_it_was(), "{:?}", tcgetattr(&session.slave));
    session.shows("");
    assert!(!session.shown.contains("myagent:"), "{}", session.shown);
    assert_eq!(desk.held().len(), 0);
}

/// What holds a key or a passphrase leaves no core, and no other process of the user can read it.
#[test]
#[cfg(target_os = "linux")]
fn the_command_closes_itself_before_it_asks() {
    let desk = Desk::new();
    let mut session = asked(&desk);
    let pid = session.pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    if !nix::unistd::geteuid().is_root() {
        assert!(File::open(format!("/proc/{pid}/mem")).is_err(), "its memory can be read");
    }
    session.enters("\n");
    assert_eq!(status_of(&mut session.child), 1);
    session.shows("it needs its passphrase");
}

/// A signal ends it at once, with the terminal as it was.
#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let desk = Desk::new();
        let mut session = asked(&desk);
        wait_until("the terminal is silent", || session.is_silent());
        kill(Pid::from_raw(session.pid()), signal).unwrap();
        assert_ne!(status_of(&mut session.child), 0, "{signal}");
        assert!(session.is_as_it_was(), "{signal}: {:?}", tcgetattr(&session.slave));
    }
}

fn pseudo_terminal_of_utf8() -> (File, File) {
    let (master, slave) = pseudo_terminal();
    let mut settings = tcgetattr(&slave).unwrap();
    settings.input_flags.insert(InputFlags::IUTF8);
    tcsetattr(&slave, SetArg::TCSANOW, &settings).unwrap();
    (master, slave)
}

/// Every byte counts, as it does for ssh-add, but for the keys that the terminal itself knows.
#[test]
fn what_is_entered_is_what_is_used() {
    let desk = Desk::new();
    // As terminals set it where the locale says so.
    let mut session = Session::start_at(pseudo_terminal_of_utf8(), &desk, &["lock"]);
    for prompt in ["Enter lock password: ", "Again: "] {
        session.shows(prompt);
        // All of it taken back; a character of two bytes taken back; a blank, a tab, Latin-1, and an escape.
        session.enters(b"wrong\x15p\xc3\xa9\x7fa \t\xe9\x1b[A \n");
    }
    assert_eq!(status_of(&mut session.child), 0, "{}", session.shown);
    assert_eq!(desk.fed_bytes(&["unlock"], b"pa \t\xe9[A \n").0, 1);
    assert_eq!(desk.fed_bytes(&["unlock"], b"pa \t\xe9\x1b[A \n").0, 0);
}

/// It is no passphrase, and asked for no more.
#[test]
fn the_end_of_the_input_gives_up() {
    let desk = Desk::new();
    let mut session = asked(&desk);
    session.enters("\x04");
    session.shows("it needs its passphrase");
    assert_eq!(status_of(&mut session.child), 1);
    assert!(!session.is_silent());
}

/// The agent was restarted while a person thought: its successor gets the key.
#[test]
fn a_restart_while_it_asks_is_no_matter() {
    let desk = Desk::restartable();
    let (plain, encrypted) =
        (desk.copy("putty-rsa2048.v3.ppk"), desk.copy("putty-ecdsa256.v3-encrypted.ppk"));
    let mut session = Session::start(&desk, &["add", plain.to_str().unwrap(), encrypted.to_str().unwrap()]);
    session.shows("Enter passphrase");
    let (status, out, err) = desk.run(&["restart"]);
    assert_eq!(status, 0, "{out}{err}");
    session.enters("correct horse\n");
    session.shows(&format!("added {}: 256 SHA256:", encrypted.display()));
    assert_eq!((status_of(&mut session.child), desk.held().len()), (0, 2));
}
