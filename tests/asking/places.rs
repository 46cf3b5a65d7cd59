//! Where a question is shown: the order of places, and why there is none.

use crate::desk::{Desk, script};
use crate::support::{Agent, private_dir};
use crate::terminal::{Seen, start_at};
use crate::wire::FAILURE;
use myagent::control::{Op, Registration, tell};
use myagent::platform::display::Surroundings;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;

/// The place in force, as `status` has it.
fn place(desk: &Desk) -> String {
    desk.status().asking.place.unwrap_or_else(|| panic!("nowhere: {:?}", desk.status().asking.missing))
}

/// A manager of the user that says this of the environment.
fn manager(scratch: &crate::support::Scratch, says: &str) {
    private_dir(&scratch.path("run/systemd"));
    private_dir(&scratch.path("bin"));
    std::fs::write(scratch.path("run/systemd/private"), "").unwrap();
    script(scratch, &scratch.path("bin/systemctl"), &format!("#!/bin/sh\n{says}\n"));
}

fn with_bin(command: &mut std::process::Command, scratch: &crate::support::Scratch) {
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", scratch.path("bin").display()));
}

#[test]
fn the_agent_s_own_display_comes_first() {
    let desk = Desk::with(|command, scratch| {
        manager(scratch, "echo DISPLAY=:7; echo SSH_ASKPASS=/bin/false");
        with_bin(command, scratch);
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
    });
    let own = format!("display :4242 by {}", desk.scratch.path("askpass").display());
    assert_eq!(place(&desk), own);
    let (_, out, _) = desk.run(&["status"]);
    assert!(out.contains(&format!("asking       {own}\n")), "{out}");
    let (_, json, _) = desk.run(&["status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["asking"]["place"], own);
}

#[test]
fn the_session_that_the_manager_knows_comes_next() {
    let desk = Desk::with(|command, scratch| {
        let askpass = scratch.path("askpass").display().to_string();
        let says = format!(
            "[ \"$*\" = '--user show-environment' ] || exit 1\n[ \"$XDG_RUNTIME_DIR\" = '{}' ] || exit 1\n\
             echo HOME=/nowhere; echo DISPLAY=:7; echo XAUTHORITY=/x; echo SSH_ASKPASS={askpass}; echo LD_PRELOAD=/x",
            scratch.runtime().display()
        );
        manager(scratch, &says);
        with_bin(command, scratch);
        command.env("XAUTHORITY", "/not/of/that/session").env("QT_QPA_PLATFORM", "wayland");
    });
    assert!(place(&desk).starts_with("display :7 by "), "{}", place(&desk));
    desk.behave("env >\"$d/env\"; exit 0");
    assert!(desk.signs());
    let environment = std::fs::read_to_string(desk.scratch.path("env")).unwrap();
    let has = |line: &str| environment.lines().any(|set| set == line);
    assert!(has("DISPLAY=:7") && has("XAUTHORITY=/x"), "{environment}");
    for name in ["QT_QPA_PLATFORM=", "WAYLAND_DISPLAY=", "LD_PRELOAD=", "HOME=/nowhere"] {
        assert!(!environment.lines().any(|set| set.starts_with(name)), "{name}: {environment}");
    }
}

#[test]
fn a_manager_that_does_not_answer_keeps_nobody_waiting_for_long() {
    let desk = Desk::with(|command, scratch| {
        manager(scratch, "echo $$ >>\"${0%/*}/../asked\"; sleep 1000 & echo $! >>\"${0%/*}/../asked\"; wait");
        with_bin(command, scratch);
    });
    let mut waiting = desk.conn();
    waiting.send(&desk.request());
    assert_eq!(desk.conn().comments(), ["me@desk"], "nobody else waits");
    assert_eq!(waiting.recv().unwrap(), [FAILURE]);
    desk.logs("did not answer in time");
    desk.is_quiet();
}

#[test]
fn the_last_start_s_display_is_taken_and_then_its_terminal() {
    let desk = Desk::with(|_, _| {});
    let mut terminal = Seen::new();
    start_at(&desk, &terminal);
    // Somebody serves this display.
    let served = desk.scratch.path("run/wayland-7");
    let display = UnixListener::bind(&served).unwrap();
    let variables = [
        ("WAYLAND_DISPLAY", "wayland-7".to_owned()),
        ("XDG_RUNTIME_DIR", desk.scratch.runtime().display().to_string()),
        ("SSH_ASKPASS", desk.scratch.path("askpass").display().to_string()),
    ];
    let surroundings = Surroundings::of(variables.map(|(name, value)| (name.to_owned(), value)));
    let registration = Registration { surroundings, terminal: Some(terminal.path()) };
    tell(&desk.control(), Op::Register(registration));
    crate::support::wait_until("it is known", || place(&desk).starts_with("display wayland-7 by "));
    desk.behave("exit 0");
    assert!(desk.signs());
    assert_eq!(terminal.text(), "");
    // The session is over: the terminal is what is left, and the agent is still there.
    drop(display);
    std::fs::remove_file(served).unwrap();
    assert!(place(&desk).starts_with("terminal /dev/pts/"), "{}", place(&desk));
}

/// The socket of a session that is over is anybody's to take: who has it does not answer for the person.
#[test]
fn a_display_that_another_user_serves_is_not_asked_at() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let display = |command: &mut std::process::Command, scratch: &crate::support::Scratch| {
        command
            .env("WAYLAND_DISPLAY", scratch.path("open/wayland"))
            .env("SSH_ASKPASS", scratch.path("askpass"));
    };
    let desk = Desk::with(display);
    desk.behave("exit 0");
    let open = desk.scratch.path("open");
    private_dir(&open);
    std::os::unix::fs::chown(&open, Some(65534), Some(65534)).unwrap();
    std::fs::set_permissions(desk.scratch.path(""), std::fs::Permissions::from_mode(0o711)).unwrap();
    // Any program that makes a socket: what it says there is another matter.
    let mut server = desk.scratch.command("ssh-agent");
    server.arg("-D").arg("-a").arg(open.join("wayland")).uid(65534).gid(65534);
    let _server = Agent::spawn(server, open.join("wayland"));
    assert!(!desk.signs());
    assert_eq!(desk.asked(), [0; 0]);
    desk.logs("it belongs to uid 65534");
}

#[test]
fn openssh_s_words_for_never_and_force() {
    let never = Desk::with(|command, scratch| {
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
        command.env("SSH_ASKPASS_REQUIRE", "never");
    });
    never.behave("exit 0");
    assert!(!never.signs());
    never.logs("SSH_ASKPASS_REQUIRE=never");
    let force = Desk::with(|command, scratch| {
        command.env("SSH_ASKPASS", scratch.path("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
    });
    force.behave("exit 0");
    assert!(force.signs());
    let unset = Desk::with(|command, scratch| {
        command.env("SSH_ASKPASS", scratch.path("askpass")).env("SSH_ASKPASS_REQUIRE", "prefer");
    });
    unset.behave("exit 0");
    assert!(!unset.signs(), "without a display");
}

/// No way to ask is no, and it is said why and what to do.
#[test]
fn nowhere_is_explained() {
    let desk = Desk::with(|_, _| {});
    assert!(!desk.signs());
    let (_, status, _) = desk.run(&["status"]);
    for part in [
        "nowhere: ",
        "the agent has no display of its own",
        "no `myagent start` was called at a terminal",
        "there is no way to ask",
        "call `myagent start` in a terminal of yours",
    ] {
        assert!(status.contains(part), "{part}: {status}");
    }
    desk.logs("there is no way to ask: the agent has no display of its own");
    let desk = Desk::with(|command, _| {
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", "/nowhere/askpass");
    });
    assert!(!desk.signs());
    desk.logs("SSH_ASKPASS=/nowhere/askpass is no program that can be run");
    let desk = Desk::new();
    for (script, why) in [
        ("exit 7", "the askpass program ended with status 7"),
        ("kill -9 $$", "the askpass program ended with signal 9"),
        ("echo 'cannot open display' >&2; exit 1", "with status 1 (cannot open display)"),
        ("printf 'a\\033[2Jb' >&2; exit 1", "(a\\u{1b}[2Jb)"),
    ] {
        desk.behave(script);
        assert!(!desk.signs());
        let failure = desk.status().asking.last_failure.unwrap();
        assert!(failure.contains(why), "{failure}");
        desk.logs(why);
    }
}

/// A program that cannot be executed, though it looks as if it could.
#[test]
fn a_program_of_no_known_format_is_no_way() {
    let desk = Desk::with(|command, scratch| {
        script(scratch, &scratch.path("broken"), "#!/nowhere/interpreter\n");
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("broken"));
    });
    assert!(!desk.signs());
    desk.logs("there is no way to ask: ");
}
