//! What the kernel says of a process.

use crate::person::user;
use nix::unistd::geteuid;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// `O_CLOEXEC`, as fdinfo shows it.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

/// One field of /proc/PID/status.
#[track_caller]
pub fn field(pid: impl std::fmt::Display, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

/// How many lists of system calls are in force.
pub fn layers(pid: impl std::fmt::Display) -> u32 {
    field(pid, "Seccomp_filters").parse().unwrap()
}

/// Its memory is nobody's but root's.
pub fn is_dumpable(pid: u32) -> bool {
    let owner = fs::metadata(format!("/proc/{pid}/mem")).unwrap().uid();
    assert!(owner == 0 || owner == user().as_raw(), "of another user: {owner}");
    owner != 0
}

/// What holds in every mode; `layers` are those above this test's own.
#[track_caller]
pub fn assert_closed(pid: u32, above: u32) {
    assert!(!is_dumpable(pid), "it is dumpable");
    assert_eq!(field(pid, "NoNewPrivs"), "1");
    assert_eq!((field(pid, "Seccomp").as_str(), layers(pid)), ("2", layers("self") + above), "system calls");
    assert_eq!(field(pid, "Umask"), "0077");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "core limit");
    let secret = ["mem", "maps", "environ", "auxv"].map(|name| format!("/proc/{pid}/{name}"));
    if !geteuid().is_root() {
        for name in secret {
            assert!(fs::File::open(&name).is_err() || fs::read(&name).is_err(), "{name} can be read");
        }
    }
}

/// What each descriptor is, above standard error; none may go to a program that is executed. Root alone can look.
#[track_caller]
pub fn assert_descriptors(pid: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let number: u32 = entry.unwrap().file_name().to_str().unwrap().parse().unwrap();
        // One that was closed meanwhile is no fault.
        let (Ok(info), Ok(what)) = (
            fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")),
            fs::read_link(format!("/proc/{pid}/fd/{number}")),
        ) else {
            continue;
        };
        if number <= 2 {
            continue;
        }
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        let flags = u32::from_str_radix(flags, 8).unwrap();
        assert!(flags & CLOSE_ON_EXEC != 0, "descriptor {number} ({}) is inherited", what.display());
        found.push(what.display().to_string());
    }
    assert!(!found.is_empty(), "no descriptors at all");
    found
}
