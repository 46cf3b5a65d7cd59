//! Another process of the same user gets at nothing of an agent, whatever its mode: only root could.

use crate::modes::{MODES, Mode, Running};
use crate::person::{Person, give, give_files};
use crate::support::run;
use nix::errno::Errno;
use std::fs::File;
use std::process::{Child, Command, Stdio};

/// Says to a process of this program whom to look into.
const VICTIM: &str = "MYAGENT_TEST_VICTIM";

/// What opens where it may not.
const WAYS: [&str; 7] = ["mem", "ptrace", "process_vm_readv", "pidfd_getfd", "environ", "maps", "fd/0"];
/// Where the kernel lets only parents trace (Yama), these are open still.
const ALWAYS_OPEN: [&str; 3] = ["environ", "maps", "fd/0"];

fn opens(way: &str, pid: libc::pid_t) -> bool {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    let path = format!("/proc/{pid}/{way}");
    match way {
        "ptrace" => {
            // SAFETY: neither address is looked at.
            let attached = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) };
            attached == 0
        }
        "process_vm_readv" => {
            let mut byte = [0_u8; 1];
            let local = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
            let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(4096), iov_len: 1 };
            // SAFETY: one byte of ours may be written; the other address is the other process's.
            let got = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
            // Nothing need be there; whoever may not look hears something else.
            got == 1 || Errno::last() == Errno::EFAULT
        }
        "pidfd_getfd" => {
            // SAFETY: a system call without pointers.
            let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
            // SAFETY: a system call without pointers.
            process >= 0 && unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, 0, 0) } >= 0
        }
        "fd/0" => std::fs::read_link(path).is_ok(),
        "mem" => File::open(path).is_ok(),
        _ => std::fs::read(path).is_ok(),
    }
}

/// The other process, where this program was started as one.
#[test]
fn looks() {
    let Ok(victim) = std::env::var(VICTIM) else { return };
    let pid = victim.parse().unwrap();
    for way in WAYS.into_iter().filter(|way| opens(way, pid)) {
        println!("\nopen: {way}");
    }
    println!("\nlooked");
}

/// What another process of the user gets into.
fn open(person: &Person, pid: u32) -> Vec<String> {
    let mut look = person.command(person.scratch.path("other"));
    look.args(["--exact", "others::looks", "--nocapture"]).env(VICTIM, pid.to_string());
    let (status, out, error) = run(&mut look);
    assert!(status == 0 && out.lines().any(|line| line == "looked"), "{out}{error}");
    out.lines().filter_map(|line| Some(line.strip_prefix("open: ")?.to_owned())).collect()
}

fn prepare(person: &Person) {
    let copied =
        run(Command::new("cp").arg(std::env::current_exe().unwrap()).arg(person.scratch.path("other")));
    assert_eq!(copied.0, 0, "{}", copied.2);
    give_files(&person.scratch.path(""));
}

fn control() -> Child {
    let mut control = Command::new("cat");
    give(control.stdin(Stdio::piped()).stdout(Stdio::null()));
    control.spawn().unwrap()
}

#[test]
fn no_other_process_of_the_user_looks_into_an_agent() {
    for mode in MODES {
        let running = Running::new(mode);
        prepare(&running.person);
        assert_eq!(open(&running.person, running.pid), [""; 0], "{mode:?}");
        if mode == Mode::Daemon {
            running.person.restart();
            assert_eq!(open(&running.person, running.pid), [""; 0], "after a restart");
            // Into one that is not closed it does look.
            let mut control = control();
            let found = open(&running.person, control.id());
            let parents_alone = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
                .is_ok_and(|scope| scope.trim() != "0");
            let expected = if parents_alone { &ALWAYS_OPEN[..] } else { &WAYS };
            assert!(expected.iter().all(|way| found.iter().any(|open| open == way)), "{found:?}");
            control.kill().unwrap();
            control.wait().unwrap();
        }
    }
}
