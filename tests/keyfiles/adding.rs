//! `myagent add` with a living agent: what it loads, what it asks, and what it says.

use crate::desk::{Desk, copies, public, read};
use crate::samples::container;
use crate::support::{Agent, Scratch, myagent, run};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// One passphrase for all, entered once; each key signs for ssh-add.
#[test]
fn files_of_every_form_are_added_and_sign() {
    let desk = Desk::new();
    let files = copies(&desk);
    let files: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
    let out = desk.add(&[], &files);
    assert_eq!(desk.asked().len(), 1, "{:?}", desk.asked());
    // Three of PuTTY's files bring a certificate.
    assert_eq!(out.lines().count(), files.len() + 3, "{out}");
    let keys: Vec<_> = desk.held().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    let mut names: Vec<_> = files
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap().split('.').next().unwrap())
        .collect();
    names.dedup();
    for name in &names {
        let key = public(name);
        assert!(keys.contains(&key.split(' ').nth(1).unwrap().to_owned()), "{name} is not there");
        let public = desk.write(&format!("{name}.pub"), key.as_bytes());
        let (status, _, err) = desk.ssh_add(&["-T", public.to_str().unwrap()]);
        assert_eq!(status, 0, "{name}: {err}");
    }
    // Two of the names are for one key.
    let distinct: std::collections::BTreeSet<_> = names.iter().map(|name| public(name)).collect();
    assert_eq!(keys.len(), distinct.len() + 3);
}

#[test]
fn a_wrong_passphrase_is_asked_for_three_times_and_loads_nothing() {
    let desk = Desk::new();
    desk.answer("wrong");
    for name in
        ["putty-ed25519.v3-encrypted.ppk", "openssh-ed25519.encrypted", "openssl-ecdsa256.pkcs8-encrypted"]
    {
        let file = desk.copy(name);
        let before = desk.asked().len();
        let err = desk.refused(&file);
        let path = file.display();
        assert_eq!(err, format!("myagent: {path}: the passphrase is wrong, or the file is damaged\n"));
        let again = format!("Bad passphrase, try again for {path}: ");
        assert_eq!(desk.asked()[before..], [format!("Enter passphrase for {path}: "), again.clone(), again]);
    }
    desk.answer("");
    let file = desk.copy("putty-rsa2048.v2-encrypted.ppk");
    let err = desk.refused(&file);
    assert_eq!(err, format!("myagent: {}: it needs its passphrase\n", file.display()));
}

/// What is wrong with one keeps no other from being added.
#[test]
fn the_others_are_added_and_the_status_is_1() {
    let desk = Desk::new();
    let mut damaged = read("putty-ed25519.v3.ppk");
    let at = damaged.windows(12).position(|window| window == b"Private-MAC:").unwrap() + 13;
    damaged[at] = if damaged[at] == b'0' { b'1' } else { b'0' };
    let damaged = desk.write("damaged.ppk", &damaged);
    let dsa = desk.copy("refused/dsa.ppk");
    let good = desk.copy("putty-ecdsa256.v2.ppk");
    let missing = desk.scratch.path("missing");
    let (status, out, err) = run(desk.command(&["add"]).args([&damaged, &dsa, &missing, &good]));
    assert_eq!(status, 1);
    assert!(out.starts_with(&format!("added {}: 256 SHA256:", good.display())), "{out}");
    assert!(out.ends_with(" by putty-ecdsa256 (ECDSA)\n"), "{out}");
    let expected = format!(
        "myagent: {}: it is damaged: its MAC is not that of its contents\n\
         myagent: {}: keys of type ssh-dss are not supported\n\
         hint: no OpenSSH since 10.0 takes it; make a new key\n\
         myagent: cannot read {}: No such file or directory (os error 2)\n",
        damaged.display(),
        dsa.display(),
        missing.display()
    );
    assert_eq!(err, expected);
    assert_eq!(desk.held().len(), 1);
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let desk = Desk::new();
    let file = desk.copy("putty-ed25519.v3.ppk");
    for mode in [0o640, 0o604, 0o620, 0o611] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let path = file.display();
        let expected = format!(
            "myagent: {path}: other users may use this file (mode {mode:04o})\nhint: close it to them: chmod 600 {path}\n"
        );
        assert_eq!(desk.refused(&file), expected);
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    desk.add(&[], &[&file]);
}

#[test]
fn lifetime_and_confirmation_are_the_keys() {
    let desk = Desk::new();
    let file = desk.copy("putty-ed25519.v3-encrypted.ppk");
    desk.add(&["-t", "1h", "-c"], &[&file]);
    assert_eq!(desk.asked(), [format!("Enter passphrase for {} (will confirm each use): ", file.display())]);
    let (_, status, _) = desk.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let key = &status["keys"][0];
    assert_eq!(key["confirm"], true);
    assert!((3500..=3600).contains(&key["remaining_seconds"].as_u64().unwrap()), "{key}");
    // For ever again.
    desk.add(&["-t", "0"], &[&file]);
    let (_, status, _) = desk.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(
        status["keys"][0]["remaining_seconds"].is_null() && status["keys"][0]["confirm"] == false,
        "{status}"
    );
}

