//! The units as systemd reads them, with the program at paths that hurt.

use crate::person::Person;
use crate::support::{private_dir, run};
use std::path::Path;

/// What `systemd-analyze --user verify` says of this person's units: nothing, where all is well.
fn verify(person: &Person, directory: &Path) -> (i32, String) {
    let mut analyze = person.command("systemd-analyze");
    analyze.args(["--user", "verify", "./myagent.socket", "./myagent.service"]).current_dir(directory);
    let (status, out, err) = run(&mut analyze);
    (status, out + &err)
}

/// The drop-ins point to the program: systemd looks whether it is there and can be run.
#[test]
#[ignore = "needs systemd-analyze: it reads the units as systemd does"]
fn systemd_finds_the_program_wherever_it_is() {
    for name in [
        "bin",
        "my bin",
        "100%",
        "%h %%",
        "do$HOME",
        "${HOME}",
        "o'brien",
        "dou\"ble",
        "back\\s\\x41",
        "semi;&",
    ] {
        let person = Person::with_program(&format!("{name}/myagent"));
        person.set("manager");
        person.well(&["install", "--yes"]);
        let units = person.home(".config/systemd/user");
        assert_eq!(verify(&person, &units), (0, String::new()), "{name}");
        // It would complain of a program that is not there.
        std::fs::remove_file(&person.program).unwrap();
        if !name.contains(['\'', '"', '\\']) {
            let (status, complaint) = verify(&person, &units);
            assert!(status != 0 && complaint.contains("is not executable"), "{name}: {complaint}");
        }
    }
}

/// As they are in the package, with any program at the usual place.
#[test]
#[ignore = "needs systemd-analyze: it reads the units as systemd does"]
fn the_unit_files_are_clean() {
    let person = Person::new();
    let units = person.scratch.path("units");
    private_dir(&units);
    for name in ["myagent.service", "myagent.socket"] {
        let text = std::fs::read_to_string(format!("{}/systemd/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.contains("=/usr/bin/myagent "), "{name}");
        let text = text.replace("/usr/bin/myagent", person.program.to_str().unwrap());
        std::fs::write(units.join(name), text).unwrap();
    }
    assert_eq!(verify(&person, &units), (0, String::new()));
}

/// What the rest of the program and the packages rely on.
const SERVICE: [&str; 11] = [
    "UnsetEnvironment=MYAGENT_SOCK",
    "Type=notify",
    "NotifyAccess=main",
    "ExecStart=/usr/bin/myagent start --foreground",
    "ExecReload=/usr/bin/myagent restart",
    "Restart=on-failure",
    "RestartPreventExitStatus=1 3",
    "StartLimitIntervalSec=0",
    "SystemCallFilter=@system-service memfd_secret seccomp",
    "SystemCallErrorNumber=EPERM",
    "NoNewPrivileges=yes",
];
const SOCKET: [&str; 9] = [
    "UnsetEnvironment=MYAGENT_SOCK",
    "ListenStream=%t/myagent/agent.sock",
    "SocketMode=0600",
    "DirectoryMode=0700",
    "ExecStartPre=/usr/bin/myagent guard",
    "ExecStartPost=-/usr/bin/systemctl --user set-environment SSH_AUTH_SOCK=%t/myagent/agent.sock",
    "After=ssh-agent.socket gcr-ssh-agent.socket gpg-agent-ssh.socket",
    "StartLimitIntervalSec=0",
    "WantedBy=sockets.target",
];
/// Each of these is, implies, or is ignored or refused without, a user namespace, which would hide who asks.
const NEVER: &str = "PrivateUsers PrivateTmp PrivateDevices PrivateNetwork PrivateIPC PrivateMounts PrivatePIDs \
                     ProtectSystem ProtectHome ProtectProc ProcSubset ProtectClock ProtectControlGroups ProtectKernel \
                     CapabilityBoundingSet InaccessiblePaths NoExecPaths";

#[test]
fn the_units_promise_what_was_agreed() {
    for (name, lines) in [("myagent.service", &SERVICE[..]), ("myagent.socket", &SOCKET[..])] {
        let unit = std::fs::read_to_string(format!("{}/systemd/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let said: Vec<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
        for line in lines {
            assert!(said.contains(line), "{name} has no {line}");
        }
        for line in said {
            assert!(!NEVER.split_whitespace().any(|never| line.starts_with(never)), "{name}: {line}");
            assert!(!line.contains("SSH_AGENT_PID"), "{name}: {line}");
        }
    }
}
