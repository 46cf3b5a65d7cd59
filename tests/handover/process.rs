//! The process after restarts: closed as before, with no descriptor too many, and found under its name.

use crate::rig::{Rig, WAYS, Way};
use crate::support::wait_until;
use std::fs;

/// One field of /proc/PID/status.
fn field(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

/// What another process can see of it, without rights; without what differs between two moments.
fn seen(pid: u32) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let fields = ["Name", "Umask", "NoNewPrivs", "SigBlk", "SigIgn", "SigCgt", "CapPrm", "PPid", "Threads"];
    fields.iter().map(|name| format!("{name} {}", field(pid, name))).chain([limits]).collect()
}

#[test]
fn it_stays_closed_and_keeps_its_name() {
    for way in WAYS {
        let rig = Rig::new(way);
        rig.restarted();
        rig.conn().comments();
        let mut before = Vec::new();
        // The runtime starts its threads one by one.
        wait_until("all threads are there", || {
            let now = seen(rig.pid);
            std::mem::replace(&mut before, now.clone()) == now
        });
        assert_eq!(field(rig.pid, "Name"), "myagent");
        assert_eq!(field(rig.pid, "Umask"), "0077");
        assert_eq!(field(rig.pid, "NoNewPrivs"), "1");
        for _ in 0..5 {
            rig.restarted();
        }
        rig.conn().comments();
        wait_until("it is as it was", || seen(rig.pid) == before);
        let core =
            before.last().unwrap().lines().find(|line| line.starts_with("Max core")).unwrap().to_owned();
        assert!(core.split_whitespace().skip(4).take(2).eq(["0", "0"]), "{core}");
        if !nix::unistd::geteuid().is_root() {
            assert!(fs::read_dir(format!("/proc/{}/fd", rig.pid)).is_err(), "it can be looked into");
            assert!(fs::File::open(format!("/proc/{}/mem", rig.pid)).is_err(), "its memory can be read");
        }
    }
}

/// What lies open after one restart lies open after ten. A plain user may not count, but a limit counts as well:
/// each restart needs some, so that it ends here if they add up.
#[test]
fn no_descriptor_too_many() {
    let rig = Rig::with(Way::Daemon, &["--trust-own-binary"], "ulimit -n 40");
    let count = || fs::read_dir(format!("/proc/{}/fd", rig.pid)).map(Iterator::count).ok();
    rig.restarted();
    let mut first = None;
    wait_until("the connection is closed", || {
        let now = count();
        std::mem::replace(&mut first, now) == now
    });
    for _ in 0..30 {
        rig.restarted();
    }
    // On a busy machine two looks may both have come before that connection was closed: fewer are no leak.
    wait_until("there are no more than before", || count() <= first);
    assert_eq!(rig.status().handovers, 31);
}

/// Every client's place taken: a restart has descriptors of its own.
#[test]
fn a_restart_when_descriptors_are_used_up() {
    let rig = Rig::with(Way::Service, &["--trust-own-binary"], "ulimit -n 160");
    let all: Vec<_> = (0..60).map(|_| rig.conn()).collect();
    wait_until("they are in", || rig.status().connections >= 32);
    rig.restarted();
    drop(all);
    assert!(rig.conn().comments().is_empty());
}

/// The environment reaches the next program but for what would change what it does.
#[test]
fn what_the_loader_acts_upon_is_left_behind() {
    let rig = Rig::with(
        Way::Service,
        &["--trust-own-binary"],
        "export LD_DEBUG_OUTPUT=x GLIBC_TUNABLES=glibc.malloc.check=0 LISTEN_FDS=0 LISTEN_PID=1 KEPT='a b=c'",
    );
    let environment = || fs::read(format!("/proc/{}/environ", rig.pid)).unwrap_or_default();
    let has = |bytes: &[u8], words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    if !nix::unistd::geteuid().is_root() {
        // Nobody else may look; root's run does.
        return rig.restarted();
    }
    assert!(has(&environment(), b"LD_DEBUG_OUTPUT="));
    rig.restarted();
    let after = environment();
    assert!(has(&after, b"\0KEPT=a b=c\0"));
    for gone in [&b"LD_"[..], b"GLIBC_", b"LISTEN_"] {
        assert!(!has(&after, gone), "{}", String::from_utf8_lossy(gone));
    }
}

/// The trial sees nothing of it but half of a key, and gets no descriptor but those that it is told.
#[test]
fn what_is_tried_out_gets_what_it_needs() {
    let rig = Rig::new(Way::Service);
    let open = rig.conn();
    // By the shell alone: no other program may look, except root's.
    let script = "export -p >env; echo $* >arguments
        for fd in /proc/self/fd/*; do [ ! -L $fd ] || echo ${fd##*/}; done >fds; echo no";
    fs::write(rig.scratch.path("resume"), script).unwrap();
    rig.replace_program(&fs::canonicalize("/bin/dash").unwrap());
    assert_eq!(rig.restart().0, 1);
    let read = |name: &str| fs::read_to_string(rig.scratch.path(name)).unwrap();
    let environment = read("env");
    let known =
        |set: &str| ["export PWD=", "export MYAGENT_PASSAGE="].iter().any(|known| set.starts_with(known));
    assert!(environment.lines().all(known), "{environment}");
    let arguments = read("arguments");
    let numbers: Vec<&str> = arguments.trim().strip_prefix("--check ").unwrap().split(',').collect();
    assert_eq!(numbers.len(), 5);
    let fds = read("fds");
    // The shell's own: the script that it reads, and its output while that goes elsewhere.
    let own = ["0", "1", "2", "10", "11"];
    let there: Vec<&str> = fds.lines().filter(|fd| !own.contains(fd) || numbers.contains(fd)).collect();
    assert_eq!(there.len(), numbers.len(), "{there:?}, {numbers:?}");
    assert!(numbers.iter().all(|number| there.contains(number)), "{numbers:?} of {there:?}");
    drop(open);
}
