//! The service: set up where it may keep its keys, left alone where it would lose them or where an agent lives.

use crate::person::Person;
use crate::support::{run, wait_until};

const UNITS: [&str; 2] = [".config/systemd/user/myagent.service", ".config/systemd/user/myagent.socket"];
const DROP_INS: [&str; 2] = [
    ".config/systemd/user/myagent.service.d/program.conf",
    ".config/systemd/user/myagent.socket.d/program.conf",
];
const ENVIRONMENT: &str = ".config/environment.d/50-myagent.conf";

fn user() -> String {
    nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name
}

fn key(person: &Person) {
    let file = person.scratch.path("key");
    let mut keygen = person.command("ssh-keygen");
    assert_eq!(run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file)).0, 0);
    assert_eq!(run(ssh_add(person).arg("-q").arg(&file)).0, 0);
}

fn ssh_add(person: &Person) -> std::process::Command {
    let mut command = person.command("ssh-add");
    command.env("SSH_AUTH_SOCK", &person.socket);
    command
}

#[test]
fn it_turns_lingering_on_enables_and_starts_the_socket_and_ends_with_an_answer() {
    let person = Person::with_manager();
    let out = person.well(&["install", "--yes"]);
    let ends = format!(
        "an agent answers at {} and holds 0 keys; each new shell finds it\n",
        person.socket.display()
    );
    assert!(out.ends_with(&ends), "{out}");
    let linger = format!("loginctl --no-ask-password enable-linger {}", user());
    assert_eq!(
        person.calls()[..4],
        [
            &linger,
            "systemctl --user daemon-reload",
            "systemctl --user enable myagent.socket",
            "systemctl --user start myagent.socket"
        ]
    );
    let repository = |name: &str| {
        std::fs::read_to_string(format!("{}/systemd/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    assert_eq!(person.read(UNITS[0]), repository("myagent.service"));
    assert_eq!(person.read(UNITS[1]), repository("myagent.socket"));
    assert!(person.read(DROP_INS[0]).contains(&format!("{} start --foreground\n", person.program.display())));
    assert!(person.read(DROP_INS[1]).contains(&format!("{} guard\n", person.program.display())));
    let line = "SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/myagent/agent.sock\n";
    assert!(person.read(ENVIRONMENT).ends_with(line));
    assert!(person.read(".bashrc").contains(" start --shell sh)\""));
    // Once more: nothing to do, nothing done, and the same answer.
    let (tree, calls) = (person.tree(), person.calls());
    let again = person.well(&["install", "--yes"]);
    assert!(again.starts_with("nothing to do\n") && again.ends_with(&ends), "{again}");
    assert_eq!((person.tree(), person.calls()), (tree, calls));
}

#[test]
fn a_home_with_a_space_has_the_service_too() {
    let person = Person::with_manager();
    let home = person.home("my home");
    std::fs::create_dir(&home).unwrap();
    let (status, out, err) = run(person.myagent(&["install", "--yes"]).env("HOME", &home));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(UNITS.iter().chain(&DROP_INS).all(|file| home.join(file).exists()), "{out}");
    assert!(person.is_set("active-myagent.socket"));
}

/// Where lingering is refused, any client of a socket unit would start a service that loses its keys.
#[test]
fn without_lingering_there_is_the_line_alone_and_the_one_command() {
    let person = Person::with_manager();
    person.set("refuse-linger");
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("Access denied"), "{out}");
    assert!(out.contains(&format!("sudo loginctl enable-linger {}\n", user())), "{out}");
    assert!(out.contains("then run `myagent install` again\n"), "{out}");
    assert!(out.contains("an agent answers at "), "{out}");
    assert_eq!(person.calls().len(), 1, "{:?}", person.calls());
    for file in UNITS.iter().chain(&DROP_INS).chain([&ENVIRONMENT]) {
        assert!(!person.home(file).exists(), "{file}");
    }
    assert!(person.read(".bashrc").contains(" start --shell sh)\""));
    // The administrator has done it, and the agent that was started meanwhile is to keep its keys.
    person.set("linger");
    key(&person);
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("keeps its keys"), "{out}");
    assert!(person.is_set("enabled-myagent.socket") && !person.is_set("active-myagent.socket"));
}

/// A socket that an earlier run enabled is not left listening when lingering is gone.
#[test]
fn without_lingering_an_enabled_socket_is_disabled_and_closed() {
    let person = Person::with_manager();
    person.well(&["install", "--yes"]);
    std::fs::remove_file(person.scratch.path("stubs/linger")).unwrap();
    person.set("refuse-linger");
    let before = person.calls().len();
    person.well(&["install", "--yes"]);
    assert_eq!(
        person.calls()[before + 1..],
        ["systemctl --user disable myagent.socket", "systemctl --user stop myagent.socket"]
    );
    assert!(!person.is_set("enabled-myagent.socket") && !person.is_set("active-myagent.socket"));
}

#[test]
fn an_agent_that_answers_keeps_its_keys_and_stays_the_only_one() {
    let person = Person::with_manager();
    let started = person.well(&["start", "--shell", "sh"]);
    assert!(started.contains("SSH_AGENT_PID="), "{started}");
    key(&person);
    let list = |person: &Person| run(ssh_add(person).arg("-L")).1;
    let (before, pid) = (list(&person), person.well(&["status", "--json"]));
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("keeps its keys") && out.contains("and holds 1 key;"), "{out}");
    assert!(person.is_set("enabled-myagent.socket") && !person.is_set("active-myagent.socket"));
    assert!(!person.calls().iter().any(|call| call.contains("start")), "{:?}", person.calls());
    assert_eq!(list(&person), before);
    let of = |status: &str| serde_json::from_str::<serde_json::Value>(status).unwrap()["pid"].clone();
    assert_eq!(of(&person.well(&["status", "--json"])), of(&pid));
}

