//! The user's own systemd, played by a listening socket and by scripts in place of systemctl, systemd-run and busctl.
//! On a real one: tests/logins.

use crate::support::{Agent, private_dir, run, wait_until};
use crate::{Place, pid_in, socket_in};
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

/// A machine with a user manager. Its programs note how they were called, and do what a manager would.
pub struct Machine {
    pub place: Place,
    _manager: UnixListener,
}

/// What the unit would run, in the environment that a manager gives and no other.
const RUN_AGENT: &str = "env -i XDG_RUNTIME_DIR=\"$XDG_RUNTIME_DIR\" HOME=\"$HOME\" PATH=\"$PATH\" setsid -f \
                         \"$@\" </dev/null >/dev/null 2>&1";

impl Machine {
    /// `kills` is what logind says of `KillUserProcesses`.
    pub fn new(kills: bool) -> Self {
        let place = Place::new();
        private_dir(&place.scratch.path("run/systemd"));
        private_dir(&place.scratch.path("bin"));
        let manager = UnixListener::bind(place.scratch.path("run/systemd/private")).unwrap();
        let machine = Self { place, _manager: manager };
        let names = format!(
            "printf '%s\\n' '{{\"type\":\"b\",\"data\":{kills}}}' '{{\"type\":\"as\",\"data\":[]}}' \
             '{{\"type\":\"as\",\"data\":[\"somebody-else\"]}}'"
        );
        machine.program("busctl", &names);
        let agent = crate::support::myagent();
        let start = format!(
            "case $* in *show*) echo inactive; exit;; esac\nset -- '{}' start --foreground\n{RUN_AGENT}",
            agent.display()
        );
        machine.program("systemctl", &start);
        machine
            .program("systemd-run", &format!("while [ \"$1\" != -- ]; do shift; done; shift\n{RUN_AGENT}"));
        machine
    }

    /// Puts a program of this machine in the place of the real one. Another process writes it: while this one has it
    /// open, a process that another test forks would keep it busy.
    pub fn program(&self, name: &str, script: &str) {
        let calls = self.place.scratch.path("calls");
        let text = format!("#!/bin/sh\necho \"{name} $*\" >>'{}'\n{script}\n", calls.display());
        let mut install = self.place.scratch.command("install");
        install.args(["-m", "700", "/dev/stdin"]).arg(self.place.scratch.path("bin").join(name));
        let mut install = install.stdin(Stdio::piped()).spawn().unwrap();
        install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success());
    }

    /// Installs the socket unit for this user.
    pub fn install(&self) {
        let units = self.place.scratch.path("home/.config/systemd/user");
        std::fs::create_dir_all(&units).unwrap();
        std::fs::write(units.join("myagent.socket"), "[Socket]\n").unwrap();
    }

    pub fn start(&self, more: &[&str]) -> Command {
        let mut command = self.place.scratch.command(crate::support::myagent());
        let bin = self.place.scratch.path("bin").display().to_string();
        command.arg("start").args(more).env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
        command
    }

    /// How the programs were called so far, but for the questions to logind.
    pub fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.place.scratch.path("calls")).unwrap_or_default();
        calls.lines().filter(|call| !call.starts_with("busctl ")).map(str::to_owned).collect()
    }
}

/// Whether the user who runs the tests lingers on this machine.
pub fn lingers() -> bool {
    use myagent::platform::login::{LINGER, lingers};
    lingers(std::path::Path::new(LINGER))
}

