//! `list`, `remove`, `lock` and `unlock`.

use crate::desk::{Desk, public};

#[test]
fn the_list_is_that_of_ssh_add() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["list"]), (1, "The agent has no identities.\n".to_owned(), String::new()));
    assert_eq!(desk.run(&["list", "--json"]), (1, "{\"keys\":[]}\n".to_owned(), String::new()));
    for name in ["putty-rsa3072.v3.ppk", "putty-ecdsa521.v2.ppk", "putty-ed25519.certified.ppk"] {
        desk.add(&[], &[&desk.copy(name)]);
    }
    assert_eq!(desk.run(&["list"]), desk.ssh_add(&["-l"]));
    assert_eq!(desk.run(&["list", "-L"]), desk.ssh_add(&["-L"]));
    let (status, out, _) = desk.run(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    let key = &list["keys"][0];
    assert_eq!((status, &key["type"], &key["bits"]), (0, &"RSA".into(), &3072.into()));
    assert_eq!(
        (&key["comment"], &key["public"]),
        (&"by putty-rsa3072".into(), &public("putty-rsa3072").into())
    );
    assert_eq!(list["keys"][3]["type"], "ED25519-CERT");
}

#[test]
fn nothing_in_a_comment_acts_on_the_terminal() {
    let desk = Desk::new();
    let public = [&b"sk-ssh-ed25519@openssh.com"[..], &[9; 32], b"ssh:"];
    let text = crate::samples::container(&public, Some((1, &[b"handle", b""])), "\x1b[2J\nred");
    let file = desk.write("key", text.as_bytes());
    let out = desk.add(&[], &[&file]);
    let (_, list, _) = desk.run(&["list"]);
    for text in [out, list] {
        assert!(!text.contains('\x1b') && text.lines().count() == 1, "{text:?}");
        assert!(text.contains("\\u{1b}[2J\\nred"), "{text:?}");
    }
}

#[test]
fn keys_are_removed_by_file_and_by_fingerprint_with_their_certificates() {
    let desk = Desk::new();
    let certified = desk.copy("putty-ed25519.certified.ppk");
    let encrypted = desk.copy("openssl-rsa2048.pkcs8-encrypted");
    let plain = desk.copy("openssl-ecdsa256.sec1");
    let putty = desk.copy("putty-rsa2048.v3-encrypted.ppk");
    let add = || desk.add(&[], &[&certified, &encrypted, &plain, &putty]);
    add();
    assert_eq!(desk.held().len(), 5);
    let (_, list, _) = desk.run(&["list"]);
    let fingerprint = |line: usize| list.lines().nth(line).unwrap().split(' ').nth(1).unwrap().to_owned();
    let (status, out, err) = desk.run(&["remove", certified.to_str().unwrap()]);
    assert_eq!((status, err.as_str(), out.lines().count()), (0, "", 2), "{out}");
    assert_eq!(desk.run(&["remove", &fingerprint(2)]).0, 0);
    assert_eq!(desk.held().len(), 2);
    // The private half is not needed where the public one can be seen, and its passphrase never.
    let before = desk.asked().len();
    for file in [&plain, &putty] {
        assert_eq!(desk.run(&["remove", file.to_str().unwrap()]).0, 0, "{}", file.display());
    }
    assert_eq!((desk.held().len(), desk.asked().len()), (0, before));
    add();
    let (status, _, err) = desk.run(&["remove", encrypted.to_str().unwrap(), &fingerprint(0)]);
    let hidden = format!(
        "myagent: {}: its public half is behind its passphrase\nhint: name its fingerprint: myagent list\n",
        encrypted.display()
    );
    assert_eq!((status, err), (1, hidden));
    assert_eq!(desk.held().len(), 3, "the other one was removed");
    std::fs::write(format!("{}.pub", encrypted.display()), public("openssl-rsa2048")).unwrap();
    assert_eq!(desk.run(&["remove", encrypted.to_str().unwrap()]).0, 0);
    let (status, _, err) = desk.run(&["remove", "SHA256:none"]);
    assert!(
        status == 1 && err.starts_with("myagent: the agent holds no key of SHA256:none\nhint: "),
        "{err}"
    );
    assert_eq!(desk.run(&["remove", "--all"]), (0, String::new(), String::new()));
    assert_eq!(desk.held().len(), 0);
}

#[test]
fn a_locked_agent_shows_and_gives_nothing_until_it_is_unlocked() {
    let desk = Desk::new();
    desk.add(&[], &[&desk.copy("putty-ed25519.v3.ppk")]);
    let (status, _, err) = desk.fed(&["lock"], "one\ntwo\n");
    assert_eq!((status, err.as_str()), (1, "myagent: the passwords are not the same; nothing was changed\n"));
    let (status, _, err) = desk.fed(&["lock"], "\n");
    assert_eq!((status, err.as_str()), (1, "myagent: no password was entered; nothing was changed\n"));
    assert_eq!(desk.held().len(), 1);
    assert_eq!(desk.fed(&["lock"], "pass word\npass word\n"), (0, String::new(), String::new()));
    assert_eq!(desk.run(&["list"]).0, 1);
    let (status, _, err) = desk.fed(&["lock"], "pass word\npass word\n");
    assert_eq!((status, err.as_str()), (1, "myagent: the agent refused: it is locked already\n"));
    let (status, _, err) = desk.fed(&["unlock"], "pass\n");
    assert_eq!(
        (status, err.as_str()),
        (1, "myagent: the agent refused: the password is wrong, or it is not locked\n")
    );
    assert_eq!(desk.held().len(), 0);
    desk.answer("pass word");
    assert_eq!(desk.run(&["unlock"]), (0, String::new(), String::new()));
    assert_eq!(desk.held().len(), 1);
    // ssh-add's password is the same password.
    assert_eq!(desk.run(&["lock"]), (0, String::new(), String::new()));
    let mut command = desk.scratch.command("ssh-add");
    command.arg("-X").env("SSH_AUTH_SOCK", &desk.agent.socket);
    command.env("SSH_ASKPASS", desk.scratch.path("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
    assert_eq!(crate::support::run(&mut command).0, 0);
    assert_eq!(desk.held().len(), 1);
}

/// The blanks of a password are a part of it, as they are at a terminal and for ssh-add.
#[test]
fn a_password_on_standard_input_is_taken_as_it_is() {
    let desk = Desk::new();
    desk.add(&[], &[&desk.copy("putty-ed25519.v3.ppk")]);
    assert_eq!(desk.fed(&["lock"], " pass word \t\n pass word \t\n").0, 0);
    assert_eq!(desk.fed(&["unlock"], " pass word\n").0, 1);
    assert_eq!(desk.fed(&["unlock"], " pass word \t\r\n").0, 0);
    assert_eq!(desk.held().len(), 1);
}

/// A key's two files name the same key: it is removed once, and nothing is wrong.
#[test]
fn what_was_removed_is_said_once() {
    let desk = Desk::new();
    let file = desk.copy("openssh-ed25519.plain");
    let beside =
        desk.write("openssh-ed25519.plain.pub", format!("{}\n", public("openssh-ed25519")).as_bytes());
    desk.add(&[], &[&file]);
    let (status, out, err) = desk.run(&["remove", file.to_str().unwrap(), beside.to_str().unwrap()]);
    assert_eq!((status, out.lines().count(), err.as_str()), (0, 1, ""), "{out}");
    let (status, out, err) = desk.run(&["remove", file.to_str().unwrap()]);
    assert!(status == 1 && out.is_empty() && err.contains("the agent holds no key of"), "{out}{err}");
}
