//! A user at a terminal: an agent, a directory of keys, an ssh configuration and an askpass program of his own.

use crate::keys::{Key, PASSPHRASE};
use crate::sshd::Sshd;
use crate::support::{Agent, Scratch, private_dir, run};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// For every host. ssh takes its home from the password file whatever HOME says, so each file is named.
const SSH_CONFIG: &str = "\
Host *
    IdentityFile none
    UserKnownHostsFile KNOWN_HOSTS
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    PreferredAuthentications publickey
    BatchMode yes
    ControlMaster no
    ControlPath none
    ConnectTimeout 60
";

/// A FIDO token played by a library, of Debian's package openssh-tests.
pub const SK_DUMMY: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/// A client that waits for its agent for ever must not stop the tests; nothing here takes half of this.
const PATIENCE_SECONDS: &str = "300";

pub struct Client {
    pub scratch: Scratch,
    pub agent: Agent,
    user: String,
}

impl Client {
    /// A client whose agent is the one under test, empty.
    pub fn new() -> Self {
        Self::with(Agent::under_test)
    }

    /// A client with this agent.
    pub fn with(agent: impl FnOnce(&Scratch) -> Agent) -> Self {
        let scratch = Scratch::new();
        let agent = agent(&scratch);
        let (_, user, _) = run(scratch.command("id").arg("-un"));
        let client = Self { scratch, agent, user: user.trim().to_owned() };
        assert!(!client.user.is_empty(), "this user has no name: sshd cannot log him in");
        private_dir(&client.keys());
        client.write_program(&client.scratch.path("askpass"), &client.askpass());
        client.answer(PASSPHRASE);
        let mut keygen = client.command("ssh-keygen");
        let (status, _, errors) =
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "ca", "-f"]).arg(client.ca()));
        assert_eq!(status, 0, "{errors}");
        client
    }

    /// Notes each question and answers always the same; gives up when one question comes the tenth time:
    /// ssh-add would repeat it for ever.
    fn askpass(&self) -> String {
        let (calls, answer) = (self.scratch.path("askpass.calls"), self.scratch.path("askpass.answer"));
        let (calls, answer) = (calls.display(), answer.display());
        format!(
            "#!/bin/sh\necho \"$1\" >> '{calls}'\n\
             [ \"$(grep -cxF -e \"$1\" '{calls}')\" -lt 10 ] && cat '{answer}'\n"
        )
    }

    /// The name of the user who runs the test: the only one that sshd can log in without root.
    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn keys(&self) -> PathBuf {
        self.scratch.path("keys")
    }

    /// The certificate authority's private key.
    pub fn ca(&self) -> PathBuf {
        self.keys().join("ca")
    }

    pub fn ca_line(&self) -> String {
        std::fs::read_to_string(self.keys().join("ca.pub")).unwrap().trim_end().to_owned()
    }

    /// A command of this user: his agent, and his askpass program where there would be a terminal.
    /// Status 124 means that it did not end in time.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.scratch.command("timeout");
        command
            .args([PATIENCE_SECONDS, program])
            .env("SSH_AUTH_SOCK", &self.agent.socket)
            .env("SSH_ASKPASS", self.scratch.path("askpass"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_SK_PROVIDER", SK_DUMMY);
        command
    }

    pub fn ssh_add(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.command("ssh-add").args(arguments))
    }

    /// The lines of `ssh-add -L`.
    pub fn listed(&self) -> Vec<String> {
        let (status, lines, errors) = self.ssh_add(&["-L"]);
        if status == 1 && lines == "The agent has no identities.\n" {
            return Vec::new();
        }
        assert_eq!(status, 0, "ssh-add -L: {lines}{errors}");
        lines.lines().map(str::to_owned).collect()
    }

    /// Adds a key and deletes its file.
    pub fn load(&self, key: &Key) {
        let (status, _, errors) = self.ssh_add(&[key.path.to_str().unwrap()]);
        assert_eq!(status, 0, "ssh-add refuses {}: {errors}", key.kind);
        key.remove_private();
    }

    /// Empties the agent.
    pub fn clear(&self) {
        let (status, _, errors) = self.ssh_add(&["-D"]);
        assert_eq!((status, errors.as_str()), (0, "All identities removed.\n"));
    }

    /// What the askpass program says from now on.
    pub fn answer(&self, answer: &str) {
        std::fs::write(self.scratch.path("askpass.answer"), format!("{answer}\n")).unwrap();
    }

    /// The questions that the askpass program was asked since the last call of this.
    pub fn questions(&self) -> Vec<String> {
        let calls = self.scratch.path("askpass.calls");
        let asked = std::fs::read_to_string(&calls).unwrap_or_default();
        let _ = std::fs::remove_file(&calls);
        asked.lines().map(|line| line.trim().to_owned()).collect()
    }

    fn ssh_config(&self) -> PathBuf {
        self.scratch.path("ssh_config")
    }

    /// Writes the user's ssh_config and known_hosts: one alias for each server, with further lines of its own.
    pub fn configure(&self, hosts: &[(&str, &Sshd, &str)]) {
        let known_hosts = self.scratch.path("known_hosts");
        let (mut config, mut known) = (String::new(), String::new());
        for (alias, sshd, lines) in hosts {
            writeln!(config, "Host {alias}\n    HostName 127.0.0.1\n    Port {}", sshd.port).unwrap();
            writeln!(config, "    User {}\n{lines}", self.user).unwrap();
            writeln!(known, "{}", sshd.known_hosts_line(sshd.port)).unwrap();
        }
        config += &SSH_CONFIG.replace("KNOWN_HOSTS", known_hosts.to_str().unwrap());
        std::fs::write(self.ssh_config(), config).unwrap();
        std::fs::write(known_hosts, known).unwrap();
    }

    /// `ssh` with this user's configuration, as a command line for other programs.
    pub fn ssh_line(&self) -> String {
        format!("ssh -F {}", self.ssh_config().display())
    }

    pub fn ssh(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.command("ssh").arg("-F").arg(self.ssh_config()).args(arguments))
    }

    /// Writes a file that can be executed at once.
    ///
    /// Another process writes it: a program is busy while any process holds it open for writing, and a
    /// process that another test forks at this moment would inherit the descriptor.
    pub fn write_program(&self, path: &Path, text: &str) {
        let mut install = self.scratch.command("install");
        install.args(["-m", "700", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
        let mut install = install.spawn().unwrap();
        install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success(), "cannot write {}", path.display());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if std::thread::panicking() {
            print_end("agent", &std::fs::read_to_string(self.scratch.path("agent.log")).unwrap_or_default());
        }
    }
}

/// Prints the end of a log, for a test that has failed.
pub fn print_end(whose: &str, log: &str) {
    let skip = log.lines().count().saturating_sub(40);
    for line in log.lines().skip(skip) {
        eprintln!("{whose}: {line}");
    }
}

/// Panics with the cure where a program is missing.
pub fn require(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]);
    places.map(|place| place.join(program)).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{program} is not installed; this test needs it: apt-get install {package}")
    })
}
