//! A Linux in which `myagent.exe` is on the path, and the Windows that it leads to.

use crate::support::{Scratch, myagent, private_dir, run, wait_until};
use crate::wire::Conn;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both systems, and what runs there, ended with the test.
pub(crate) struct World {
    pub(crate) linux: Scratch,
    pub(crate) windows: Scratch,
    /// The agent's place in Linux.
    pub(crate) socket: PathBuf,
}

/// Is called, does what the test says, and else is the program in Windows. Its number stays the same.
const STAND_IN: &str = r#"#!/bin/sh
echo "$$ $*" >> 'WINDOWS/calls'
. 'WINDOWS/behaviour'
unset WSL_INTEROP WSL_DISTRO_NAME
PATH=/usr/bin:/bin HOME='WINDOWS/home' XDG_RUNTIME_DIR='WINDOWS/run' MYAGENT_SOCK='WINDOWS/run/agent.sock'
export PATH HOME XDG_RUNTIME_DIR MYAGENT_SOCK
exec 'PROGRAM' "$@"
"#;

impl World {
    pub(crate) fn new() -> Self {
        let (linux, windows) = (Scratch::new(), Scratch::new());
        private_dir(&linux.path("run/myagent"));
        private_dir(&windows.path("bin"));
        let socket = linux.path("run/myagent/agent.sock");
        let world = Self { linux, windows, socket };
        world.behaves("");
        let script =
            STAND_IN.replace("WINDOWS", world.windows.path("").to_str().unwrap().trim_end_matches('/'));
        let script = script.replace("PROGRAM", myagent().to_str().unwrap());
        // By a program: nothing can be run that another test's child has open for writing.
        let mut write = world.windows.command("sh");
        write.args(["-c", r#"printf %s "$1" > "$0" && chmod 755 "$0""#]);
        assert_eq!(run(write.arg(world.windows.path("bin/myagent.exe")).arg(script)).0, 0);
        world
    }

    /// What `myagent.exe` does before anything else, in shell, from now on.
    pub(crate) fn behaves(&self, script: &str) {
        let (new, path) = (self.windows.path("behaviour.new"), self.windows.path("behaviour"));
        std::fs::write(&new, script).and_then(|()| std::fs::rename(new, path)).unwrap();
    }

    /// The same, but only for `relay` without more.
    pub(crate) fn relays(&self, script: &str) {
        self.behaves(&format!("if [ \"$*\" = relay ]; then {script}; fi"));
    }

    /// The program in Linux, in a shell that WSL has started.
    pub(crate) fn myagent(&self, arguments: &[&str]) -> Command {
        let mut command = self.outside(arguments);
        command.env("WSL_INTEROP", "/run/WSL/0_interop").env("WSL_DISTRO_NAME", "Debian");
        command
    }

    /// The same without the variables of WSL.
    pub(crate) fn outside(&self, arguments: &[&str]) -> Command {
        let mut command = self.linux.command(myagent());
        let path = format!("{}:/usr/bin:/bin", self.windows.path("bin").display());
        command.args(arguments).env("PATH", path).env("MYAGENT_SOCK", &self.socket);
        command
    }

    /// The program in Windows.
    pub(crate) fn in_windows(&self, arguments: &[&str]) -> Command {
        let mut command = self.windows.command(myagent());
        command.args(arguments).env("MYAGENT_SOCK", self.windows.path("run/agent.sock"));
        command
    }

    /// Starts the relay, which must be new, and gives its pid.
    pub(crate) fn start(&self) -> u32 {
        let (status, out, err) = run(&mut self.myagent(&["start", "--shell", "sh"]));
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        assert_eq!(socket_in(&out), Some(self.socket.as_path()));
        pid_in(&out).unwrap_or_else(|| panic!("nothing was started: {out}"))
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::open(&self.socket).expect("the relay takes a connection")
    }

    pub(crate) fn ssh_add(&self, arguments: &[&str]) -> Command {
        let mut command = self.linux.command("ssh-add");
        command.args(arguments).env("SSH_AUTH_SOCK", &self.socket);
        command
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        let (_, out, err) = run(&mut self.myagent(&["status", "--json"]));
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.socket.with_file_name("agent.log")).unwrap_or_default()
    }

    /// The processes of `myagent.exe` so far: their numbers, and with which arguments.
    pub(crate) fn calls(&self) -> Vec<(u32, String)> {
        let calls = std::fs::read_to_string(self.windows.path("calls")).unwrap_or_default();
        let call = |line: &str| {
            let (pid, arguments) = line.split_once(' ').unwrap();
            (pid.parse().unwrap(), arguments.to_owned())
        };
        calls.lines().map(call).collect()
    }

    /// How many of those that pass messages on are there now.
    pub(crate) fn children(&self) -> usize {
        self.calls().iter().filter(|(pid, arguments)| arguments == "relay" && lives(*pid)).count()
    }

    pub(crate) fn wait_for_children(&self, count: usize) {
        wait_until(&format!("there are {count} children"), || self.children() == count);
    }

    /// Nothing of the relay is there any more: no process, no socket.
    pub(crate) fn nothing_is_left(&self, relay: u32) {
        wait_until("the relay has ended", || !lives(relay));
        self.wait_for_children(0);
        let left = std::fs::read_dir(self.socket.parent().unwrap()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let sockets: Vec<_> = left.iter().filter(|name| name.ends_with(".sock")).collect();
        assert!(sockets.is_empty(), "{sockets:?}");
    }
}

#[cfg(target_os = "linux")]
pub(crate) use held::Held;

#[cfg(target_os = "linux")]
mod held {
    use super::{World, wait_until};
    use std::os::fd::AsRawFd;

    /// `myagent.exe`, held so that the system does not come back from starting it, as where Windows' drives give no answer;
    /// until this is dropped, or for as long as the kernel lets a lease (fcntl(2)) stand in the way, 45 seconds.
    pub(crate) struct Held(std::fs::File);

    /// As in the kernel's asm-generic/fcntl.h; the crate does not have it.
    const F_SETSIG: i32 = 10;

    impl Held {
        pub(crate) fn new(world: &World) -> Self {
            let held = Self(
                std::fs::File::options().write(true).open(world.windows.path("bin/myagent.exe")).unwrap(),
            );
            // The one that is sent by default would end the test; this one means nothing to it.
            assert_eq!(held.ask(F_SETSIG, libc::SIGURG), 0, "{}", std::io::Error::last_os_error());
            // Refused while it is open elsewhere, as in a process that is just being started.
            wait_until("it is held", || held.ask(libc::F_SETLEASE, libc::F_WRLCK) == 0);
            held
        }

        /// Somebody waits for it.
        pub(crate) fn is_wanted(&self) -> bool {
            self.ask(libc::F_GETLEASE, 0) == libc::F_RDLCK
        }

        fn ask(&self, what: i32, value: i32) -> i32 {
            // SAFETY: the descriptor is open, and these commands take a number and no pointer.
            unsafe { libc::fcntl(self.0.as_raw_fd(), what, value) }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.behaves("");
        let _ = self.myagent(&["stop"]).output();
        let _ = self.in_windows(&["stop"]).output();
        for (pid, _) in self.calls().into_iter().filter(|(pid, _)| lives(*pid)) {
            // Of a failed test: it is ours still, since it was started under this number and is in our script's list.
            let ours = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            if String::from_utf8_lossy(&ours).contains(self.windows.path("").to_str().unwrap()) {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(pid.try_into().unwrap()),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
        }
    }
}

/// The value of `SSH_AGENT_PID` in the output of `start`.
pub(crate) fn pid_in(out: &str) -> Option<u32> {
    out.lines().find_map(|line| line.strip_prefix("SSH_AGENT_PID=")?.split(';').next()?.parse().ok())
}

/// The plain value of `SSH_AUTH_SOCK` in the output of `start`.
pub(crate) fn socket_in(out: &str) -> Option<&Path> {
    out.lines().find_map(|line| line.strip_prefix("SSH_AUTH_SOCK=")?.split(';').next()).map(Path::new)
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}
