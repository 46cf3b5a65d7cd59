//! What a forwarded peer may do with the agent, beside listing and signing: nothing, where OpenSSH's lets it delete,
//! add, lock and unlock. `--allow-remote-admin` is OpenSSH's way.

use crate::keys::{ED25519, Key, Kind};
use crate::sides::Side;
use crate::support::{Agent, Scratch, myagent};
use crate::world::World;

/// Whose agent, and whether its forwarded peers may administer it.
type Agents = (&'static str, fn(&Scratch) -> Agent, bool);

fn agents() -> [Agents; 3] {
    [
        ("OpenSSH's", |scratch| Side::Openssh.start(scratch), true),
        ("ours", |scratch| Side::ours().start(scratch), Side::ours() == Side::Openssh),
        ("ours, with --allow-remote-admin", administered, true),
    ]
}

fn administered(scratch: &Scratch) -> Agent {
    if Side::ours() == Side::Openssh {
        return Side::Openssh.start(scratch);
    }
    let socket = scratch.path("run/agent.sock");
    let mut command = scratch.command(myagent());
    command.args(["start", "--foreground", "--allow-remote-admin"]).env("MYAGENT_SOCK", &socket);
    command.stderr(std::fs::File::create(scratch.path("agent.log")).unwrap());
    Agent::spawn(command, socket)
}

/// Does `work` with each of the agents, on the hosts of this way: with a world in which the door's key and the key in
/// question are in the agent, and a function that runs a command on the last host of the way.
fn on_the_last_host(way: &[&str], work: impl Fn(&World, &dyn Fn(&str) -> (i32, String), bool)) {
    for (name, agent, may) in agents() {
        println!("{name}");
        let world = World::with(agent);
        world.load("known_hosts", &[]);
        for host in way {
            world.host(host).authorize(&[world.door.authorized_line(&world.client)]);
        }
        let there = |command: &str| {
            let (first, rest) = way.split_first().unwrap();
            // From its file where the agent is locked or empty.
            let door = world.door.path.to_str().unwrap();
            let onward = rest.iter().map(|host| format!("{} -i {door} -A {host} ", world.client.ssh_line()));
            let script = world.client.scratch.path("there");
            std::fs::write(&script, format!("exec 2>&1; {command}\n")).unwrap();
            let line = format!("{}sh {}", onward.collect::<String>(), script.display());
            let (status, out, errors) = world.client.ssh(&["-i", door, "-A", first, &line]);
            assert_ne!(status, 255, "{way:?}: {errors}");
            (status, out)
        };
        work(&world, &there, may);
    }
}

/// A command whose passphrase is asked for by the user's askpass program.
fn with_askpass(world: &World, command: &str) -> String {
    let askpass = world.client.scratch.path("askpass");
    format!("SSH_ASKPASS={} SSH_ASKPASS_REQUIRE=force {command}", askpass.display())
}

fn public(key: &Key) -> String {
    key.public().display().to_string()
}

/// Whether the key in question is in the agent, as the user sees it.
fn holds(world: &World, key: &Key) -> bool {
    world.client.listed().contains(&key.public_lines()[0])
}

fn nothing_is_administered(way: &[&str]) {
    on_the_last_host(way, |world, there, may| {
        let World { client, key, .. } = world;
        let status = i32::from(!may);
        // Listing and signing.
        assert_eq!(there("ssh-add -l | wc -l").1.trim(), "2");
        assert_eq!(there(&format!("ssh-add -T {}", public(key))).0, 0);
        // Removing one key.
        assert_eq!(there(&format!("ssh-add -qd {}", public(key))).0, status);
        assert_eq!(holds(world, key), !may);
        // Adding one, also one that is there, and not for ever.
        let other = Key::make(client, "other", Kind::plain(&ED25519));
        assert_eq!(there(&format!("ssh-add -q {}", other.path.display())).0, status);
        assert_eq!(holds(world, &other), may);
        assert_eq!(there(&format!("ssh-add -q -t 3600 {}", key.path.display())).0, status);
        assert!(holds(world, key));
        // Locking: the list stays as it is.
        assert_eq!(there(&with_askpass(world, "ssh-add -x")).0, status);
        assert_eq!(client.listed().is_empty(), may);
        // Unlocking, where the agent is locked.
        if !may {
            assert_eq!(client.ssh_add(&["-x"]).0, 0);
        }
        assert_eq!(there(&with_askpass(world, "ssh-add -X")).0, status);
        assert_eq!(client.listed().is_empty(), !may);
        if !may {
            assert_eq!(client.ssh_add(&["-X"]).0, 0);
        }
        assert!(holds(world, key));
        // Removing all.
        assert_eq!(there("ssh-add -qD").0, status);
        assert_eq!(client.listed().is_empty(), may);
        client.clear();
        assert!(client.listed().is_empty());
    });
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn a_forwarded_peer_administers_nothing() {
    nothing_is_administered(&["a"]);
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn nor_does_one_behind_it() {
    nothing_is_administered(&["a", "d"]);
}

/// Also where a forwarded peer may administer: what it does not see it does not touch.
#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn a_hidden_key_is_no_key() {
    on_the_last_host(&["a"], |world, there, _| {
        let key = &world.key;
        world.load("known_hosts", &["b"]);
        assert_eq!(there("ssh-add -l | wc -l").1.trim(), "1");
        assert_eq!(there(&format!("ssh-add -T {}", public(key))).0, 1);
        assert_eq!(there(&format!("ssh-add -qd {}", public(key))).0, 1);
        // Added anew it would be bound to nothing.
        assert_eq!(there(&format!("ssh-add -q {}", key.path.display())).0, 1);
        assert_eq!(there("ssh-add -l | wc -l").1.trim(), "1");
        assert!(holds(world, key));
    });
}
