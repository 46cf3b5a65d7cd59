//! Where there is to be a relay, where there is not, and that there is one.

use crate::support::{pseudo_terminal, run, wait_until};
use crate::world::{World, lives, pid_in, socket_in};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Barrier;

/// A login with twenty panes.
const SHELLS: usize = 20;

fn start_at_once(world: &World) -> Vec<Output> {
    let barrier = Barrier::new(SHELLS);
    std::thread::scope(|scope| {
        let call = || {
            let mut command = world.myagent(&["start", "--shell", "sh"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            barrier.wait();
            command.output().unwrap()
        };
        let calls: Vec<_> = (0..SHELLS).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

#[test]
fn twenty_shells_at_once_get_one_relay() {
    let world = World::new();
    let mut pids = Vec::new();
    for output in start_at_once(&world) {
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
        assert_eq!(socket_in(&out), Some(world.socket.as_path()));
        pids.extend(pid_in(&out));
    }
    assert_eq!(pids.len(), 1, "one call forks: {pids:?}");
    assert_eq!(world.status()["relay"]["pid"], pids[0]);
    assert_eq!(run(&mut world.myagent(&["stop"])).0, 0);
    world.nothing_is_left(pids[0]);
}

#[test]
fn a_later_start_finds_it_and_starts_nothing_in_windows() {
    let world = World::new();
    let relay = world.start();
    let before = world.calls().len();
    let (status, out, err) = run(&mut world.myagent(&["start", "--shell", "sh"]));
    assert_eq!((status, err.as_str(), pid_in(&out)), (0, "", None), "{out}");
    assert_eq!(socket_in(&out), Some(world.socket.as_path()));
    let later: Vec<_> = world.calls().into_iter().skip(before).map(|(_, arguments)| arguments).collect();
    assert_eq!(later, ["relay"], "the agent is asked once whether it answers");
    assert_eq!(world.status()["relay"]["pid"], relay);
}

/// The options of a new agent are for the one in Windows, which has fewer of them.
#[test]
fn the_options_of_an_agent_go_to_windows() {
    let world = World::new();
    let options =
        ["--allow-remote-admin", "--log", "debug", "--trust-own-binary", "--secret-memory", "mlock"];
    let (status, _, err) = run(&mut world.myagent(&[&["start"], &options[..]].concat()));
    assert_eq!((status, err.as_str()), (0, ""));
    let (_, first) = world.calls().swap_remove(0);
    assert_eq!(first, "start --shell=env --log=debug --allow-remote-admin");
}

/// What Windows' side says of an agent that it starts is said here, to a person, and so is what it cannot do.
#[test]
fn what_windows_has_to_say_is_said_here() {
    use std::io::Read;
    let world = World::new();
    world.behaves("[ $1 = relay ] || printf 'myagent: it may end\\033\\n' >&2");
    let (mut master, slave) = pseudo_terminal();
    let mut start = world.myagent(&["start", "--providers", "/opt/*"]);
    let status = start.stdout(Stdio::null()).stderr(slave).status().unwrap();
    drop(start);
    let mut shown = Vec::new();
    // Ends with an error where the other end is closed.
    let _ = master.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert!(status.success(), "{shown}");
    let expected =
        ["myagent: --providers is nothing to the agent of Windows", r"myagent: in Windows: it may end\u{1b}"];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

/// An agent of this Linux, and `myagent.exe` was not called.
fn is_of_linux(world: &World, what: &str) {
    assert_eq!(world.calls(), [], "{what}");
    let status = world.status();
    assert_eq!((&status["running"], &status["relay"]), (&true.into(), &serde_json::Value::Null), "{what}");
    assert_eq!(run(&mut world.myagent(&["stop"])).0, 0, "{what}");
}

#[test]
fn whoever_asks_for_an_agent_of_this_linux_gets_that() {
    let world = World::new();
    assert_eq!(run(&mut world.myagent(&["start", "--daemon"])).0, 0);
    is_of_linux(&world, "--daemon");
    assert_eq!(run(world.myagent(&["start"]).env("PATH", "/usr/bin:/bin")).0, 0);
    is_of_linux(&world, "no myagent.exe on the path");
    let (status, out, _) = run(&mut world.myagent(&["start", "--", "ssh-add", "-l"]));
    assert_eq!((status, out.as_str()), (1, "The agent has no identities.\n"));
    assert_eq!(world.calls(), []);
    let mut foreground =
        world.myagent(&["start", "--foreground", "--log", "off"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until("it answers", || run(&mut world.myagent(&["status"])).0 == 0);
    is_of_linux(&world, "--foreground");
    assert!(foreground.wait().unwrap().success());
}

/// The variables of WSL, and what the kernel knows, decide; `myagent.exe` alone does not.
#[test]
fn outside_of_wsl_nothing_of_this_happens() {
    let world = World::new();
    let names = ["WSLInterop", "WSLInterop-late"];
    let in_wsl = names.iter().any(|name| Path::new("/proc/sys/fs/binfmt_misc").join(name).exists());
    for variable in [None, Some("")] {
        let mut start = world.outside(&["start"]);
        start.envs(variable.map(|value| ("WSL_INTEROP", value)));
        assert_eq!(run(&mut start).0, 0);
        assert_eq!(world.status()["relay"].is_null(), !in_wsl);
        assert_eq!(world.calls().is_empty(), !in_wsl);
        assert_eq!(run(&mut world.myagent(&["stop"])).0, 0);
    }
    for variable in ["WSL_INTEROP", "WSL_DISTRO_NAME"] {
        let (status, out, err) = run(world.outside(&["start", "--shell", "sh"]).env(variable, "x"));
        assert_eq!((status, err.as_str()), (0, ""), "{variable}");
        let relay = pid_in(&out).unwrap();
        assert!(lives(relay) && world.status()["relay"]["pid"] == relay, "{variable}");
        assert_eq!(run(&mut world.myagent(&["stop"])).0, 0);
    }
}
