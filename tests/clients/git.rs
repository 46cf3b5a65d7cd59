//! `git clone` and `git push` over sshd, and commits signed through the agent.

use crate::client::{Client, require};
use crate::keys::{ED25519, Key, Kind, SIGNER, for_every_kind};
use crate::sshd::{Sshd, two_logins_with_every_kind};
use crate::support::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// git as this user, over his ssh, with nothing of the machine's configuration.
pub fn git(client: &Client, directory: &Path) -> Command {
    let mut command = client.command("git");
    command
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSH_COMMAND", client.ssh_line())
        // No process that tidies up in the background and outlives the test.
        .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "maintenance.auto")])
        .env("GIT_CONFIG_VALUE_0", "false")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "A Signer")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), SIGNER)));
    command
}

/// Runs git and returns what it printed; panics with what it complained about.
pub fn git_ok(client: &Client, directory: &Path, arguments: &[&str]) -> String {
    let (status, output, errors) = run(git(client, directory).args(arguments));
    assert_eq!(status, 0, "git {arguments:?}: {errors}");
    output.trim_end().to_owned()
}

/// A bare repository with one commit, as the server has it.
pub fn served_repository(client: &Client) -> PathBuf {
    require("git", "git");
    let (bare, seed) = (client.scratch.path("served.git"), client.scratch.path("seed"));
    let here = client.scratch.path("");
    git_ok(client, &here, &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
    git_ok(client, &bare, &["config", "receive.autogc", "false"]);
    git_ok(client, &here, &["init", "-q", "-b", "main", seed.to_str().unwrap()]);
    git_ok(client, &seed, &["commit", "-q", "--allow-empty", "-m", "the first"]);
    git_ok(client, &seed, &["push", "-q", bare.to_str().unwrap(), "main"]);
    bare
}

/// Clones `url`, commits, pushes, and looks into the served repository whether the commit is there.
pub fn clone_and_push(client: &Client, url: &str, served: &Path, name: &str) {
    let here = client.scratch.path("");
    let work = client.scratch.path(&format!("work-{name}"));
    git_ok(client, &here, &["clone", "-q", url, work.to_str().unwrap()]);
    let first = git_ok(client, served, &["rev-parse", "main"]);
    assert_eq!(git_ok(client, &work, &["rev-parse", "HEAD"]), first, "{name}: what was cloned");
    std::fs::write(work.join("file"), name).unwrap();
    git_ok(client, &work, &["add", "file"]);
    git_ok(client, &work, &["commit", "-q", "-m", name]);
    git_ok(client, &work, &["push", "-q", "origin", "main"]);
    let pushed = git_ok(client, &work, &["rev-parse", "HEAD"]);
    assert_ne!(pushed, first);
    assert_eq!(git_ok(client, served, &["rev-parse", "main"]), pushed, "{name}: what was pushed");
}

#[test]
#[ignore = "needs sshd and git: tests/run runs it"]
fn git_clone_and_git_push_with_every_key_type() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("127.0.0.1", &sshd, "")]);
    let served = served_repository(&client);
    let url = format!("ssh://{}{}", sshd.authority(&client), served.display());
    two_logins_with_every_kind(&client, &sshd, |name| clone_and_push(&client, &url, &served, name));
}

#[test]
#[ignore = "needs sshd and git: tests/run runs it"]
fn git_clone_is_denied_with_an_empty_agent() {
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("127.0.0.1", &sshd, "")]);
    let served = served_repository(&client);
    let key = Key::make(&client, "key", Kind::plain(&ED25519));
    sshd.authorize(&[key.authorized_line(&client)]);
    let url = format!("ssh://{}{}", sshd.authority(&client), served.display());
    let clone = || run(git(&client, &client.scratch.path("")).args(["clone", &url, "work"]));
    let (status, _, errors) = clone();
    assert!(status == 128 && errors.contains("Permission denied (publickey)"), "{status} {errors}");
    client.load(&key);
    let (status, _, errors) = clone();
    assert_eq!(status, 0, "the same with the key in the agent: {errors}");
    sshd.assert_logins(&client, 0, 1, &key);
}

/// Signs a commit with `signing_key` (a file or `key::...`) and checks it as a reader of the repository does.
fn assert_commit_is_signed(client: &Client, repository: &Path, key: &Key, signing_key: &str) {
    let sign = ["-c", "gpg.format=ssh", "-c", &format!("user.signingkey={signing_key}")];
    let commit = ["commit", "-q", "-S", "--allow-empty", "-m", "signed"];
    git_ok(client, repository, &[&sign[..], &commit[..]].concat());
    let signers = client.scratch.path("allowed_signers");
    std::fs::write(&signers, format!("{SIGNER} {}\n", key.authorized_line(client))).unwrap();
    let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let verify = ["-c", "gpg.format=ssh", "-c", &allowed, "verify-commit", "HEAD"];
    let (status, _, verdict) = run(git(client, repository).args(verify));
    let (label, fingerprint) = (key.kind.label(), key.fingerprint(client));
    let good = format!("Good \"git\" signature for {SIGNER} with {label} key {fingerprint}\n");
    assert_eq!((status, verdict), (0, good), "{}: git verify-commit", key.kind);
    // The same signature under another message is no signature.
    let commit = git_ok(client, repository, &["cat-file", "commit", "HEAD"]);
    let forged = client.scratch.path("forged");
    std::fs::write(&forged, format!("{commit}, they say\n")).unwrap();
    let forged = git_ok(client, repository, &["hash-object", "-t", "commit", "-w", forged.to_str().unwrap()]);
    let verify = ["-c", "gpg.format=ssh", "-c", &allowed, "verify-commit", &forged];
    assert_ne!(run(git(client, repository).args(verify)).0, 0, "{}: a forged commit passes", key.kind);
}

#[test]
#[ignore = "needs git: tests/run runs it"]
fn commits_are_signed_through_the_agent_with_every_key_type() {
    require("git", "git");
    let client = Client::new();
    let repository = client.scratch.path("repository");
    git_ok(&client, &client.scratch.path(""), &["init", "-q", repository.to_str().unwrap()]);
    for_every_kind(|kind| {
        client.clear();
        let key = Key::make(&client, &kind.slug(), kind);
        client.load(&key);
        client.questions();
        assert_commit_is_signed(&client, &repository, &key, key.best_public().to_str().unwrap());
        let literal = format!("key::{}", key.public_lines().pop().unwrap());
        assert_commit_is_signed(&client, &repository, &key, &literal);
        assert_eq!(client.questions(), [""; 0], "{kind}: no passphrase is asked");
    });
}

#[test]
#[ignore = "needs git: tests/run runs it"]
fn commit_is_not_signed_without_the_key() {
    require("git", "git");
    let client = Client::new();
    let repository = client.scratch.path("repository");
    git_ok(&client, &client.scratch.path(""), &["init", "-q", repository.to_str().unwrap()]);
    let key = Key::make(&client, "key", Kind::plain(&ED25519));
    client.load(&key);
    let signing_key = format!("user.signingkey={}", key.public().display());
    let sign = ["-c", "gpg.format=ssh", "-c", &signing_key, "commit", "-S", "--allow-empty", "-m", "signed"];
    git_ok(&client, &repository, &sign);
    client.clear();
    let (status, _, errors) = run(git(&client, &repository).args(sign));
    assert!(status == 128 && errors.contains("failed to write commit object"), "{status} {errors}");
}
