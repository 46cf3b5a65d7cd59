//! A `myagent.exe` that fails, talks nonsense, hangs, or ends in the middle of its answer.

use crate::keys::Key;
use crate::support::{run, wait_until};
use crate::wire::{self, SUCCESS};
use crate::world::{World, lives};
use std::process::Stdio;

/// Start gives up, says why and what to do, and leaves nothing behind.
fn start_fails(behaviour: &str, reason: &str) {
    let world = World::new();
    world.behaves(behaviour);
    let (status, out, err) = run(&mut world.myagent(&["start", "--shell", "sh"]));
    assert_eq!((status, out.as_str()), (1, ""), "{behaviour}: {err}");
    let hint =
        "hint: see what it says: myagent.exe start; or have an agent of this Linux: myagent start --daemon";
    assert!(err.contains(reason) && err.contains(hint), "{behaviour}: {err}");
    wait_until("nothing of it runs", || world.calls().iter().all(|(pid, _)| !lives(*pid)));
    assert!(!world.socket.exists(), "{behaviour}");
    // Nothing is in the way of the next one.
    world.behaves("");
    world.start();
}

#[test]
fn a_start_in_windows_that_fails_is_named() {
    start_fails("echo 'myagent: no place for it' >&2; exit 1", "no place for it");
    start_fails("exit 9", "9");
    start_fails("kill -9 $$", "9");
}

#[test]
fn a_start_in_windows_that_says_nonsense_is_named() {
    start_fails("echo hello; exit 0", "myagent.exe start names no agent");
    start_fails("exit 0", "names no agent");
}

#[test]
fn a_start_in_windows_that_hangs_is_ended() {
    start_fails("exec sleep 1000", "did not end within 20 seconds");
}

#[test]
fn a_relay_that_gives_no_agent_s_answer_is_no_relay() {
    let relays = |script: &str| format!("if [ $1 = relay ]; then {script}; fi");
    start_fails(&relays("echo 'myagent: no agent is running' >&2; exit 1"), "no agent is running");
    start_fails(&relays("exit 0"), "it ended with");
    start_fails(&relays("echo nonsense; exec sleep 1000"), "bytes is announced");
    start_fails(
        &relays(r"printf '\000\000\000\001\005'; exec cat > /dev/null"),
        "it gives no agent's answer",
    );
    start_fails(&relays(r"printf '\000\000\000\011\014'; exit 0"), "ended");
}

#[test]
fn a_relay_that_hangs_is_no_relay() {
    start_fails("if [ $1 = relay ]; then exec sleep 1000; fi", "it gives no answer within 8 seconds");
}

/// With a relay that works, for the clients that come while it does not.
fn clients_are_closed(script: &str, reason: &str) {
    let world = World::new();
    let relay = world.start();
    let key = Key::generate(&world.linux, "key", &["ed25519"]);
    let mut good = world.conn();
    good.expect(&wire::add(&key.private, b"mine"), SUCCESS);
    world.relays(script);
    let mut bad = world.conn();
    assert_eq!(bad.ask(&wire::list()), None, "{script}");
    wait_until("the log has the reason", || world.log().contains(reason));
    assert_eq!(good.comments(), ["mine"], "others are not concerned");
    world.relays(":");
    assert_eq!(world.conn().comments(), ["mine"]);
    drop(good);
    world.wait_for_children(0);
    assert!(lives(relay));
}

#[test]
fn a_child_that_fails_closes_its_connection_alone() {
    clients_are_closed("echo 'myagent: it is gone' >&2; exit 1", "it is gone");
    clients_are_closed("exit 7", "7");
    clients_are_closed("head -c 5 > /dev/null; kill -9 $$", "9");
}

#[test]
fn a_child_that_says_nonsense_closes_its_connection_alone() {
    clients_are_closed("echo nonsense; exec sleep 1000", "bytes is announced");
    clients_are_closed("yes", "bytes is announced");
}

#[test]
fn a_child_that_ends_in_the_middle_of_an_answer_closes_its_connection_alone() {
    clients_are_closed(r"printf '\000\000\001\000\014'; exit 3", "3");
    clients_are_closed(r"printf '\000\000'; exit 0", "ended");
}

