//! The line in the real shells, with paths that hurt.

use crate::person::Person;
use crate::support::run;
use std::process::Command;

/// Directories for the program, each with a byte that some shell or systemd would act upon.
const NAMES: [&str; 12] = [
    "plain",
    "my bin",
    "o'brien",
    "100%",
    "do$HOME",
    "${HOME}",
    "dou\"ble",
    "back\\slash",
    "bang!x",
    "`id`",
    "semi;&",
    "two  [a]*?",
];

/// How each shell is started so that it reads a file of its user's, before a script.
const POSIX: &str = "printf %s \"${SSH_AUTH_SOCK-}\"";
const OTHER: &str = "printenv SSH_AUTH_SOCK | tr -d '\\n'";

fn start(person: &Person, shell: &[&str], script: &str) -> (i32, String, String) {
    let mut command: Command = person.command(shell[0]);
    command.args(&shell[1..]).arg(script);
    // In the C locale fish hands variables on with their bytes taken for Latin-1.
    run(command.env("LC_ALL", "C.UTF-8"))
}

/// Every kind of start of this shell finds the agent, silently; without the program nothing happens, silently.
fn check(login_shell: &str, starts: &[&[&str]], script: &str) {
    for name in NAMES {
        let person = Person::with_program(&format!("{name}/myagent"));
        let (status, out, err) = run(person.myagent(&["install", "--yes"]).env("SHELL", login_shell));
        assert_eq!((status, err.as_str()), (0, ""), "{name}: {out}");
        for shell in starts {
            let (status, shown, complaint) = start(&person, shell, script);
            let socket = person.socket.to_str().unwrap();
            assert_eq!((status, shown.as_str()), (0, socket), "{shell:?} {name}: {complaint}");
            // An interactive shell without a terminal says so.
            assert!(complaint.is_empty() || shell.contains(&"-i"), "{shell:?} {name}: {complaint}");
        }
        std::fs::remove_file(&person.program).unwrap();
        for shell in starts {
            let (_, shown, complaint) = start(&person, shell, script);
            assert_eq!(shown, "", "{shell:?} {name}");
            assert!(complaint.is_empty() || shell.contains(&"-i"), "{shell:?} {name}: {complaint}");
        }
    }
}

#[test]
fn bash() {
    check("/bin/bash", &[&["bash", "-l", "-c"], &["bash", "-i", "-c"], &["bash", "-l", "-i", "-c"]], POSIX);
}

#[test]
fn dash() {
    check("/bin/dash", &[&["dash", "-l", "-c"]], POSIX);
}

#[test]
#[ignore = "needs ksh"]
fn ksh() {
    check("/bin/ksh", &[&["ksh", "-l", "-c"]], POSIX);
}

#[test]
#[ignore = "needs mksh"]
fn mksh() {
    check("/bin/mksh", &[&["mksh", "-l", "-c"]], POSIX);
}

#[test]
#[ignore = "needs zsh"]
fn zsh() {
    check("/bin/zsh", &[&["zsh", "-c"], &["zsh", "-l", "-c"], &["zsh", "-i", "-c"]], POSIX);
}

#[test]
#[ignore = "needs tcsh"]
fn tcsh() {
    check("/bin/tcsh", &[&["tcsh", "-c"], &["tcsh", "-i", "-c"]], OTHER);
}

#[test]
#[ignore = "needs fish"]
fn fish() {
    check("/usr/bin/fish", &[&["fish", "-c"], &["fish", "-l", "-c"]], OTHER);
}

/// The interactive guard of Debian's ~/.bashrc comes after our lines.
#[test]
fn a_shell_that_nobody_types_in_has_it_too() {
    let person = Person::new();
    person.write(".bashrc", "case $- in\n    *i*) ;;\n      *) return;;\nesac\nSSH_AUTH_SOCK=too-late\n");
    person.well(&["install", "--yes"]);
    let (status, shown, complaint) = start(&person, &["bash", "-c"], &format!(". ~/.bashrc; {POSIX}"));
    assert_eq!((status, shown.as_str(), complaint.as_str()), (0, person.socket.to_str().unwrap(), ""));
}

/// Which file bash reads at a login depends on what is there.
#[test]
fn bash_has_it_whichever_login_file_there_is() {
    for file in [".bash_profile", ".bash_login", ".profile", ""] {
        let person = Person::new();
        if !file.is_empty() {
            person.write(file, "exit_early=1\n");
        }
        person.well(&["install", "--yes"]);
        let (status, shown, complaint) = start(&person, &["bash", "-l", "-c"], POSIX);
        assert_eq!(
            (status, shown.as_str(), complaint.as_str()),
            (0, person.socket.to_str().unwrap(), ""),
            "{file}"
        );
    }
}
