//! Where the socket is, and that nothing else is made.

use crate::support::run;
use crate::{Caller, Started};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn host() -> String {
    myagent::platform::paths::host_hash(nix::unistd::gethostname().unwrap().as_encoded_bytes())
}

fn is_random(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[test]
fn the_usual_place_is_in_the_home_directory() {
    let caller = Caller::new();
    let agents: Vec<Started> = (0..3).map(|_| caller.start(&["-s"])).collect();
    let directory = caller.scratch.path("home/.ssh/agent");
    assert_eq!((mode(&caller.scratch.path("home/.ssh")), mode(&directory)), (0o700, 0o700));
    for agent in &agents {
        assert_eq!((agent.socket.parent().unwrap(), mode(&agent.socket)), (&*directory, 0o600));
        let name = agent.socket.file_name().unwrap().to_str().unwrap();
        let random = name.strip_prefix(&format!("s.{}.agent.", host())).unwrap_or_else(|| panic!("{name}"));
        assert!(is_random(random, 10), "{name}");
        assert_eq!(agent.ssh_add(&caller.scratch, &["-l"]).1, "The agent has no identities.\n");
    }
    // One each, and not a file more.
    assert_eq!(caller.files().len(), 3);
    assert!(agents[0].pid != agents[1].pid && agents[0].socket != agents[1].socket);
    // Who connects sees the agent, and not the process that has started it.
    let listener = getsockopt(agents[0].conn().stream(), PeerCredentials).unwrap().pid();
    assert_eq!(u32::try_from(listener).unwrap(), agents[0].pid);
    for agent in agents {
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.ends(), 2);
    }
    caller.nothing_is_left();
}

#[test]
fn with_t_it_is_in_a_directory_of_its_own() {
    let caller = Caller::new();
    for arguments in [&["-Ts"][..], &["-T", "-U", "-s"]] {
        let agent = caller.start(arguments);
        let directory = agent.socket.parent().unwrap();
        assert_eq!(directory.parent().unwrap(), caller.scratch.path("tmp"));
        let name = directory.file_name().unwrap().to_str().unwrap();
        assert!(name.strip_prefix("ssh-").is_some_and(|random| is_random(random, 12)), "{name}");
        let parent = agent.socket.file_name().unwrap().to_str().unwrap().strip_prefix("agent.").unwrap();
        assert!(parent.parse::<u32>().unwrap() != agent.pid, "it is the number of who was called");
        assert_eq!((mode(directory), mode(&agent.socket)), (0o700, 0o600));
        assert_eq!(caller.files().len(), 2);
        agent.signal(Signal::SIGHUP);
        assert_eq!(agent.ends(), 2);
        caller.nothing_is_left();
    }
}

/// The modes are what they are, whatever the caller's umask takes or leaves.
#[test]
fn the_umask_changes_no_mode() {
    let caller = Caller::new();
    for umask in ["0", "0777", "022"] {
        for form in ["", "-T", "-a /tmp/../$PWD/s"] {
            let mut shell = caller.scratch.command("sh");
            shell.args(["-c", &format!("umask {umask}; exec \"$0\" -s {form}")]);
            let (status, out, err) = run(shell.arg(caller.scratch.path("bin/ssh-agent")));
            assert_eq!((status, err.as_str()), (0, ""), "{umask} {form}");
            let agent = Started::read(&out);
            assert_eq!(mode(&agent.socket), 0o600);
            if !form.starts_with("-a") {
                assert_eq!(mode(agent.socket.parent().unwrap()), 0o700);
            }
            agent.signal(Signal::SIGTERM);
            assert_eq!(agent.ends(), 2);
        }
    }
    caller.nothing_is_left();
}

/// A relative path is told as it was given, and removed wherever the agent is by then.
#[test]
fn a_relative_path_is_removed_too() {
    let caller = Caller::new();
    let agent = caller.start(&["-s", "-a", "tmp/s"]);
    assert_eq!(agent.socket, Path::new("tmp/s"));
    let path = caller.scratch.path("tmp/s");
    assert!(path.exists());
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.ends(), 2);
    assert!(!path.exists());
    caller.nothing_is_left();
}

