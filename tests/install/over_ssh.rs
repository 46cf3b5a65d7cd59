//! With the line in force on a server, what is done over ssh sees no extra byte and ends at once, also where that very
//! login had to start the agent.

use crate::client::Client;
use crate::keys::{ED25519, Key, Kind};
use crate::sshd::Sshd;
use crate::support::{myagent, run};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Server {
    // Before the client, whose directory it uses until it has ended.
    sshd: Sshd,
    client: Client,
}

impl Server {
    /// Whose user has run `install`, and has a key in his own agent that lets him in.
    fn new() -> Self {
        let client = Client::new();
        let sshd = Sshd::start(&client, "server");
        client.configure(&[("server", &sshd, "")]);
        let key = Key::make(&client, "key", Kind::plain(&ED25519));
        sshd.authorize(&[key.authorized_line(&client)]);
        client.load(&key);
        let server = Self { sshd, client };
        std::fs::write(server.sshd.home().join(".bashrc"), "case $- in *i*) ;; *) return;; esac\n").unwrap();
        let (status, out, err) = run(&mut server.there(&["install", "--yes"]));
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        server
    }

    /// The program as one who sits at the server calls it.
    fn there(&self, args: &[&str]) -> Command {
        let mut command = self.client.scratch.command(myagent());
        command.args(args).env("HOME", self.sshd.home()).env("MYAGENT_SOCK", self.agent());
        command.env("SHELL", "/bin/bash");
        command
    }

    /// Where the sessions look for an agent.
    fn agent(&self) -> PathBuf {
        self.sshd.home().with_file_name("run").join("agent.sock")
    }

    fn agent_runs(&self) -> bool {
        run(&mut self.there(&["status"])).0 == 0
    }

    /// Does something over ssh when no agent runs on the server, and again when one runs.
    fn both(&self, what: &str, work: impl Fn()) {
        if self.agent_runs() {
            assert_eq!(run(&mut self.there(&["stop"])).0, 0);
        }
        work();
        assert!(self.agent_runs(), "{what}: the login did not start the agent: is the line in force?");
        work();
    }

    /// A client program that must end well, silently.
    fn silently(&self, program: &str, args: &[&str]) {
        let config = self.client.ssh_line().split(' ').nth(2).unwrap().to_owned();
        let mut command = self.client.command(program);
        if program != "rsync" {
            command.arg("-F").arg(config);
        }
        let (status, out, err) = run(command.args(args));
        // sftp shows its batch.
        let out: Vec<&str> = out.lines().filter(|line| !line.starts_with("sftp> ")).collect();
        assert_eq!((status, out, err.as_str()), (0, Vec::new(), ""), "{program} {args:?}");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.client.scratch.path(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.there(&["stop"]).output();
    }
}

/// Every byte, so that one more or less shows.
fn bytes() -> Vec<u8> {
    (0..=255).cycle().take(100_000).collect()
}

fn assert_arrived(path: &Path) {
    assert_eq!(std::fs::read(path).unwrap(), bytes(), "{}", path.display());
    std::fs::remove_file(path).unwrap();
}

#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn ssh_with_a_command() {
    let server = Server::new();
    server.both("ssh true", || server.silently("ssh", &["server", "true"]));
    let sent = server.file("sent");
    std::fs::write(&sent, bytes()).unwrap();
    server.both("ssh cat", || {
        let output = server
            .client
            .command("ssh")
            .arg("-F")
            .arg(server.client.ssh_line().split(' ').nth(2).unwrap())
            .args(["server", "cat"])
            .stdin(std::fs::File::open(&sent).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success() && output.stdout == bytes() && output.stderr.is_empty());
    });
}

