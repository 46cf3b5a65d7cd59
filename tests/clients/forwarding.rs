//! Agent forwarding: from a server, with `ssh -A`, on to the next one, and no key on the way.

use crate::client::Client;
use crate::keys::{ED25519, Key, Kind, for_every_kind};
use crate::sshd::Sshd;
use crate::support::private_dir;

/// Writes the configuration of the user on the first server, who knows only the second one.
fn second_hop(client: &Client, second: &Sshd) -> String {
    let (config, known) = (client.scratch.path("hop_config"), client.scratch.path("hop_known_hosts"));
    std::fs::write(&known, second.known_hosts_line(second.port) + "\n").unwrap();
    let text = format!(
        "BatchMode yes\nIdentityFile none\nStrictHostKeyChecking yes\nUpdateHostKeys no\nControlPath none\n\
         UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\n",
        known.display()
    );
    std::fs::write(&config, text).unwrap();
    format!("ssh -F {} -p {} {}@127.0.0.1", config.display(), second.port, client.user())
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn forwarded_login_to_a_second_sshd_with_every_key_type() {
    let client = Client::new();
    let (first, second) = (Sshd::start(&client, "first"), Sshd::start(&client, "second"));
    client.configure(&[("first", &first, "")]);
    let onward = second_hop(&client, &second);
    for_every_kind(|kind| {
        client.clear();
        let door = Key::make(&client, &format!("{}-door", kind.slug()), Kind::plain(&ED25519));
        first.authorize(&[door.authorized_line(&client)]);
        client.load(&door);
        let key = Key::make(&client, &kind.slug(), kind);
        second.authorize(&[key.authorized_line(&client)]);
        client.load(&key);
        let (before_first, before) = (first.logins(), second.logins());
        let command = format!("echo $SSH_AUTH_SOCK; {onward} 'echo arrived in $HOME'");
        let (status, output, errors) = client.ssh(&["-A", "first", &command]);
        assert_eq!(status, 0, "{kind}: {errors}");
        let (socket, arrived) = output.trim_end().split_once('\n').unwrap_or_else(|| panic!("{output}"));
        assert!(
            !socket.is_empty() && socket != client.agent.socket.to_str().unwrap(),
            "not forwarded: {socket}"
        );
        assert_eq!(arrived, format!("arrived in {}", second.home().display()), "{kind}: {errors}");
        first.assert_logins(&client, before_first, 1, &door);
        second.assert_logins(&client, before, 1, &key);
    });
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn no_second_login_where_the_agent_is_not_forwarded() {
    let client = Client::new();
    let (first, second) = (Sshd::start(&client, "first"), Sshd::start(&client, "second"));
    client.configure(&[("first", &first, "")]);
    let onward = second_hop(&client, &second);
    let key = Key::make(&client, "key", Kind::plain(&ED25519));
    for sshd in [&first, &second] {
        sshd.authorize(&[key.authorized_line(&client)]);
    }
    client.load(&key);
    let (status, output, errors) = client.ssh(&["first", &format!("echo first; {onward} echo second")]);
    assert_eq!((status, output.as_str()), (255, "first\n"), "{errors}");
    assert!(errors.contains("Permission denied (publickey)"), "{errors}");
    first.assert_logins(&client, 0, 1, &key);
    assert_eq!(second.logins(), 0);
    // What the forwarded agent lists is what the user's agent holds.
    let (status, output, errors) = client.ssh(&["-A", "first", "ssh-add -L"]);
    assert_eq!((status, output.trim_end()), (0, key.public_lines()[0].as_str()), "{errors}");
}

/// `myagent start` in a login that has brought an agent along: nothing to print, nothing to start.
#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn a_forwarded_agent_is_kept_by_start() {
    let client = Client::new();
    let first = Sshd::start(&client, "first");
    client.configure(&[("first", &first, "")]);
    let key = Key::make(&client, "key", Kind::plain(&ED25519));
    first.authorize(&[key.authorized_line(&client)]);
    client.load(&key);
    let runtime = first.home().join("run");
    private_dir(&runtime);
    let ours = format!("XDG_RUNTIME_DIR={} {}", runtime.display(), crate::support::myagent().display());
    let line = format!("before=$SSH_AUTH_SOCK; eval \"$({ours} start --shell sh)\"");
    let told = "echo $? $([ \"$SSH_AUTH_SOCK\" = \"$before\" ] && echo same || echo other); ssh-add -L";
    let (status, output, errors) = client.ssh(&["-A", "first", &format!("{line}; {told}")]);
    assert_eq!((status, errors.as_str()), (0, ""), "{output}");
    assert_eq!(output.trim_end(), format!("0 same\n{}", key.public_lines()[0]));
    assert!(!runtime.join("myagent").exists(), "an agent was started all the same");
    // Without -A, or on wish, it is the host's own; and that ends with the test.
    let own = |options: &[&str], start: &str| {
        let script =
            format!("before=$SSH_AUTH_SOCK; eval \"$({ours} {start} --shell sh)\"; {told}; {ours} stop");
        let (_, output, errors) = client.ssh(&[options, &["first", &script]].concat());
        assert_eq!((output.as_str(), errors.as_str()), ("0 other\nThe agent has no identities.\n", ""));
    };
    own(&[], "start");
    own(&["-A"], "start --replace-forwarded");
}