#[test]
fn places_that_cannot_be_prepared() {
    let caller = Caller::new();
    let home = |path: &Path, arguments: &[&str]| run(caller.agent(arguments).env("HOME", path));
    let long = caller.scratch.path("home").join("d".repeat(90));
    std::fs::create_dir(&long).unwrap();
    let (status, out, err) = home(&long, &[]);
    assert_eq!((status, out.as_str()), (255, ""));
    assert!(err.contains("too long for Unix domain socket\nmain: Couldn't prepare agent socket\n"), "{err}");
    let (status, _, err) = home(Path::new("/nonexistent"), &[]);
    assert!(status == 255 && err.ends_with("main: Couldn't prepare agent socket\n"), "{status} {err}");
    std::fs::remove_dir_all(long).unwrap();
    // Where others could put another socket in its place.
    let agents = caller.scratch.path("home/.ssh/agent");
    crate::support::private_dir(&agents);
    std::fs::set_permissions(&agents, PermissionsExt::from_mode(0o770)).unwrap();
    let (status, _, err) = run(&mut caller.agent(&["-s"]));
    assert!(status == 255 && err.contains("not a directory that only you can change"), "{status} {err}");
    let (status, _, err) = run(caller.agent(&["-T"]).env("TMPDIR", "/nonexistent"));
    assert_eq!((status, err.as_str()), (1, "mkdtemp: private socket dir: No such file or directory\n"));
    let (status, _, err) = run(&mut caller.agent(&["-a", "x\ny"]));
    assert!(status == 255 && err.contains("control characters"), "{status} {err}");
    assert!(run(&mut caller.agent(&["-a", ""])).2.contains("cannot bind to path : "));
    caller.nothing_is_left();
}

/// A path with blanks is in double quotes, as in 10.5; what OpenSSH's quoting leaves open is closed.
#[test]
fn paths_are_quoted() {
    let caller = Caller::new();
    let shown = |name: &str| {
        let path = caller.scratch.path("tmp").join(name);
        let (status, out, err) = run(caller.agent(&["-s", "-a"]).arg(&path));
        assert_eq!((status, err.as_str()), (0, ""), "{name}");
        let line = out.lines().next().unwrap().to_owned();
        let mut shell = caller.scratch.command("sh");
        let script = "eval \"$1\" >/dev/null; printf %s \"$SSH_AUTH_SOCK\"; kill $SSH_AGENT_PID";
        let (_, seen, _) = run(shell.args(["-c", script, "sh", &out]));
        crate::support::wait_until("it is gone", || !path.exists());
        (line, Path::new(&seen) == path)
    };
    let quoted = |text: &str| {
        format!(
            "SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;",
            text.replace('~', caller.scratch.path("tmp").to_str().unwrap())
        )
    };
    assert_eq!(shown("plain"), (quoted("~/plain"), true));
    assert_eq!(shown("a b"), (quoted("\"~/a b\""), true));
    assert_eq!(shown("a\tb"), (quoted("\"~/a\tb\""), true));
    assert_eq!(shown("a'b"), (quoted("~/a\\'b"), true));
    assert_eq!(shown("a \"b\\"), (quoted("\"~/a \\\"b\\\\\""), true));
    for name in ["$(exit 1)", "a;b", "*", "`x`", "a&b", "50% off!", "~x", "{a,b}"] {
        assert!(shown(name).1, "{name}");
    }
    caller.nothing_is_left();
}

#[test]
#[ignore = "needs tcsh: the lines are for it"]
fn csh_takes_its_lines() {
    let caller = Caller::new();
    let mut shell = caller.scratch.command("tcsh");
    let script = format!(
        "setenv SHELL /bin/csh; eval `{0}`; ssh-add -l; eval `{0} -k`; printenv SSH_AUTH_SOCK; printenv SSH_AGENT_PID",
        caller.scratch.path("bin/ssh-agent").display()
    );
    let (_, out, err) = run(shell.args(["-fc", &script]));
    assert_eq!(err, "");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("Agent pid ") && lines[2].ends_with(" killed"), "{out}");
    assert_eq!(lines[1], "The agent has no identities.");
    caller.nothing_is_left();
}

/// The user's lasting agent is another one, and stays so.
#[test]
fn it_has_nothing_of_the_lasting_agent() {
    let caller = Caller::new();
    let place = caller.scratch.path("run/agent.sock");
    let agent = {
        let (status, out, _) = run(caller.agent(&["-s"]).env("MYAGENT_SOCK", &place));
        assert_eq!(status, 0);
        Started::read(&out)
    };
    let status =
        run(caller.scratch.command(crate::support::myagent()).arg("status").env("MYAGENT_SOCK", &place));
    assert_eq!(status.0, 1, "{status:?}");
    assert!(agent.socket.starts_with(caller.scratch.path("home/.ssh/agent")));
    assert_eq!(std::fs::metadata(&agent.socket).unwrap().uid(), nix::unistd::geteuid().as_raw());
    assert_eq!(caller.files(), [agent.socket.as_path()]);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.ends(), 2);
}