/// Also one that asks for nothing at the moment: its session in Windows is gone, and no new one is passed off as that.
#[test]
fn a_child_that_ends_closes_its_idle_connection() {
    let world = World::new();
    world.start();
    let mut conns = [world.conn(), world.conn()];
    for conn in &mut conns {
        assert_eq!(conn.comments(), [""; 0]);
    }
    let child = world.calls().into_iter().rfind(|(_, arguments)| arguments == "relay").unwrap().0;
    let pid = nix::unistd::Pid::from_raw(child.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(conns[1].recv(), None);
    wait_until("the log says so", || world.log().contains("no way to Windows' agent any more"));
    assert_eq!(conns[0].comments(), [""; 0]);
}

/// What it says reaches the log as one harmless line.
#[test]
fn what_a_child_says_is_bounded_and_harmless() {
    clients_are_closed(r"printf '\033[2Jrude\007\n' >&2; exit 1", "rude");
    let world = World::new();
    world.start();
    world.relays(r"printf '\033[2Jrude\007\n' >&2; head -c 50000 /dev/zero | tr '\0' x >&2; exit 1");
    assert_eq!(world.conn().ask(&wire::list()), None);
    wait_until("the log has it", || world.log().contains("rude"));
    let log = std::fs::read(world.socket.with_file_name("agent.log")).unwrap();
    assert!(!log.contains(&0x1b) && !log.contains(&7) && log.len() < 8192);
    world.wait_for_children(0);
}

/// Whoever waits for one that hangs keeps nobody else waiting, and may go.
#[test]
fn a_child_that_hangs_ends_with_its_client() {
    let world = World::new();
    let relay = world.start();
    world.wait_for_children(0);
    world.relays("exec sleep 1000");
    let mut waiting: Vec<_> = (0..3).map(|_| world.conn()).collect();
    waiting.iter_mut().for_each(|conn| conn.send(&wire::list()));
    world.wait_for_children(3);
    world.relays(":");
    assert_eq!(world.conn().comments(), [""; 0]);
    waiting.truncate(1);
    world.wait_for_children(1);
    assert_eq!(run(&mut world.myagent(&["stop"])).0, 0);
    world.nothing_is_left(relay);
}

/// Nor do those that the system does not even start: only who needs a new one waits.
#[cfg(target_os = "linux")]
#[test]
fn a_start_that_hangs_ends_with_its_client() {
    use crate::world::Held;
    let world = World::new();
    let relay = world.start();
    let mut good = world.conn();
    assert_eq!(good.comments(), [""; 0]);
    let held = Held::new(&world);
    let mut waiting: Vec<_> = (0..8).map(|_| world.conn()).collect();
    waiting.iter_mut().for_each(|conn| conn.send(&wire::list()));
    wait_until("one is being started", || held.is_wanted());
    assert_eq!(good.comments(), [""; 0]);
    assert!(held.is_wanted(), "it waited with the others");
    let last = waiting.split_off(7);
    drop(waiting);
    drop(held);
    // Whoever is still there has an answer, and nothing runs for the others.
    for mut conn in last {
        assert!(conn.recv().is_some());
    }
    world.wait_for_children(1);
    let held = Held::new(&world);
    let mut waiting = world.conn();
    waiting.send(&wire::list());
    wait_until("one is being started", || held.is_wanted());
    assert_eq!(run(&mut world.myagent(&["stop"])).0, 0);
    wait_until("the relay has ended", || !lives(relay));
    assert!(held.is_wanted(), "it waited for the start");
    drop(held);
    world.nothing_is_left(relay);
}

/// Not even what it has started stays.
#[test]
fn what_a_child_leaves_behind_ends_with_it() {
    let world = World::new();
    let relay = world.start();
    let file = world.windows.path("grandchild");
    world.relays(&format!("sleep 1000 & echo $! > '{0}.new'; mv '{0}.new' '{0}'; wait", file.display()));
    let mut conn = world.conn();
    conn.send(&wire::list());
    wait_until("there is one", || file.exists());
    let grandchild: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    assert!(lives(grandchild));
    drop(conn);
    wait_until("it has ended", || !lives(grandchild));
    assert!(lives(relay));
}

/// A control answer is no better.
#[test]
fn a_status_that_cannot_be_had_is_refused_with_the_reason() {
    let world = World::new();
    let relay = world.start();
    for (script, reason) in [
        ("read line; echo nonsense; exit 0", "cannot be read"),
        ("echo 'myagent: no' >&2; exit 1", "myagent: no"),
    ] {
        world.behaves(&format!("if [ \"$*\" = 'relay --control' ]; then {script}; fi"));
        let (status, _, err) = run(&mut world.myagent(&["status"]));
        assert!(
            status == 1 && err.contains(reason) && err.contains(&format!("relay (pid {relay})")),
            "{err}"
        );
    }
    world.behaves("exit 1");
    assert_eq!(run(&mut world.myagent(&["stop"])).0, 0, "it needs nobody for that");
    world.nothing_is_left(relay);
}

/// However many wait for Windows in vain.
#[test]
fn commands_that_hang_do_not_keep_a_stop_waiting() {
    let world = World::new();
    let relay = world.start();
    let before = world.calls().len();
    world.behaves("exec sleep 1000");
    let status = || world.myagent(&["status"]).stderr(Stdio::null()).spawn().unwrap();
    let mut hanging: Vec<_> = (0..20).map(|_| status()).collect();
    wait_until("some of them hang", || world.calls().len() >= before + 8);
    for command in &mut hanging {
        command.kill().and_then(|()| command.wait()).unwrap();
    }
    let (status, _, err) = run(&mut world.myagent(&["stop"]));
    assert_eq!((status, err.as_str()), (0, ""));
    world.nothing_is_left(relay);
    assert!(world.calls().iter().all(|(pid, _)| !lives(*pid)));
}