/// The session has the variable, and it names the server's own agent.
#[test]
#[ignore = "needs sshd: tests/run runs it"]
fn the_session_finds_the_agent() {
    let server = Server::new();
    server.both("ssh echo", || {
        let (status, out, err) = server.client.ssh(&["server", "echo $SSH_AUTH_SOCK; ssh-add -l"]);
        let expected = format!("{}\nThe agent has no identities.\n", server.agent().display());
        assert_eq!((status, out, err.as_str()), (1, expected, ""));
    });
}

#[test]
#[ignore = "needs sshd, scp and sftp: tests/run runs it"]
fn scp_and_sftp() {
    let server = Server::new();
    let (sent, there, back) = (server.file("sent"), server.file("there"), server.file("back"));
    std::fs::write(&sent, bytes()).unwrap();
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let remote = format!("server:{}", there.display());
    // -O: the old protocol, in which an extra byte is an answer.
    for protocol in ["-O", "-s"] {
        server.both("scp", || {
            server.silently("scp", &["-q", protocol, &name(&sent), &remote]);
            server.silently("scp", &["-q", protocol, &remote, &name(&back)]);
            assert_arrived(&there);
            assert_arrived(&back);
        });
    }
    let batch = server.file("batch");
    let lines = format!("put {0} {1}\nget {1} {2}\n", sent.display(), there.display(), back.display());
    std::fs::write(&batch, lines).unwrap();
    server.both("sftp", || {
        server.silently("sftp", &["-q", "-b", &name(&batch), "server"]);
        assert_arrived(&there);
        assert_arrived(&back);
    });
}

#[test]
#[ignore = "needs sshd and rsync: tests/run runs it"]
fn rsync() {
    let server = Server::new();
    let (sent, there) = (server.file("sent"), server.file("there"));
    std::fs::write(&sent, bytes()).unwrap();
    let (shell, remote) = (server.client.ssh_line(), format!("server:{}", there.display()));
    server.both("rsync", || {
        server.silently("rsync", &["-e", &shell, sent.to_str().unwrap(), &remote]);
        assert_arrived(&there);
    });
}

#[test]
#[ignore = "needs sshd and git: tests/run runs it"]
fn git_push() {
    let server = Server::new();
    let (work, bare) = (server.file("work"), server.file("bare.git"));
    let git = |directory: &Path, args: &[&str]| {
        let mut git = server.client.command("git");
        git.current_dir(directory)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_SSH_COMMAND", server.client.ssh_line());
        git.args(["-c", "user.name=A", "-c", "user.email=a@example", "-c", "maintenance.auto=false"]);
        let (status, out, err) = run(git.args(args));
        assert_eq!((status, err.as_str()), (0, ""), "git {args:?}: {out}");
        out
    };
    let here = server.file("");
    git(&here, &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
    git(&here, &["init", "-q", "-b", "main", work.to_str().unwrap()]);
    git(&bare, &["config", "receive.autogc", "false"]);
    server.both("git push", || {
        git(&work, &["commit", "-q", "--allow-empty", "-m", "one more"]);
        git(&work, &["push", "-q", &format!("ssh://server{}", bare.display()), "main"]);
        assert_eq!(git(&bare, &["rev-parse", "main"]), git(&work, &["rev-parse", "main"]));
    });
}

/// What scripts on the server do in their own rc files.
#[test]
#[ignore = "needs sshd and flock: tests/run runs it"]
fn a_substitution_returns_and_a_lock_is_free() {
    let server = Server::new();
    let lock = server.file("lock");
    let script = format!(
        "{0} stop; exec 9>'{1}'; flock 9; x=$({0} start --shell sh 2>&1); echo \"${{x%%=*}}\"",
        myagent().display(),
        lock.display()
    );
    let (status, out, err) = server.client.ssh(&["server", &script]);
    assert_eq!((status, out.as_str(), err.as_str()), (0, "SSH_AUTH_SOCK\n", ""));
    let free = run(server.client.command("flock").arg("--nonblock").arg(&lock).arg("true"));
    assert_eq!(free.0, 0, "the agent holds the caller's lock");
}
