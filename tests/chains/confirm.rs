//! `ssh-add -c`: a person is asked also where the login is from a host that the agent is forwarded to.

use crate::sides::Side;
use crate::support::{Agent, Scratch, myagent};
use crate::world::{Outcome, World};

/// An agent that asks by the user's askpass program.
fn asking(side: Side, scratch: &Scratch) -> Agent {
    let socket = scratch.path("run/agent.sock");
    let mut command = match side {
        Side::Openssh => scratch.command("ssh-agent"),
        Side::Ours => scratch.command(myagent()),
    };
    match side {
        Side::Openssh => command.arg("-D").arg("-a").arg(&socket),
        Side::Ours => command.args(["start", "--foreground"]).env("MYAGENT_SOCK", &socket),
    };
    command.stderr(std::fs::File::create(scratch.path("agent.log")).unwrap());
    command.env("SSH_ASKPASS", scratch.path("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
    Agent::spawn(command, socket)
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn each_use_from_afar_is_confirmed() {
    for side in [Side::Openssh, Side::ours()] {
        println!("{side:?}");
        let world = World::with(|scratch| asking(side, scratch));
        let World { client, key, .. } = &world;
        let fingerprint = key.fingerprint(client);
        // Bound as well: where it may not be used nobody is asked.
        for (destinations, way, listed, usable) in [
            (&[][..], &["a", "b"][..], "y", true),
            (&["a", "a>b"], &["a", "b"], "y", true),
            (&["a", "a>c"], &["a", "b"], "y", false),
            (&["b"], &["a", "b"], "n", false),
        ] {
            for (answer, yes) in [("yes", true), ("no", false)] {
                world.load_with(&["-c"], "known_hosts", destinations);
                client.answer(answer);
                client.questions();
                let outcome = world.go(way);
                let expected = Outcome { listed: listed.into(), arrived: usable && yes };
                assert_eq!(outcome, expected, "{side:?}: {destinations:?}, {way:?}: {answer}");
                let asked = client.questions().join("\n");
                assert_eq!(asked.contains(&fingerprint), usable, "{side:?}: {destinations:?}: {asked}");
            }
        }
    }
}
