//! Programs that do not take over: nothing changes, and the reason is told.
//!
//! A program can be made to do anything by a copy of the shell: called as `myagent resume ...` it runs the script
//! `resume` in its directory, which is the scratch directory of a service.

use crate::keys::Key;
use crate::rig::{Rig, WAYS, Way};
use crate::support::wait_until;
use crate::wire::{SUCCESS, add, sign, signature};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An agent with a key.
pub(crate) struct Held {
    pub(crate) rig: Rig,
    pub(crate) key: Key,
}

impl Held {
    pub(crate) fn new(way: Way, options: &[&str]) -> Self {
        let rig = Rig::with(way, options, "true");
        let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
        rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
        Self { rig, key }
    }

    pub(crate) fn trusting() -> Self {
        Self::new(Way::Service, &["--trust-own-binary"])
    }

    pub(crate) fn is_well(&self) {
        let mut conn = self.rig.conn();
        assert_eq!(conn.comments(), ["mine"]);
        signature(&conn.ask(&sign(&self.key.blob, b"data", 0)).unwrap());
    }

    /// The shell in the program's place, with this for its script.
    pub(crate) fn replace_by_script(&self, script: &str) {
        std::fs::write(self.rig.scratch.path("resume"), script).unwrap();
        self.rig.replace_program(&std::fs::canonicalize("/bin/dash").unwrap());
    }

    /// A restart fails for this reason, which `status` tells as well; the agent goes on, with the connection that is
    /// open.
    #[track_caller]
    pub(crate) fn refuses(&self, reason: &str) {
        let before = self.rig.status();
        let mut open = self.rig.conn();
        let (status, out, error) = self.rig.restart();
        assert_eq!((status, out.as_str()), (1, ""), "{error}");
        assert!(error.starts_with("myagent: not restarted, the agent goes on as it is: "), "{error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(open.comments(), ["mine"], "the connection is not what it was");
        let after = self.rig.status();
        assert_eq!((after.pid, after.handovers), (before.pid, before.handovers));
        assert!(after.restart_failure.as_deref().is_some_and(|kept| kept.contains(reason)), "{after:?}");
        let (_, text, _) = crate::support::run(&mut self.rig.myagent("status"));
        assert!(text.contains(reason), "status does not tell: {text}");
        self.is_well();
        assert_eq!(children(self.rig.pid), Vec::<u32>::new(), "a program that was tried out is still there");
    }
}

/// The processes whose parent is `pid`, dead ones included.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parent = |child: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok()) == Some(pid)
    };
    pids.filter(parent).collect()
}

pub(crate) fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_missing_one() {
    for way in WAYS {
        let held = Held::new(way, &["--trust-own-binary"]);
        std::fs::remove_file(held.rig.program()).unwrap();
        held.refuses("No such file");
    }
}

#[test]
fn one_that_is_no_program() {
    let held = Held::trusting();
    mode(&held.rig.program(), 0o600);
    held.refuses("is no program");
    mode(&held.rig.program(), 0o700);
    std::fs::write(held.rig.scratch.path("text"), "only text\n").unwrap();
    mode(&held.rig.scratch.path("text"), 0o700);
    held.rig.replace_program(&held.rig.scratch.path("text"));
    held.refuses("cannot take over");
    std::fs::remove_file(held.rig.program()).unwrap();
    std::fs::create_dir(held.rig.program()).unwrap();
    held.refuses("is no program");
}

#[test]
fn one_that_crashes() {
    let held = Held::trusting();
    held.replace_by_script("kill -SEGV $$");
    held.refuses("ended without an answer");
    held.replace_by_script("exit 0");
    held.refuses("ended without an answer");
}

#[test]
fn one_that_answers_rubbish() {
    let held = Held::trusting();
    held.replace_by_script("printf 'okay \\033[31m\\001'");
    held.refuses("okay \\u{1b}[31m\\u{1}");
    // Without end, and without a line's end.
    held.replace_by_script("while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done");
    held.refuses("xxxxxxxx");
}

#[test]
fn one_that_cannot_read_the_state() {
    let held = Held::trusting();
    held.replace_by_script("echo 'the state is of another format'");
    held.refuses("the state is of another format");
}

/// Clients are served all the while, and it is gone afterwards.
#[test]
fn one_that_hangs() {
    let held = Held::trusting();
    held.replace_by_script("echo $$ >tried; exec sleep 600");
    let tried = held.rig.scratch.path("tried");
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| held.rig.restart());
        wait_until("it is tried out", || tried.exists());
        while !restart.is_finished() {
            held.is_well();
        }
    });
    held.refuses("did not read the state in time");
}

/// One that says too little, too slowly, has no more time.
#[test]
fn one_that_answers_byte_by_byte() {
    let held = Held::trusting();
    held.replace_by_script("while :; do printf x; sleep 0.2; done");
    held.refuses("did not read the state in time");
}

/// What it has started goes with it: nobody is left with the descriptors.
#[test]
fn one_that_leaves_a_child_behind() {
    let mut held = Held::trusting();
    held.replace_by_script("sleep 600 & echo $! >left; echo no");
    held.refuses("no");
    held.rig.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(held.rig.ends(), 0);
    held.rig.left_nothing();
}

/// The agent ends in the middle of a trial: the program that is tried out does not outlive it, with all that it has.
#[test]
fn one_that_hangs_when_the_agent_ends() {
    for signal in [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGKILL] {
        let mut held = Held::trusting();
        held.replace_by_script("echo $$ >tried; exec sleep 600");
        held.rig.signal(nix::sys::signal::Signal::SIGHUP);
        let tried = held.rig.scratch.path("tried");
        wait_until("it is tried out", || {
            std::fs::read_to_string(&tried).is_ok_and(|pid| pid.ends_with('\n'))
        });
        let pid: u32 = std::fs::read_to_string(&tried).unwrap().trim().parse().unwrap();
        held.rig.signal(signal);
        held.rig.ends();
        wait_until("it has ended", || !myagent::platform::process::exists(pid));
        let lock = held.rig.scratch.path("run/agent.sock.lock");
        assert!(myagent::platform::lock::InstanceLock::is_free(&lock), "it holds the agent's lock");
    }
}

#[test]
fn one_of_the_users_own_without_leave() {
    for way in WAYS {
        let held = Held::new(way, &[]);
        // It is root's where root runs this, and still in a directory that others can change.
        held.refuses("can be changed by others than root alone");
        let (_, _, error) = held.rig.restart();
        assert!(error.contains("--trust-own-binary"), "{error}");
        held.rig.signal(nix::sys::signal::Signal::SIGHUP);
        held.rig.wait_logged("not restarted: ");
        held.is_well();
        assert_eq!(held.rig.status().handovers, 0);
    }
}

#[test]
fn one_that_others_can_write() {
    let held = Held::trusting();
    for (path, bad, good) in
        [("bin/myagent", 0o720, 0o700), ("bin/myagent", 0o702, 0o700), ("bin", 0o770, 0o700)]
    {
        mode(&held.rig.scratch.path(path), bad);
        held.refuses("can be changed by others than root or you");
        mode(&held.rig.scratch.path(path), good);
    }
    held.rig.restarted();
    held.is_well();
}
