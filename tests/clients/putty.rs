//! PuTTY's own clients: plink and psftp log in with keys of its own form, through the agent's socket.

use crate::client::{Client, require};
use crate::sshd::Sshd;
use crate::support::{myagent, run, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What puttygen is asked for.
const TYPES: [&[&str]; 5] = [
    &["-t", "rsa", "-b", "3072"],
    &["-t", "ecdsa", "-b", "256"],
    &["-t", "ecdsa", "-b", "384"],
    &["-t", "ecdsa", "-b", "521"],
    &["-t", "ed25519"],
];

const PASSPHRASE: &str = "correct horse";

/// Makes an encrypted `.ppk` file, and gives the line of its public half.
fn make(client: &Client, path: &Path, kind: &[&str]) -> String {
    let passphrase = client.scratch.path("passphrase");
    std::fs::write(&passphrase, PASSPHRASE).unwrap();
    let mut puttygen = client.command("puttygen");
    puttygen.args(kind).args([
        "-q",
        "-C",
        "of puttygen",
        "--random-device",
        "/dev/urandom",
        "--new-passphrase",
    ]);
    let (status, _, errors) = run(puttygen.arg(&passphrase).args(["-O", "private", "-o"]).arg(path));
    assert_eq!(status, 0, "{kind:?}: {errors}");
    let (status, line, errors) = run(client.command("puttygen").args(["-L"]).arg(path));
    assert_eq!(status, 0, "{errors}");
    line.trim_end().to_owned()
}

/// Has the agent under test hold the key, and deletes its file. OpenSSH's own needs the key in another form.
fn load(client: &Client, path: &Path) {
    client.answer(PASSPHRASE);
    let mut add = if std::env::var("MYAGENT_TEST_AGENT").is_ok_and(|agent| agent == "openssh") {
        let exported = path.with_extension("openssh");
        let passphrase = client.scratch.path("passphrase");
        let mut puttygen = client.command("puttygen");
        puttygen.arg(path).arg("--old-passphrase").arg(&passphrase).arg("--new-passphrase").arg(&passphrase);
        assert_eq!(run(puttygen.args(["-O", "private-openssh-new", "-o"]).arg(&exported)).0, 0);
        let mut add = client.command("ssh-add");
        add.arg(exported);
        add
    } else {
        let mut add = client.command(myagent().to_str().unwrap());
        add.arg("add").arg(path).env("MYAGENT_SOCK", &client.agent.socket);
        add
    };
    let (status, out, errors) = run(&mut add);
    assert_eq!(status, 0, "{}: {out}{errors}", path.display());
    std::fs::remove_file(path).unwrap();
}

/// One of PuTTY's programs on its way to this server, with the agent alone to sign.
fn putty(client: &Client, program: &str, sshd: &Sshd) -> Command {
    let mut command = client.command(program);
    let host_key = client.scratch.path("server/host_key.pub");
    let (_, line, _) = run(client.command("ssh-keygen").arg("-lf").arg(host_key));
    let fingerprint = line.split(' ').nth(1).unwrap().to_owned();
    command.args(["-batch", "-agent", "-hostkey", &fingerprint, "-P", &sshd.port.to_string()]);
    command
}

fn at(client: &Client) -> String {
    format!("{}@127.0.0.1", client.user())
}

/// One login with each type; the server's log says by which key.
fn log_in(program: &str, work: impl Fn(&Client, &Sshd, &PathBuf)) {
    let client = Client::new();
    require(program, "putty-tools");
    let sshd = Sshd::start(&client, "server");
    for kind in TYPES {
        client.clear();
        let path = client.keys().join("key.ppk");
        sshd.authorize(&[make(&client, &path, kind)]);
        load(&client, &path);
        let before = sshd.logins();
        work(&client, &sshd, &path);
        wait_until("sshd has logged the login", || sshd.logins() > before);
        assert_eq!(sshd.logins(), before + 1, "{kind:?}");
    }
    // Without the key nobody comes in.
    client.clear();
    let (status, out, errors) = run(putty(&client, program, &sshd).arg(at(&client)));
    assert_ne!(status, 0, "{out}{errors}");
    assert_eq!(sshd.logins(), TYPES.len());
}

#[test]
#[ignore = "needs sshd, puttygen and plink: it logs in"]
fn plink_logs_in_with_every_key_type() {
    log_in("plink", |client, sshd, _| {
        let (status, out, errors) =
            run(putty(client, "plink", sshd).arg(at(client)).arg("echo arrived in $HOME"));
        assert_eq!((status, out), (0, format!("arrived in {}\n", sshd.home().display())), "{errors}");
    });
}

#[test]
#[ignore = "needs sshd, puttygen and psftp: it transfers a file"]
fn psftp_transfers_files_with_every_key_type() {
    log_in("psftp", |client, sshd, _| {
        let (source, target) = (client.scratch.path("sent"), sshd.home().join("received"));
        std::fs::write(&source, "over psftp").unwrap();
        let _ = std::fs::remove_file(&target);
        let batch = client.scratch.path("batch");
        std::fs::write(&batch, format!("put {} {}\n", source.display(), target.display())).unwrap();
        let (status, out, errors) = run(putty(client, "psftp", sshd).arg("-b").arg(&batch).arg(at(client)));
        assert_eq!(status, 0, "{out}{errors}");
        assert_eq!(std::fs::read_to_string(target).unwrap(), "over psftp");
    });
}
