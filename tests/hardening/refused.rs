//! Where the system refuses a measure the agent says so, and works.

use crate::keys::{Key, data};
use crate::modes::{Mode, Running};
use crate::person::state_of;
use crate::wire::{self, Conn, SUCCESS};
use libc::{c_int, c_long, sock_filter, sock_fprog};
use nix::errno::Errno;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A call, and the first argument that it is about; none for all of its uses.
type Call = (c_long, Option<c_int>);

/// Has these calls refused to what `command` runs, as a container or a service manager may.
pub(crate) fn refuse(command: &mut Command, calls: &[Call]) {
    let step = |code: u16, k: u32, jf: u8| sock_filter { code, jt: 0, jf, k };
    let answer = libc::SECCOMP_RET_ERRNO | (Errno::EPERM as i32).unsigned_abs();
    let mut program = Vec::new();
    for (call, first) in calls {
        let mut body: Vec<sock_filter> = Vec::new();
        if let Some(first) = first {
            body.extend([step(0x20, 16, 0), step(0x15, first.unsigned_abs(), 1)]);
        }
        body.push(step(0x06, answer, 0));
        program.push(step(0x20, 0, 0));
        program.push(step(0x15, u32::try_from(*call).unwrap(), body.len().try_into().unwrap()));
        program.extend(body);
    }
    program.push(step(0x06, libc::SECCOMP_RET_ALLOW, 0));
    let install = move || {
        nix::sys::prctl::set_no_new_privs()?;
        let loaded =
            sock_fprog { len: program.len().try_into().unwrap(), filter: program.as_ptr().cast_mut() };
        // SAFETY: the kernel reads the program, which lives as long as the closure, and keeps no pointer to it.
        let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const loaded) };
        Errno::result(set).map(drop).map_err(std::io::Error::from)
    };
    // SAFETY: between fork and exec it makes system calls alone.
    unsafe { command.pre_exec(install) };
}

/// Signs with a key of its own, also after a restart.
#[track_caller]
fn works(running: &Running) {
    let key = Key::generate(&running.person.scratch, "id", &["ed25519"]);
    let signs = || {
        let answer = Conn::open(&running.person.socket).unwrap().ask(&wire::sign(&key.blob, &data(), 0));
        assert_eq!(answer.unwrap()[0], wire::SIGNATURE);
    };
    Conn::open(&running.person.socket).unwrap().expect(&wire::add(&key.private, b"me"), SUCCESS);
    signs();
    running.person.restart();
    signs();
}

/// In an agent that these calls are refused to, these measures are refused and all others on.
#[track_caller]
fn with(calls: &[Call], expected: &[&str]) -> Running {
    let running = Running::with(Mode::Foreground, |command| refuse(command, calls));
    works(&running);
    // After a restart, too: what was refused once is no more there than before.
    let measures = running.person.measures();
    let refused: Vec<&str> =
        measures.iter().filter(|measure| measure[1] != "on").map(|measure| measure[0].as_str()).collect();
    assert_eq!(refused, expected, "{measures:?}");
    for measure in measures.iter().filter(|measure| expected.contains(&measure[0].as_str())) {
        assert_eq!((measure[1].as_str(), measure[2].is_empty()), ("refused", false), "{measure:?}");
    }
    let (_, table, _) = crate::support::run(&mut running.person.myagent(&["status"]));
    for name in expected {
        assert!(table.lines().any(|line| line.starts_with(&format!("  refused  {name}: "))), "{table}");
    }
    running
}

#[test]
fn without_what_closes_a_process() {
    let measures = [
        (libc::PR_SET_DUMPABLE, "not dumpable"),
        (libc::PR_SET_NO_NEW_PRIVS, "no new privileges"),
        (libc::PR_SET_SECCOMP, "system calls"),
    ];
    for (operation, name) in measures {
        with(&[(libc::SYS_prctl, Some(operation))], &[name]);
    }
    let all = measures.map(|(operation, _)| (libc::SYS_prctl, Some(operation)));
    with(&all, &measures.map(|(_, name)| name));
}

#[test]
fn without_limits() {
    with(&[(libc::SYS_prlimit64, None), (libc::SYS_setrlimit, None)], &["no core dumps"]);
}

/// A group of systemd 252, which units are written with, knows no seccomp(2). The agent needs none.
#[test]
fn without_seccomp_the_agent_closes_itself_all_the_same() {
    let running = with(&[(libc::SYS_seccomp, None)], &[]);
    crate::process::assert_closed(running.pid, 2);
}

/// There is another way, unless that is closed as well.
#[test]
fn without_close_range_descriptors_are_closed_one_by_one() {
    with(&[(libc::SYS_close_range, None)], &[]);
    with(&[(libc::SYS_close_range, None), (libc::SYS_getdents64, None)], &["closed descriptors"]);
}

#[test]
#[ignore = "needs root: nobody else sees the descriptors of a closed process"]
fn what_is_closed_one_by_one_is_closed() {
    let running = with(&[(libc::SYS_close_range, None)], &[]);
    let open = crate::process::assert_descriptors(running.pid);
    assert!(!open.contains(&"/dev/zero".to_owned()), "{open:?}");
}

/// What the owner has decided is off, and not refused.
#[test]
fn what_is_not_wanted_is_off() {
    let running = Running::with(Mode::Foreground, |command| {
        command.arg("--allow-remote-admin");
    });
    assert_eq!(state_of(&running.person.measures(), "forwarded peers"), "off");
}
