//! Four hosts, a user with an agent, and ways from one to the next.

use crate::client::Client;
use crate::keys::{ED25519, Key, Kind};
use crate::sides::Side;
use crate::sshd::Sshd;
use crate::support::{Agent, Scratch, run};
use std::fmt::Write as _;

/// The hosts' names. The last one shows a certificate, and is known by its authority alone.
pub const HOSTS: [&str; 4] = ["a", "b", "c", "d"];

/// Dropped in this order: the hosts' logs are in the client's directory.
pub struct World {
    pub hosts: Vec<Sshd>,
    pub client: Client,
    /// Bound to nothing; opens every host but the last of a way.
    pub door: Key,
    /// The key in question.
    pub key: Key,
}

/// What came of a way.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For each host but the last: `y` where the key was listed on it, else `n`.
    pub listed: String,
    /// The last host let the key in.
    pub arrived: bool,
}

impl World {
    pub fn new(side: Side) -> Self {
        Self::with(|scratch| side.start(scratch))
    }

    pub fn with(agent: impl FnOnce(&Scratch) -> Agent) -> Self {
        let client = Client::with(agent);
        let hosts: Vec<_> = HOSTS.iter().map(|name| start(&client, name)).collect();
        let [door, key] = ["door", "key"].map(|name| Key::make(&client, name, Kind::plain(&ED25519)));
        let aliases: Vec<_> = HOSTS.iter().map(|name| format!("    HostKeyAlias {name}\n")).collect();
        let lines = HOSTS.iter().zip(&hosts).zip(&aliases);
        client.configure(&lines.map(|((name, sshd), line)| (*name, sshd, &**line)).collect::<Vec<_>>());
        let world = Self { hosts, client, door, key };
        world.know("known_hosts", &[]);
        world
    }

    /// Writes a file of known hosts by their names; `instead` gives other lines for some.
    pub fn know(&self, file: &str, instead: &[(&str, String)]) {
        let mut known = String::new();
        for (name, sshd) in HOSTS.iter().zip(&self.hosts) {
            let line = match instead.iter().find(|(other, _)| other == name) {
                Some((_, line)) => line.clone(),
                None if *name == "d" => format!("@cert-authority d {}", self.client.ca_line()),
                None => format!("{name} {}", sshd.host_key()),
            };
            writeln!(known, "{line}").unwrap();
        }
        let others = instead.iter().filter(|(name, _)| !HOSTS.contains(name));
        others.for_each(|(_, line)| writeln!(known, "{line}").unwrap());
        std::fs::write(self.client.scratch.path(file), known).unwrap();
    }

    /// Puts both keys into the agent, the one in question bound to these destinations (`ME` is the user's name),
    /// with hosts looked up in `known`.
    pub fn load(&self, known: &str, destinations: &[&str]) {
        self.load_with(&[], known, destinations);
    }

    /// The same, with further options of ssh-add.
    pub fn load_with(&self, options: &[&str], known: &str, destinations: &[&str]) {
        self.client.clear();
        let known = self.client.scratch.path(known);
        let mut arguments = [&["-q", "-H", known.to_str().unwrap()], options].concat();
        let named: Vec<_> = destinations.iter().map(|text| text.replace("ME", self.client.user())).collect();
        named.iter().for_each(|text| arguments.extend(["-h", text]));
        arguments.push(self.key.path.to_str().unwrap());
        let (status, _, errors) = self.client.ssh_add(&arguments);
        assert_eq!(status, 0, "{destinations:?}: {errors}");
        let (status, _, errors) = self.client.ssh_add(&["-q", self.door.path.to_str().unwrap()]);
        assert_eq!(status, 0, "{errors}");
    }

    /// Goes from host to host. The door's key opens all but the last, which only the key in question opens.
    pub fn go(&self, way: &[&str]) -> Outcome {
        let last = way.len() - 1;
        for (number, name) in way.iter().enumerate() {
            let key = if number < last { &self.door } else { &self.key };
            self.host(name).authorize(&[key.authorized_line(&self.client)]);
            self.write_step(way, number);
        }
        let (_, out, errors) = self.client.ssh(&["-A", way[0], &self.step(0)]);
        let listed = (0..last).map(|number| {
            let list = std::fs::read_to_string(self.list(number));
            let list = list.unwrap_or_else(|_| panic!("{way:?}: {} was not reached: {errors}", way[number]));
            assert!(list.contains(&self.door.public_lines()[0]), "{way:?}: no agent on {}", way[number]);
            // The certificate where there is one.
            if list.contains(self.key.public_lines().last().unwrap()) { 'y' } else { 'n' }
        });
        let listed = listed.collect();
        let arrived = out.ends_with("arrived\n");
        assert!(arrived || errors.contains("Permission denied (publickey)"), "{way:?}: {out}{errors}");
        Outcome { listed, arrived }
    }

    pub fn host(&self, name: &str) -> &Sshd {
        &self.hosts[HOSTS.iter().position(|host| *host == name).unwrap()]
    }

    /// What is done on the host of this number: the list is taken down, and the way gone on.
    fn write_step(&self, way: &[&str], number: usize) {
        let _ = std::fs::remove_file(self.list(number));
        let script = match way.get(number + 1) {
            None => "echo arrived\n".to_owned(),
            Some(next) => format!(
                "ssh-add -L > {}\nexec {} -A {next} {}\n",
                self.list(number).display(),
                self.client.ssh_line(),
                self.step(number + 1)
            ),
        };
        std::fs::write(self.client.scratch.path(&format!("step{number}")), script).unwrap();
    }

    fn step(&self, number: usize) -> String {
        format!("sh {}", self.client.scratch.path(&format!("step{number}")).display())
    }

    fn list(&self, number: usize) -> std::path::PathBuf {
        self.client.scratch.path(&format!("list{number}"))
    }
}

fn start(client: &Client, name: &str) -> Sshd {
    Sshd::start_with(client, name, |dir| {
        if name != "d" {
            return String::new();
        }
        let mut keygen = client.command("ssh-keygen");
        keygen.arg("-q").arg("-s").arg(client.ca()).args(["-I", "host", "-h", "-n", name]);
        let (status, _, errors) = run(keygen.arg(dir.join("host_key.pub")));
        assert_eq!(status, 0, "{errors}");
        format!("HostCertificate {}\n", dir.join("host_key-cert.pub").display())
    })
}
