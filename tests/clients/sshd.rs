//! An sshd of the test's own: on loopback, unprivileged unless root runs the test, everything in the scratch
//! directory. What it logs proves which key logged in.

use crate::client::{Client, print_end, require};
use crate::keys::{Key, for_every_kind};
use crate::support::{private_dir, run, wait_until};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// HOME and the like of a session are set here: sshd takes them from the password file otherwise. `MYAGENT_SOCK` keeps
/// its sessions away from the agent of whoever runs the tests.
const SSHD_CONFIG: &str = "\
ListenAddress 127.0.0.1:PORT
HostKey DIR/host_key
PidFile none
AuthorizedKeysFile DIR/authorized_keys
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAcceptedAlgorithms +ssh-rsa,ssh-rsa-cert-v01@openssh.com
UsePAM no
StrictModes no
PermitRootLogin yes
PermitUserRC no
PermitUserEnvironment no
AllowAgentForwarding yes
PrintMotd no
PrintLastLog no
UseDNS no
MaxAuthTries 3
MaxStartups 100
LogLevel VERBOSE
Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv HOME=DIR/home XDG_CONFIG_HOME=DIR/home MYAGENT_SOCK=DIR/run/agent.sock HGRCPATH= HGPLAIN=1 GIT_CONFIG_NOSYSTEM=1 PATH=SEARCH
";

/// Since OpenSSH 9.8 failed logins bar the address for a while: here all come from one.
const SINCE_9_8: &str = "PerSourcePenalties no\n";

pub struct Sshd {
    child: Child,
    pub port: u16,
    dir: PathBuf,
    _privsep: Option<PrivsepDir>,
}

impl Sshd {
    /// Starts one with its own host key, which lets nobody in yet; `name` is its directory.
    pub fn start(client: &Client, name: &str) -> Self {
        Self::start_with(client, name, |_| String::new())
    }

    /// The same, with further lines of configuration: made when its directory is there, and its host key in it.
    pub fn start_with(client: &Client, name: &str, lines: impl FnOnce(&Path) -> String) -> Self {
        let program = require("sshd", "openssh-server");
        let dir = client.scratch.path(name);
        private_dir(&dir.join("home"));
        private_dir(&dir.join("run"));
        let mut keygen = client.command("ssh-keygen");
        let (status, _, errors) =
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join("host_key")));
        assert_eq!(status, 0, "{errors}");
        let lines = lines(&dir);
        let privsep = geteuid().is_root().then(PrivsepDir::hold);
        // A free port may be taken by someone else before sshd has it: then the next one.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            write_config(client, &program, &dir, port, &lines);
            let log = File::create(dir.join("log")).unwrap();
            let mut command = client.scratch.command(&program);
            command.arg("-D").arg("-e").arg("-f").arg(dir.join("config"));
            let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
            let mut sshd = Self { child, port, dir: dir.clone(), _privsep: None };
            if sshd.listens() {
                sshd._privsep = privsep;
                return sshd;
            }
        }
        panic!("sshd found no free port")
    }

    fn listens(&mut self) -> bool {
        let ready = format!("Server listening on 127.0.0.1 port {}", self.port);
        let mut ended = false;
        wait_until("sshd listens", || {
            ended = self.child.try_wait().unwrap().is_some();
            ended || self.log().contains(&ready)
        });
        assert!(
            !ended || self.log().contains("Address already in use"),
            "sshd does not start: {}",
            self.log()
        );
        !ended
    }

    /// Replaces the keys that may log in.
    pub fn authorize(&self, lines: &[String]) {
        std::fs::write(self.dir.join("authorized_keys"), lines.join("\n") + "\n").unwrap();
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.join("log")).unwrap()).into_owned()
    }

    /// The HOME of its sessions.
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    pub fn known_hosts_line(&self, port: u16) -> String {
        format!("[127.0.0.1]:{port} {}", self.host_key())
    }

    /// Type and key, as they stand in a file of known hosts.
    pub fn host_key(&self) -> String {
        std::fs::read_to_string(self.dir.join("host_key.pub")).unwrap().trim_end().to_owned()
    }

    /// The host key and host of this server for URLs.
    pub fn authority(&self, client: &Client) -> String {
        format!("{}@127.0.0.1:{}", client.user(), self.port)
    }

    /// How many logins there were.
    pub fn logins(&self) -> usize {
        self.accepted().len()
    }

    fn accepted(&self) -> Vec<String> {
        self.log()
            .lines()
            .filter(|line| line.starts_with("Accepted publickey for "))
            .map(str::to_owned)
            .collect()
    }

    /// Asserts that after the first `before` logins there were `count` more, all with this key (or, where it
    /// has one, with its certificate).
    pub fn assert_logins(&self, client: &Client, before: usize, count: usize, key: &Key) {
        wait_until("sshd has logged the login", || self.logins() >= before + count);
        let new = self.accepted().split_off(before);
        assert_eq!(new.len(), count, "logins: {new:?}");
        let mut proof = format!(" ssh2: {} {}", key.kind.label(), key.fingerprint(client));
        if key.kind.certificate {
            proof += &format!(" ID {} ", key.certificate_id());
        }
        for line in new {
            assert!((line.clone() + " ").contains(&proof), "logged in by {line:?}, not by{proof:?}");
        }
    }

    fn children(&self) -> Vec<i32> {
        let list = format!("/proc/{0}/task/{0}/children", self.child.id());
        let list = std::fs::read_to_string(list).unwrap_or_default();
        list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            print_end("sshd", &self.log());
        }
        // The sessions end with their clients, which have ended; a stuck one is ended here.
        let end = Instant::now() + Duration::from_secs(10);
        while !self.children().is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        for session in self.children() {
            let _ = kill(Pid::from_raw(session), Signal::SIGTERM);
        }
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// For every kind of key: it is alone in the agent, `work` is done under the kind's name, and took two logins, each
/// by that key.
pub fn two_logins_with_every_kind(client: &Client, sshd: &Sshd, work: impl Fn(&str)) {
    for_every_kind(|kind| {
        client.clear();
        let name = kind.slug();
        let key = Key::make(client, &name, kind);
        sshd.authorize(&[key.authorized_line(client)]);
        client.load(&key);
        let before = sshd.logins();
        work(&name);
        sshd.assert_logins(client, before, 2, &key);
    });
}

