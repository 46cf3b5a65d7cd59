//! Whatever the path, both forms of the shell line give the variable exactly its bytes.

use crate::{Place, support};
use support::Scratch;

/// Names that hurt, each of them in the directory and in the socket's own name.
const NAMES: [&str; 20] = [
    "plain",
    "two  spaces",
    "tab\there",
    "star*",
    "[a-z]",
    "?",
    "quo'te",
    "dou\"ble",
    "dol$HOME",
    "bang!x",
    "per%sc",
    "per %d%%",
    "back\\040slash",
    "`id`",
    "$(id)",
    "semi;amp&",
    "~",
    "#no",
    "ünï",
    "-n *[?'\"$! \\x",
];

/// Ways to write the line, each leaving `SSH_AUTH_SOCK` set.
const POSIX: [&str; 4] = [
    "eval \"$(myagent start)\"",
    "eval $(myagent start)",
    "set -eu; eval \"$(myagent start)\"",
    "set -eu; eval $(myagent start)",
];

/// Runs every line in `shell` (a program and the options before the script) for every name.
pub fn check(shell: &[&str], show: &str, lines: &[&str]) {
    let bin = support::myagent().parent().unwrap().to_owned();
    for name in NAMES {
        let scratch = Scratch::new();
        let directory = scratch.path("run").join(name);
        support::private_dir(&directory);
        // Files that a pattern in the unquoted form would find.
        for bait in ["a", "SSH_AUTH_SOCK=a", "export"] {
            std::fs::write(scratch.path(bait), "").unwrap();
        }
        let place = Place { socket: directory.join(name), scratch };
        for line in lines {
            let mut command = place.scratch.command(shell[0]);
            let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
            command.env("PATH", path).env("MYAGENT_SOCK", &place.socket).env("SHELL", shell[0]);
            // In the C locale fish hands variables on with their bytes taken for Latin-1.
            command.env("LC_ALL", if shell[0] == "fish" { "C.UTF-8" } else { "C" });
            let script = format!("{line}\n{show}");
            let output =
                command.args(&shell[1..]).arg(&script).output().unwrap_or_else(|e| panic!("{shell:?}: {e}"));
            let shown = String::from_utf8_lossy(&output.stdout);
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert_eq!(shown, place.socket.to_str().unwrap(), "{shell:?} {name:?} {script:?}: {complaint}");
            assert_eq!(complaint, "", "{shell:?} {name:?} {script:?}");
        }
    }
}

fn posix(shell: &[&str]) {
    check(shell, "printf %s \"$SSH_AUTH_SOCK\"", &POSIX);
}

#[test]
fn dash() {
    posix(&["dash", "-c"]);
}

#[test]
fn bash() {
    posix(&["bash", "-c"]);
}

#[test]
fn bash_with_nullglob() {
    posix(&["bash", "-O", "nullglob", "-c"]);
}

#[test]
fn bash_with_failglob() {
    posix(&["bash", "-O", "failglob", "-c"]);
}

#[test]
fn bash_as_sh() {
    posix(&["bash", "--posix", "-c"]);
}

#[test]
#[ignore = "needs zsh"]
fn zsh() {
    posix(&["zsh", "-f", "-c"]);
    posix(&["zsh", "-f", "-o", "nullglob", "-c"]);
    posix(&["zsh", "--emulate", "sh", "-f", "-c"]);
}

#[test]
#[ignore = "needs ksh"]
fn ksh() {
    posix(&["ksh", "-c"]);
}

#[test]
#[ignore = "needs mksh"]
fn mksh() {
    posix(&["mksh", "-c"]);
}

#[test]
#[ignore = "needs tcsh"]
fn tcsh() {
    check(
        &["tcsh", "-f", "-c"],
        "printenv SSH_AUTH_SOCK | tr -d '\\n'",
        &["eval `myagent start`", "eval \"`myagent start`\"", "set noglob; eval `myagent start --shell csh`"],
    );
}

#[test]
#[ignore = "needs fish"]
fn fish() {
    check(
        &["fish", "-N", "-c"],
        "printenv SSH_AUTH_SOCK | tr -d '\\n'",
        &["myagent start | source", "eval (myagent start)", "myagent start --shell fish | source"],
    );
}

#[test]
fn the_form_follows_the_login_shell() {
    let place = Place::new();
    place.start();
    let begins = |shell: &str, args: &[&str], with: &str| {
        let (status, out, _) = support::run(place.myagent(args).env("SHELL", shell));
        assert!(status == 0 && out.starts_with(with), "{shell}: {out}");
    };
    for (shell, with) in [
        ("/bin/sh", "SSH_AUTH_SOCK="),
        ("/bin/zsh", "SSH_AUTH_SOCK="),
        ("", "SSH_AUTH_SOCK="),
        ("/bin/csh", "setenv SSH_AUTH_SOCK "),
        ("/usr/bin/tcsh", "setenv SSH_AUTH_SOCK "),
        ("/usr/bin/fish", "set -gx SSH_AUTH_SOCK "),
    ] {
        begins(shell, &["start"], with);
        begins(shell, &["start", "--shell", "sh"], "SSH_AUTH_SOCK=");
    }
}

/// The harness itself must see a wrong value.
#[test]
#[should_panic(expected = "plain")]
fn a_wrong_value_is_seen() {
    check(&["dash", "-c"], "printf %s \"$SSH_AUTH_SOCK.\"", &POSIX[..1]);
}
