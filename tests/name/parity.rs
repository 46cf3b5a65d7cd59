//! Ours and Debian's ssh-agent side by side: the same call, and what each says.

use crate::Caller;
use crate::support::{run, wait_until};
use crate::wire::Conn;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;

/// Status, output and error of a call with everything that may differ put aside: numbers of processes, and the text of
/// the usage, which has grown since 9.2.
fn said(command: &mut Command) -> (i32, String, String) {
    let (status, out, err) = run(command);
    let mut numbers = String::new();
    for line in out.lines() {
        let digits = |c: char| c.is_ascii_digit();
        let is_number =
            line.starts_with("SSH_AGENT_PID") || line.contains("_PID ") || line.starts_with("echo");
        numbers += &if is_number {
            line.split(digits).filter(|part| !part.is_empty()).collect()
        } else {
            line.to_owned()
        };
        numbers.push('\n');
    }
    // OpenSSH ends its lines for terminals that are raw.
    let err = err.replace("\r\n", "\n");
    let err = err.split_once("usage: ").map_or(err.clone(), |(before, _)| before.to_owned() + "USAGE");
    (status, numbers, err)
}

/// Both say the same; what they say.
fn both(caller: &Caller, arguments: &[&str], prepare: impl Fn(&mut Command)) -> (i32, String, String) {
    let [ours, theirs] = [caller.agent(&[]), caller.scratch.command("ssh-agent")].map(|mut command| {
        command.args(arguments.iter().map(|argument| argument.replace("SOCKET", &socket(caller))));
        prepare(&mut command);
        let said = said(&mut command);
        end_all(caller);
        said
    });
    assert_eq!(ours, theirs, "ours, and theirs, with {arguments:?}");
    ours
}

/// Ends the agents that the call has left; the next is to have its path. Debian's may leave the socket.
fn end_all(caller: &Caller) {
    wait_until("every agent has ended", || {
        let left = caller.processes();
        for pid in &left {
            let _ = kill(Pid::from_raw((*pid).try_into().unwrap()), Signal::SIGTERM);
        }
        left.is_empty()
    });
    let _ = std::fs::remove_file(socket(caller));
}

/// The one path of the calls here; whoever has it in its arguments is one of them.
fn socket(caller: &Caller) -> String {
    caller.scratch.path("s").to_str().unwrap().to_owned()
}

#[test]
fn wrong_calls() {
    let caller = Caller::new();
    for arguments in [
        &["-x"][..],
        &["--help"],
        &["-sx"],
        &["-a"],
        &["-E"],
        &["-st"],
        &["-cs"],
        &["-s", "-c"],
        &["-dD"],
        &["-D", "-D"],
        &["-s", "true"],
        &["-k", "true"],
        &["-D", "true"],
        &["-t", "5x"],
        &["-t", ""],
        &["-t", "-1"],
        &["-t", "2147483648"],
        &["-E", "md4"],
        &["-E", ""],
        &["-O", "x"],
        &["-P", "a", "-P", "b"],
        // The first that is wrong is the one that is told.
        &["-t", "x", "-E", "x"],
        &["-E", "x", "-t", "x"],
    ] {
        let (status, out, err) = both(&caller, arguments, |_| ());
        assert!(
            [1, 255].contains(&status) && out.is_empty() && !err.is_empty(),
            "{arguments:?}: {status} {out}{err}"
        );
    }
}

#[test]
fn places_that_cannot_be_had() {
    let caller = Caller::new();
    std::fs::write(caller.scratch.path("file"), "kept").unwrap();
    let long = format!("/tmp/{}", "x".repeat(120));
    for path in ["/nonexistent/s", "file", &long, "/"] {
        for form in [&["-a", path][..], &["-D", "-a", path], &["-a", path, "true"]] {
            let (status, out, err) = both(&caller, form, |_| ());
            assert_eq!((status, out.as_str()), (1, ""), "{err}");
        }
    }
    assert_eq!(std::fs::read_to_string(caller.scratch.path("file")).unwrap(), "kept");
    let few = |command: &mut Command| {
        let program = command.get_program().to_owned();
        let shell = format!("ulimit -n 9; exec {} -a s", program.to_str().unwrap());
        *command = caller.scratch.command("bash");
        command.args(["-c", &shell]);
    };
    assert_eq!(both(&caller, &[], few).0, 255);
}