#[test]
fn the_installed_service_is_started_where_a_process_would_be_killed() {
    let machine = Machine::new(true);
    machine.install();
    let (status, out, err) = run(&mut machine.start(&[]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!((socket_in(&out), pid_in(&out)), (Some(machine.place.socket.as_path()), None));
    assert_eq!(machine.calls(), ["systemctl --user --quiet start myagent.socket"]);
    // From now on it is found, and nobody is asked again.
    assert_eq!(run(&mut machine.start(&[])), (status, out, err));
    assert_eq!(machine.calls().len(), 1);
}

#[test]
fn a_process_survives_where_nothing_is_killed() {
    let machine = Machine::new(false);
    if !lingers() {
        machine.install();
    }
    let (status, out, err) = run(&mut machine.start(&[]));
    assert_eq!((status, err.as_str(), machine.calls().len()), (0, "", 0));
    assert!(pid_in(&out).is_some(), "{out}");
}

/// Twenty at once ask the manager together, and one agent comes out of it.
#[test]
fn twenty_shells_get_one_service() {
    let machine = Machine::new(true);
    machine.install();
    let calls: Vec<_> = (0..20)
        .map(|_| machine.start(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    for call in calls {
        let output = call.wait_with_output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!((socket_in(&out), pid_in(&out)), (Some(machine.place.socket.as_path()), None));
    }
}

#[test]
fn a_transient_unit_runs_this_program_with_these_options() {
    let machine = Machine::new(false);
    let args = ["--service", "--log", "debug", "--secret-memory", "mlock", "--allow-remote-admin"];
    let args = [&args[..], &["--providers", "/opt/*,/usr/lib/*"]].concat();
    let (status, out, err) = run(&mut machine.start(&args));
    assert_eq!((status, err.as_str(), pid_in(&out)), (0, "", None));
    let program = crate::support::myagent();
    let expected = format!(
        "systemd-run --user --quiet --collect --description=myagent --unit=myagent-transient.service \
         --property=Type=notify --property=NotifyAccess=main -- {} start --foreground --log=debug \
         --secret-memory=mlock --providers=/opt/*,/usr/lib/* --allow-remote-admin",
        program.display()
    );
    assert_eq!(machine.calls(), [expected]);
}

/// The unit that another shell has just made is no failure.
#[test]
fn a_unit_that_is_there_already_is_waited_for() {
    let machine = Machine::new(false);
    let agent = crate::support::myagent();
    let late = format!(
        "case $* in *show*) echo activating;; esac\nset -- '{}' start --foreground\n(sleep 0.3; {RUN_AGENT}) &",
        agent.display()
    );
    machine.program("systemctl", &late);
    machine.program(
        "systemd-run",
        "echo 'Failed to start transient service unit: Unit was already loaded' >&2; exit 1",
    );
    let (status, out, err) = run(&mut machine.start(&["--service"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(socket_in(&out), Some(machine.place.socket.as_path()));
    assert_eq!(machine.calls().iter().filter(|call| call.starts_with("systemd-run ")).count(), 1);
}

#[test]
fn what_fails_falls_back_unless_it_was_asked_for() {
    let machine = Machine::new(true);
    machine.install();
    machine.program("systemctl", "echo 'Job for myagent.socket failed.' >&2; echo more >&2; exit 1");
    let (status, out, err) = run(&mut machine.start(&["--service"]));
    assert_eq!((status, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "myagent: the agent was not started as a service: systemctl: Job for myagent.socket failed.\n\
         hint: start it in the background instead: myagent start --daemon\n"
    );
    let (status, out, err) = run(&mut machine.start(&[]));
    assert_eq!((status, err.as_str()), (0, ""), "nothing is said where no terminal is");
    assert!(pid_in(&out).is_some(), "{out}");
}

/// The unit fails while somebody holds the lock: that one is starting, and used as soon as it answers.
#[test]
fn an_agent_that_is_just_starting_is_as_good() {
    let machine = Machine::new(true);
    machine.install();
    let lock = machine.place.shared_lock();
    private_dir(&machine.place.scratch.path("home/.ssh"));
    private_dir(lock.parent().unwrap());
    let file = std::fs::File::create(&lock).unwrap();
    let held = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).unwrap();
    machine.program("systemctl", "exit 1");
    let waiting = machine.start(&["--service"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the manager was asked twice", || machine.calls().len() > 1);
    let mut other = machine.place.scratch.command("ssh-agent");
    other.arg("-D").arg("-a").arg(&machine.place.socket);
    let other = Agent::spawn(other, machine.place.socket.clone());
    let output = waiting.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && socket_in(&out) == Some(&machine.place.socket), "{output:?}");
    drop((other, held));
}

#[test]
fn daemon_asks_nobody() {
    let machine = Machine::new(true);
    machine.install();
    let (status, out, err) = run(&mut machine.start(&["--daemon"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(pid_in(&out).is_some() && machine.calls().is_empty(), "{out} {:?}", machine.calls());
}

/// The unit has one place: an agent elsewhere is no service, be it in the same runtime directory.
#[test]
fn another_place_is_never_the_unit_s() {
    let machine = Machine::new(true);
    machine.install();
    private_dir(&machine.place.scratch.path("run/other"));
    for name in ["run/other.sock", "run/other/agent.sock"] {
        let other = machine.place.scratch.path(name);
        let (status, out, err) = run(machine.start(&["--service"]).env("MYAGENT_SOCK", &other));
        assert_eq!((status, out.as_str()), (1, ""));
        assert!(err.contains("no systemd of yours can be reached for this socket"), "{err}");
        let (_, out, _) = run(machine.start(&[]).env("MYAGENT_SOCK", &other));
        assert!(pid_in(&out).is_some() && machine.calls().is_empty(), "{out}");
        let elsewhere = Place { scratch: crate::support::Scratch::new(), socket: other };
        assert_eq!(run(&mut elsewhere.myagent(&["stop"])).0, 0);
    }
    // The unit's own place by its name is the unit's place.
    let (status, out, _) = run(machine.start(&[]).env("MYAGENT_SOCK", &machine.place.socket));
    assert_eq!((status, pid_in(&out), machine.calls().len()), (0, None, 1));
}
