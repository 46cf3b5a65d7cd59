//! Calls that are refused, each made so that it could do nothing: what the kernel says to it tells whether it came as
//! far as its arguments.

use nix::errno::Errno;
use std::collections::BTreeMap;

/// Says to a process of this program where to write what it met.
pub const REPORT: &str = "MYAGENT_TEST_ATTEMPTS";

/// No process, descriptor, operation or address is this.
const NONE: libc::c_long = -1;

/// By names; `mount` and their like are refused to a plain user anyway.
const CALLS: [(&str, libc::c_long); 16] = [
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("keyctl", libc::SYS_keyctl),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("mount", libc::SYS_mount),
    ("move_mount", libc::SYS_move_mount),
    ("open_tree", libc::SYS_open_tree),
    ("clock_settime", libc::SYS_clock_settime),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("io_uring_enter", libc::SYS_io_uring_enter),
];

/// Those that a plain user may make, also in a container: outside of an agent they get another answer, or the attempts
/// show nothing.
pub const TELLING: [&str; 2] = ["ptrace", "process_vm_readv"];

/// What each call says now.
pub fn attempt() -> BTreeMap<String, i32> {
    let said = CALLS.map(|(name, number)| {
        // SAFETY: no address, descriptor or process of these arguments exists.
        let result = unsafe { libc::syscall(number, NONE, NONE, NONE, NONE, NONE, NONE) };
        (name.to_owned(), if result == -1 { Errno::last_raw() } else { 0 })
    });
    said.into()
}

/// What a list says to each.
pub fn refused() -> BTreeMap<String, i32> {
    let answer = |name: &str| if name.starts_with("io_uring") { Errno::ENOSYS } else { Errno::EPERM };
    CALLS.map(|(name, _)| (name.to_owned(), answer(name) as i32)).into()
}

/// The attempts themselves, where this program was started for them.
#[test]
fn here() {
    let Ok(report) = std::env::var(REPORT) else { return };
    let text: String = attempt().iter().map(|(name, error)| format!("{name} {error}\n")).collect();
    std::fs::write(report, text).unwrap();
}

/// What another process has written.
pub fn read(text: &str) -> BTreeMap<String, i32> {
    let line = |line: &str| {
        let (name, error) = line.split_once(' ')?;
        Some((name.to_owned(), error.parse().ok()?))
    };
    text.lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
}
