//! The calls that nobody needs are refused to the agent and to what it runs, for as long as its process lives.

use crate::attempts::{REPORT, TELLING, attempt, read, refused};
use crate::keys::{Key, data};
use crate::modes::{Mode, Running};
use crate::person::give_files;
use crate::process::{assert_closed, field, layers};
use crate::support::run;
use crate::wire::{self, Conn, SUCCESS};
use std::collections::BTreeMap;
use std::process::Command;

/// A program in the place of one that asks: it tries the calls, and consents. What its process is it tells too.
fn askpass(running: &Command) -> std::path::PathBuf {
    let scratch = running.get_current_dir().unwrap();
    let (program, script) = (scratch.join("attempts"), scratch.join("askpass"));
    let own = std::env::current_exe().unwrap();
    assert_eq!(run(Command::new("cp").arg(own).arg(&program)).0, 0);
    let text = format!(
        "#!/bin/sh\ncat /proc/self/status >\"${{0%/*}}/status\"\n{REPORT}=\"${{0%/*}}/report\" \
         \"${{0%/*}}/attempts\" --exact attempts::here >/dev/null 2>&1\n"
    );
    std::fs::write(scratch.join("script"), text).unwrap();
    assert_eq!(
        run(Command::new("install").args(["-m", "755"]).arg(scratch.join("script")).arg(&script)).0,
        0
    );
    give_files(scratch);
    script
}

/// What a program met that the agent ran.
fn met(running: &Running, key: &Key) -> BTreeMap<String, i32> {
    let report = running.person.scratch.path("report");
    let _ = std::fs::remove_file(&report);
    let mut conn = Conn::open(&running.person.socket).unwrap();
    let signed = conn.ask(&wire::sign(&key.blob, &data(), 0)).unwrap();
    assert_eq!(signed[0], wire::SIGNATURE, "the program did not end well");
    read(&std::fs::read_to_string(report).unwrap())
}

#[test]
fn what_nobody_needs_is_refused_also_after_restarts() {
    let outside = attempt();
    for name in TELLING {
        assert_ne!(outside[name], refused()[name], "{name} is refused to this test already");
    }
    for mode in [Mode::Daemon, Mode::Service] {
        let running = Running::with(mode, |command| {
            let program = askpass(command);
            command.env("DISPLAY", ":4242").env("SSH_ASKPASS", program);
        });
        let key = Key::generate(&running.person.scratch, "id", &["ed25519"]);
        let add = wire::add_constrained(&key.private, b"me", &[wire::CONFIRM]);
        Conn::open(&running.person.socket).unwrap().expect(&add, SUCCESS);
        assert_eq!(met(&running, &key), refused(), "{mode:?}");
        for _ in 0..3 {
            running.person.restart();
            assert_eq!(met(&running, &key), refused(), "{mode:?}, after a restart");
        }
        assert_closed(running.pid, 1);
    }
}

/// It has what any program expects but for the refused calls.
#[test]
fn what_asks_is_a_program_like_any_other() {
    let running = Running::with(Mode::Daemon, |command| {
        let program = askpass(command);
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", program);
    });
    let key = Key::generate(&running.person.scratch, "id", &["ed25519"]);
    let add = wire::add_constrained(&key.private, b"me", &[wire::CONFIRM]);
    Conn::open(&running.person.socket).unwrap().expect(&add, SUCCESS);
    met(&running, &key);
    let status = std::fs::read_to_string(running.person.scratch.path("status")).unwrap();
    let said = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    };
    for name in ["SigBlk", "SigIgn", "SigPnd"] {
        // The C library ignores its own one, 32, in whatever it spawns.
        assert_eq!(u64::from_str_radix(&said(name), 16).unwrap() & 0x7fff_ffff, 0, "{name}");
    }
    assert_eq!(said("NoNewPrivs"), "1", "it gains nothing that the agent has not");
    assert_eq!(said("Seccomp_filters"), (layers("self") + 1).to_string(), "the agent's list, and no more");
    assert_eq!(said("Umask"), field(running.pid, "Umask"));
}