/// A socket that systemd holds is not connected to while the plan is made: that would start the service.
#[test]
fn planning_does_not_start_the_service() {
    let person = Person::with_manager();
    person.well(&["install", "--yes"]);
    assert_eq!(run(&mut person.myagent(&["stop"])).0, 0);
    // What systemd would hold: a socket that accepts, and never answers.
    let held = std::os::unix::net::UnixListener::bind(&person.socket).unwrap();
    held.set_nonblocking(true).unwrap();
    person.well(&["install", "--dry-run"]);
    person.well(&["uninstall", "--dry-run"]);
    assert!(held.accept().is_err(), "it was connected to");
    drop(held);
    std::fs::remove_file(&person.socket).unwrap();
}

#[test]
fn a_packaged_unit_of_this_program_is_only_enabled() {
    let person = Person::with_manager();
    let packaged = person.scratch.path("stubs/packaged");
    std::fs::create_dir(&packaged).unwrap();
    std::fs::write(packaged.join("myagent.socket"), "[Socket]\n").unwrap();
    let service = |program: &str| {
        let text = format!("[Service]\nExecStart={program} start --foreground\n");
        std::fs::write(packaged.join("myagent.service"), text).unwrap();
    };
    service(person.program.to_str().unwrap());
    person.well(&["install", "--yes"]);
    assert!(!person.home(".config/systemd").exists());
    assert!(person.is_set("enabled-myagent.socket") && person.is_set("active-myagent.socket"));
    person.well(&["uninstall", "--yes"]);
    assert!(!person.is_set("enabled-myagent.socket") && !person.is_set("active-myagent.socket"));
    // That of another program is not what was asked for: the user's own comes before it.
    service("/usr/bin/myagent");
    person.well(&["install", "--yes"]);
    assert!(UNITS.iter().chain(&DROP_INS).all(|file| person.home(file).exists()));
}

/// Enabled for everybody by the administrator, where this user's service would lose its keys.
#[test]
fn without_lingering_a_socket_of_the_systems_is_masked_and_comes_back() {
    let person = Person::with_manager();
    let packaged = person.scratch.path("stubs/packaged");
    std::fs::create_dir(&packaged).unwrap();
    std::fs::write(packaged.join("myagent.socket"), "[Socket]\n").unwrap();
    person.set("enabled-myagent.socket");
    person.set("refuse-linger");
    person.well(&["install", "--yes"]);
    assert!(person.is_set("masked-myagent.socket"));
    let again = person.well(&["install", "--dry-run"]);
    assert!(again.starts_with("1. let your services outlive"), "{again}");
    person.well(&["uninstall", "--yes"]);
    assert!(!person.is_set("masked-myagent.socket") && person.is_set("enabled-myagent.socket"));
}

#[test]
fn a_unit_that_the_user_masked_stays_masked() {
    let person = Person::with_manager();
    person.set("masked-myagent.socket");
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("is masked, and stays so"), "{out}");
    assert_eq!(person.calls(), [""; 0]);
}

#[test]
fn rivals_are_named_and_left_alone() {
    let person = Person::with_manager();
    let units = person.scratch.path("stubs/packaged");
    std::fs::create_dir(&units).unwrap();
    std::fs::write(units.join("gcr-ssh-agent.socket"), "").unwrap();
    std::fs::write(units.join("ssh-agent.socket"), "").unwrap();
    person.set("enabled-gcr-ssh-agent.socket");
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("systemctl --user mask --now gcr-ssh-agent.socket\n"), "{out}");
    assert!(!out.contains("--now ssh-agent.socket"), "neither enabled nor running: {out}");
    assert!(!person.calls().iter().any(|call| call.contains("ssh-agent.socket")), "{:?}", person.calls());
}

#[test]
fn without_a_user_manager_there_is_the_line_alone() {
    let person = Person::new();
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("note: no service is set up: no user manager of systemd answers here"), "{out}");
    assert!(out.contains("an agent answers at "), "{out}");
    assert!(!person.home(".config").exists());
}

#[test]
fn a_place_of_ones_own_has_no_units() {
    let person = Person::with_manager();
    let socket = person.scratch.path("run/other.sock");
    let (status, out, err) = run(person.myagent(&["install", "--yes"]).env("MYAGENT_SOCK", &socket));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("MYAGENT_SOCK names a place of its own"), "{out}");
    assert_eq!(person.calls(), [""; 0]);
    assert_eq!(run(person.myagent(&["stop"]).env("MYAGENT_SOCK", &socket)).0, 0);
}

/// What fails is named, what was done before it is recorded, and a second run goes on.
#[test]
fn a_failing_step_is_named_and_can_be_taken_up_again() {
    let person = Person::with_manager();
    person.set("refuse-enable");
    let (status, _, err) = run(&mut person.myagent(&["install", "--yes"]));
    assert_eq!(status, 1);
    assert!(err.contains("systemctl --user enable myagent.socket: Failed to enable: refused"), "{err}");
    std::fs::remove_file(person.scratch.path("stubs/refuse-enable")).unwrap();
    let out = person.well(&["install", "--yes"]);
    assert!(out.starts_with("1. have systemd hold"), "{out}");
    wait_until("the agent answers", || run(ssh_add(&person).arg("-l")).0 == 1);
    person.well(&["uninstall", "--yes"]);
    assert!(!person.home(UNITS[0]).exists());
}