fn write_config(client: &Client, program: &Path, dir: &Path, port: u16, lines: &str) {
    let file = dir.join("config");
    let config = SSHD_CONFIG
        .replace("PORT", &port.to_string())
        .replace("DIR", dir.to_str().unwrap())
        .replace("SEARCH", &std::env::var("PATH").unwrap())
        + lines;
    std::fs::write(&file, format!("{SINCE_9_8}{config}")).unwrap();
    let (status, ..) = run(client.scratch.command(program).arg("-t").arg("-f").arg(&file));
    if status != 0 {
        std::fs::write(&file, config).unwrap();
    }
}

/// The empty directory that Debian's sshd insists on when root runs it; the package makes it at boot only.
///
/// Every sshd of these tests holds a shared lock on it, in whatever process, and the last one removes it if
/// a test made it: mode 0711, where the system's has 0755.
struct PrivsepDir(Option<Flock<File>>);

impl PrivsepDir {
    const PATH: &str = "/run/sshd";
    const MODE: u32 = 0o711;

    fn hold() -> Self {
        loop {
            if std::fs::create_dir(Self::PATH).is_ok() {
                std::fs::set_permissions(Self::PATH, Permissions::from_mode(Self::MODE)).unwrap();
            }
            let Ok(dir) = File::open(Self::PATH) else { continue };
            let Ok(held) = Flock::lock(dir, FlockArg::LockShared) else { continue };
            let inode = held.metadata().unwrap().ino();
            if std::fs::metadata(Self::PATH).is_ok_and(|now| now.ino() == inode) {
                return Self(Some(held));
            }
        }
    }
}

impl Drop for PrivsepDir {
    fn drop(&mut self) {
        let Some(held) = self.0.take() else { return };
        if held.metadata().is_ok_and(|dir| dir.mode() & 0o777 == Self::MODE)
            && held.relock(FlockArg::LockExclusiveNonblock).is_ok()
        {
            let _ = std::fs::remove_dir(Self::PATH);
        }
    }
}
