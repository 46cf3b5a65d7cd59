//! Which form is printed, and the forms for shells and programs that evaluate no words of sh.

use crate::quoting::check;
use crate::support::{myagent, run};
use crate::{Place, pid_in};

/// Nushell evaluates nothing that it reads: it loads a record.
#[test]
#[ignore = "needs nu: it is in no Debian, tests/all.sh fetches it"]
fn nushell() {
    check(
        &["nu", "--no-config-file", "-c"],
        "print -n $env.SSH_AUTH_SOCK",
        &[
            "^myagent start | from nuon | load-env",
            "^myagent start --shell nu | from json | load-env",
            "^myagent start --shell json | from json | load-env",
        ],
    );
}

/// What sh makes of `NAME=value` lines when it does not evaluate them.
#[test]
fn plain_lines_are_the_bytes() {
    check(
        &["dash", "-c"],
        "printf %s \"$SSH_AUTH_SOCK\"",
        &["IFS= read -r line <<END\n$(myagent start --shell env | head -n 1)\nEND\nSSH_AUTH_SOCK=${line#*=}"],
    );
}

#[test]
fn each_form_names_both_variables_and_the_pid_once() {
    for (shell, socket, pid) in [
        ("csh", "setenv SSH_AUTH_SOCK {};", "setenv SSH_AGENT_PID {};"),
        ("fish", "set -gx SSH_AUTH_SOCK {};", "set -gx SSH_AGENT_PID {};"),
        ("powershell", "$env:SSH_AUTH_SOCK = '{}';", "$env:SSH_AGENT_PID = '{}';"),
        ("env", "SSH_AUTH_SOCK={}", "SSH_AGENT_PID={}"),
        ("nu", "\"SSH_AUTH_SOCK\":\"{}\"", "\"SSH_AGENT_PID\":\"{}\""),
        ("json", "\"SSH_AUTH_SOCK\":\"{}\"", "\"SSH_AGENT_PID\":\"{}\""),
    ] {
        let place = Place::new();
        let (status, first, err) = run(&mut place.myagent(&["start", "--shell", shell]));
        let (_, second, _) = run(&mut place.myagent(&["start", "--shell", shell]));
        assert_eq!((status, err.as_str()), (0, ""), "{shell}");
        let socket = socket.replace("{}", place.socket.to_str().unwrap());
        let pid = pid.replace("{}", &place.status()["pid"].to_string());
        assert!(first.contains(&socket) && first.contains(&pid), "{shell}: {first}");
        assert!(second.contains(&socket) && !second.contains("SSH_AGENT_PID"), "{shell}: {second}");
    }
}

/// What a shell with this name, which is what counts, is told; `$SHELL` says something else.
fn told(place: &Place, name: &str, script: &str) -> String {
    // A shell by the name of another: only the kernel's name of the process is asked.
    let shell = place.scratch.path(name);
    if !shell.exists() {
        let real = run(place.scratch.command("readlink").args(["-f", "/bin/sh"])).1;
        std::os::unix::fs::symlink(real.trim(), &shell).unwrap();
    }
    let mut command = place.scratch.command(&shell);
    command.args(["-c", script]).arg(myagent()).env("MYAGENT_SOCK", &place.socket);
    let (status, out, err) = run(command.env("SHELL", "/bin/bash"));
    assert_eq!((status, err.as_str()), (0, ""), "{name}: {out}");
    out
}

#[test]
fn the_calling_shell_chooses_the_form() {
    let place = Place::new();
    place.start();
    for (name, begins) in [
        ("sh", "SSH_AUTH_SOCK="),
        ("tcsh", "setenv "),
        ("fish", "set -gx "),
        ("nu", "{\"SSH_AUTH_SOCK\":"),
        ("pwsh", "$env:SSH_AUTH_SOCK = "),
        ("unheard-of", "SSH_AUTH_SOCK="),
    ] {
        let out = told(&place, name, "\"$0\" start; :");
        assert!(out.starts_with(begins), "{name}: {out}");
        // In a command substitution, which is a process of its own with the shell's name.
        let out = told(&place, name, "x=$(\"$0\" start; :); printf '%s\\n' \"$x\"");
        assert!(out.starts_with(begins), "{name}: {out}");
        // An explicit wish wins.
        assert!(told(&place, name, "\"$0\" start --shell env; :").starts_with("SSH_AUTH_SOCK=/"), "{name}");
    }
}

/// A script's process has the script's name: then its interpreter's counts, and not the shell of its user.
#[test]
fn a_script_is_told_in_its_own_language() {
    let place = Place::new();
    place.start();
    let script = place.scratch.path("job");
    let text = "#!/bin/sh\n\"$1\" start; :\n";
    let mut install = place.scratch.command("sh");
    install.args(["-c", "printf %s \"$1\" >\"$0\"; chmod 700 \"$0\""]).arg(&script).arg(text);
    assert_eq!(run(&mut install).0, 0);
    let mut command = place.scratch.command(&script);
    command.arg(myagent()).env("MYAGENT_SOCK", &place.socket).env("SHELL", "/usr/bin/fish");
    let (_, out, err) = run(&mut command);
    assert!(out.starts_with("SSH_AUTH_SOCK="), "{out}{err}");
}

/// Between the shell and us is a program that is no shell: then `$SHELL` says it.
#[test]
fn the_login_shell_counts_where_no_shell_calls() {
    let place = Place::new();
    place.start();
    let mut command = place.scratch.command("timeout");
    command.arg("60").arg(myagent()).arg("start").env("MYAGENT_SOCK", &place.socket);
    let (_, out, _) = run(command.env("SHELL", "/usr/bin/fish"));
    assert!(out.starts_with("set -gx ") && pid_in(&out).is_none(), "{out}");
}
