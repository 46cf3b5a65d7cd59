//! `myagent guard`: whether a service manager may make the socket.

use crate::support::{Scratch, myagent, private_dir, run, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;

fn call(scratch: &Scratch, command: &str) -> Command {
    let mut call = scratch.command(myagent());
    call.arg(command);
    call
}

/// All files there are.
fn files(scratch: &Scratch) -> Vec<PathBuf> {
    fn walk(dir: &Path, all: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            }
            all.push(path);
        }
    }
    let mut all = Vec::new();
    walk(&scratch.path(""), &mut all);
    all.sort();
    all
}

/// Says yes, and makes nothing.
#[track_caller]
fn lets_pass(scratch: &Scratch) {
    let before = files(scratch);
    assert_eq!(run(&mut call(scratch, "guard")), (0, String::new(), String::new()));
    assert_eq!(files(scratch), before);
}

#[track_caller]
fn keeps_out(scratch: &Scratch, holder: &str) {
    let before = files(scratch);
    let (status, out, error) = run(&mut call(scratch, "guard"));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(error.starts_with("myagent: an agent of yours is there: "), "{error}");
    assert!(error.contains(holder) && error.contains("\nhint: "), "{error}");
    assert_eq!(files(scratch), before);
}

/// An agent at the place that it finds, with the runtime directory or without; ended when dropped.
struct Living<'a>(&'a Scratch, u32);

impl<'a> Living<'a> {
    fn new(scratch: &'a Scratch, start: &mut Command) -> Self {
        let (status, out, error) = run(start.args(["--shell", "sh"]));
        assert_eq!(status, 0, "{error}");
        let pid = out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next());
        Self(scratch, pid.expect("a pid").parse().unwrap())
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.1.try_into().unwrap()), signal);
    }
}

impl Drop for Living<'_> {
    fn drop(&mut self) {
        self.signal(nix::sys::signal::Signal::SIGKILL);
        let _ = run(&mut call(self.0, "stop"));
    }
}

#[test]
fn nobody_is_there() {
    let scratch = Scratch::new();
    lets_pass(&scratch);
    // The directory is there, the file is not.
    private_dir(&scratch.path("home/.ssh/agent"));
    lets_pass(&scratch);
    // Nor where there is no runtime directory, as at the boot.
    assert_eq!(run(call(&scratch, "guard").env_remove("XDG_RUNTIME_DIR")).0, 0);
}

#[test]
fn somebody_was_there() {
    let scratch = Scratch::new();
    let living = Living::new(&scratch, &mut call(&scratch, "start"));
    keeps_out(&scratch, &format!("pid {}, {}", living.1, scratch.path("run/myagent/agent.sock").display()));
    assert_eq!(run(&mut call(&scratch, "stop")).0, 0);
    lets_pass(&scratch);
    let killed = Living::new(&scratch, &mut call(&scratch, "start"));
    keeps_out(&scratch, &format!("pid {}", killed.1));
    killed.signal(nix::sys::signal::Signal::SIGKILL);
    // Its socket and its lock file stay.
    wait_until("it is gone", || run(&mut call(&scratch, "guard")).0 == 0);
    assert!(scratch.path("run/myagent/agent.sock").exists());
    lets_pass(&scratch);
}

/// A job that cron ran before the first login had no runtime directory: its agent is in the home directory.
#[test]
fn somebody_is_at_another_place() {
    let scratch = Scratch::new();
    private_dir(&scratch.path("home/.ssh"));
    let living = Living::new(&scratch, call(&scratch, "start").env_remove("XDG_RUNTIME_DIR"));
    keeps_out(&scratch, &format!("pid {}", living.1));
    let (_, _, error) = run(&mut call(&scratch, "guard"));
    // As root there is /run/user/0, where there is one.
    assert!(error.contains(".sock"), "{error}");
}

/// Through a restart and after it: at no moment is the lock free.
#[test]
fn somebody_is_being_restarted() {
    let rig = crate::rig::Rig::new(crate::rig::Way::Daemon);
    std::thread::scope(|scope| {
        let restarts = scope.spawn(|| (0..5).for_each(|_| rig.restarted()));
        while !restarts.is_finished() {
            assert_eq!(run(&mut rig.myagent("guard")).0, 1);
        }
        restarts.join().unwrap();
    });
    assert_eq!(run(&mut rig.myagent("guard")).0, 1);
}

/// What is no lock, and nobody can hold, keeps nothing from starting; and a fifo nobody waiting.
#[test]
fn what_is_no_lock() {
    let scratch = Scratch::new();
    private_dir(&scratch.path("home/.ssh/agent"));
    let host = myagent::platform::paths::host_hash(nix::unistd::gethostname().unwrap().as_encoded_bytes());
    let lock = scratch.path(&format!("home/.ssh/agent/myagent.{host}.lock"));
    std::fs::write(&lock, "pid 1, of an agent that is long gone\n").unwrap();
    lets_pass(&scratch);
    std::fs::remove_file(&lock).unwrap();
    nix::unistd::mkfifo(&lock, nix::sys::stat::Mode::S_IRWXU).unwrap();
    lets_pass(&scratch);
    std::fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink("/dev/null", &lock).unwrap();
    lets_pass(&scratch);
}
