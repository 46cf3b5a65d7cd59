//! `hg clone` and `hg push` over sshd, with `ssh -C` as Mercurial's own documentation advises.

use crate::client::{Client, require};
use crate::sshd::{Sshd, two_logins_with_every_kind};
use crate::support::run;
use std::path::Path;

fn hg(client: &Client, directory: &Path, arguments: &[&str]) -> String {
    let mut command = client.command("hg");
    command.current_dir(directory).env("HGRCPATH", client.scratch.path("hgrc")).env("HGPLAIN", "1");
    let (status, output, errors) = run(command.args(arguments));
    assert_eq!(status, 0, "hg {arguments:?}: {errors}");
    output.trim_end().to_owned()
}

#[test]
#[ignore = "needs sshd and hg: tests/run runs it"]
fn hg_clone_and_hg_push_over_compressed_ssh_with_every_key_type() {
    let remote = require("hg", "mercurial");
    let client = Client::new();
    let sshd = Sshd::start(&client, "server");
    client.configure(&[("127.0.0.1", &sshd, "")]);
    let ssh = client.ssh_line().replacen("ssh ", "ssh -C ", 1);
    let settings =
        format!("[ui]\nusername = tester\nssh = {ssh}\nremotecmd = {}\n", remote.to_str().unwrap());
    std::fs::write(client.scratch.path("hgrc"), settings).unwrap();
    let (here, served) = (client.scratch.path(""), client.scratch.path("served"));
    hg(&client, &here, &["init", served.to_str().unwrap()]);
    let url = format!("ssh://{}/{}", sshd.authority(&client), served.display());
    two_logins_with_every_kind(&client, &sshd, |name| {
        let work = client.scratch.path(&format!("work-{name}"));
        hg(&client, &here, &["clone", &url, work.to_str().unwrap()]);
        std::fs::write(work.join(name), "text").unwrap();
        hg(&client, &work, &["commit", "-A", "-m", name]);
        hg(&client, &work, &["push"]);
        assert_eq!(hg(&client, &served, &["log", "-r", "tip", "-T", "{desc}"]), name, "what was pushed");
    });
}