#[test]
fn without_a_file_the_usual_ones_are_added_with_their_certificates() {
    let desk = Desk::new();
    let directory = desk.scratch.home().join(".ssh");
    crate::support::private_dir(&directory);
    let (status, _, err) = desk.run(&["add"]);
    let expected = format!(
        "myagent: there is no key in any of the usual files of {}\nhint: name the file: myagent add FILE\n",
        directory.display()
    );
    assert_eq!((status, err), (1, expected));
    let put = |name: &str, file: &str| std::fs::copy(desk.copy(file), directory.join(name)).unwrap();
    put("id_ed25519", "putty-ed25519.v3.ppk");
    put("id_ed25519-cert.pub", "putty-ed25519-cert.pub");
    put("id_rsa", "openssl-rsa2048.pkcs1");
    put("id_ecdsa", "openssh-ecdsa384.plain");
    put("id_other", "openssh-ecdsa256.plain");
    // Another key's.
    put("id_ecdsa-cert.pub", "putty-rsa2048-cert.pub");
    let (status, out, err) = desk.run(&["add"]);
    let refused = format!(
        "myagent: {}-cert.pub: the certificate is not for this key\n",
        directory.join("id_ecdsa").display()
    );
    assert_eq!((status, err), (1, refused), "{out}");
    let kinds: Vec<String> =
        desk.held().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["ssh-rsa", "ecdsa-sha2-nistp384", "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"]);
    let rsa = directory.join("id_rsa").display().to_string();
    assert!(desk.held()[0].ends_with(&format!(" {rsa}")), "a file without a comment is named by its path");
}

#[test]
fn a_key_comes_on_standard_input() {
    let desk = Desk::new();
    let text = String::from_utf8(read("openssl-ed25519.pkcs8")).unwrap();
    let (status, out, err) = desk.fed(&["add", "-"], &text);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert_eq!(desk.held(), [format!("{} (stdin)", public("openssl-ed25519"))]);
    let long = "x".repeat(1024 * 1024 + 1);
    let (status, _, err) = desk.fed(&["add", "-"], &long);
    assert_eq!((status, err.as_str()), (1, "myagent: -: it is larger than a key file may be (1 MiB)\n"));
}

/// Without a terminal or a display the passphrase is the next line of standard input.
#[test]
fn passphrases_come_line_by_line_where_there_is_no_terminal() {
    let desk = Desk::new();
    let file = desk.copy("openssh-ecdsa256.encrypted");
    let name = file.to_str().unwrap();
    let (status, _, err) = desk.fed(&["add", name], "wrong\ncorrect horse\n");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(desk.held().len(), 1);
}

/// The composite of ML-DSA-44 and Ed25519, with its certificate, as OpenSSH 10.6 has written both.
#[test]
fn a_composite_key_is_added_with_its_certificate() {
    let desk = Desk::new();
    let vector = |name: &str| {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/composite").join(name))
            .unwrap()
    };
    let file = desk.write("key", &vector("key"));
    desk.write("key-cert.pub", &vector("key-cert.pub"));
    let out = desk.add(&[], &[&file]);
    let fingerprint = String::from_utf8(vector("key.fp")).unwrap();
    let fingerprint = fingerprint.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let kinds: Vec<_> = out.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["(MLDSA44-ED25519)", "(MLDSA44-ED25519-CERT)"], "{out}");
    assert!(out.lines().all(|line| line.contains(&fingerprint)), "{out}");
    let (_, list, _) = desk.run(&["list", "-L"]);
    let public = String::from_utf8(vector("key.pub")).unwrap();
    assert!(list.starts_with(public.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end()), "{list}");
}

/// A key on a FIDO token: the library that speaks to it is named, the built-in one where none is.
#[test]
fn a_token_key_is_added_with_its_provider() {
    let desk = Desk::new();
    let point = [&[9; 32][..]].concat();
    let public = [&b"sk-ssh-ed25519@openssh.com"[..], &point, b"ssh:"];
    let file =
        desk.write("id_ed25519_sk", container(&public, Some((1, &[b"handle", b""])), "token").as_bytes());
    let (status, out, err) = run(desk.command(&["add"]).arg(&file).env("SSH_SK_PROVIDER", "/nowhere/sk.so"));
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("the agent did not take the key\nhint: see why: myagent status"), "{err}");
    let (_, status, _) = desk.run(&["status"]);
    assert!(status.contains("/nowhere/sk.so"), "the provider was not named: {status}");
    desk.add(&[], &[&file]);
    assert!(desk.held()[0].starts_with("sk-ssh-ed25519@openssh.com "), "{:?}", desk.held());
}

/// Whatever `SSH_AUTH_SOCK` names: it may be another host's agent.
#[test]
fn no_other_agent_is_given_a_key() {
    let scratch = Scratch::new();
    let other = Agent::openssh(&scratch);
    let file = scratch.path("key");
    std::fs::write(&file, read("openssh-ed25519.plain")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in
        [&["add", file.to_str().unwrap()][..], &["list"], &["remove", "--all"], &["lock"], &["unlock"]]
    {
        let mut command = scratch.command(myagent());
        let (status, out, err) = run(command.args(arguments).env("SSH_AUTH_SOCK", &other.socket));
        assert_eq!((status, out.as_str()), (1, ""), "{arguments:?}");
        assert!(err.starts_with("myagent: no agent is running\nhint: start one"), "{err}");
    }
    let (status, out, _) = run(scratch.command("ssh-add").arg("-l").env("SSH_AUTH_SOCK", &other.socket));
    assert_eq!((status, out.as_str()), (1, "The agent has no identities.\n"));
}