#[test]
fn lines_of_a_start() {
    let caller = Caller::new();
    for (arguments, shell) in [
        (&["-a", "SOCKET"][..], "/bin/bash"),
        (&["-aSOCKET"], "/bin/tcsh"),
        (&["-s", "-aSOCKET"], "/bin/csh"),
        (&["-caSOCKET"], ""),
        (&["-sc", "-a"], ""),
        (&["-a", "other", "-a", "SOCKET"], "/bin/zsh"),
        (&["-s", "-t1h", "-Esha512", "-Ono-restrict-websafe", "-P/x/*", "-aSOCKET"], ""),
        (&["-s", "-aSOCKET", "--"], ""),
    ] {
        let (status, out, _) = both(&caller, arguments, |command| {
            command.env("SHELL", shell);
        });
        assert!(status == 1 || out.lines().count() == 3, "{out}");
    }
}

/// In the foreground: two lines, and then it serves.
#[test]
fn lines_in_the_foreground() {
    use std::io::{BufRead, BufReader};
    let caller = Caller::new();
    for arguments in [&["-D", "-aSOCKET"][..], &["-dc", "-aSOCKET"]] {
        let mut seen = Vec::new();
        for mut command in [caller.agent(&[]), caller.scratch.command("ssh-agent")] {
            let arguments = arguments.iter().map(|argument| argument.replace("SOCKET", &socket(&caller)));
            command.args(arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
            let mut child = command.spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let pair: Vec<String> = lines.by_ref().take(2).map(Result::unwrap).collect();
            assert_eq!(pair[1], format!("echo Agent pid {};", child.id()));
            // Debian's has no handler yet when it says this.
            assert!(Conn::open(caller.scratch.path("s").as_ref()).unwrap().comments().is_empty());
            crate::signal(child.id(), Signal::SIGTERM);
            assert_eq!(lines.count(), 0);
            assert_eq!(crate::support::status_of(&mut child), 2);
            end_all(&caller);
            seen.push(pair[0].clone());
        }
        assert_eq!(seen[0], seen[1]);
    }
}

#[test]
fn numbers_to_kill() {
    let caller = Caller::new();
    let (status, _, err) = both(&caller, &["-k"], |_| ());
    assert_eq!((status, err.as_str()), (1, "SSH_AGENT_PID not set, cannot kill agent\n"));
    for pid in ["abc", "", "1", "0", "-3", "7 ", "99999999999999999999", "2147483647"] {
        for form in ["-k", "-kc"] {
            let (status, _, err) = both(&caller, &[form], |command| {
                command.env("SSH_AGENT_PID", pid);
            });
            assert_eq!(status, 1, "{pid}: {err}");
        }
    }
}

#[test]
fn a_killed_agent_and_its_lines() {
    let caller = Caller::new();
    for form in ["-k", "-ck", "-ks"] {
        let [ours, theirs] = [caller.agent(&[form]), {
            let mut command = caller.scratch.command("ssh-agent");
            command.arg(form);
            command
        }]
        .map(|mut command| {
            let started = caller.start(&["-s", "-a", "s"]);
            let said = said(command.env("SSH_AGENT_PID", started.pid.to_string()));
            assert_eq!(started.ends(), 2);
            said
        });
        assert_eq!(ours, theirs);
        assert_eq!((ours.0, ours.1.lines().count()), (0, 3));
    }
}

#[test]
fn statuses_of_commands() {
    let caller = Caller::new();
    std::fs::write(caller.scratch.path("file"), "no program").unwrap();
    for (command, status) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["--", "true"], 0),
        (&["sh", "-c", "kill -9 $$"], -1),
        (&["no-such-command"], 1),
        (&["/no/such"], 1),
        (&["./file"], 1),
        (&["/"], 1),
        (&["sh", "-c", "echo x-$0-$1", "-k", "-a"], 0),
        (&["sh", "-c", "[ -S \"$SSH_AUTH_SOCK\" ] && kill -0 $SSH_AGENT_PID"], 0),
    ] {
        let arguments = [&["-a", "SOCKET"], command].concat();
        assert_eq!(both(&caller, &arguments, |_| ()).0, status, "{command:?}");
    }
}
