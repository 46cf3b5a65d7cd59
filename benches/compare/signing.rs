//! Signatures: every type of key over 1, 8 and 64 connections; the floor; and Ed25519 beside RSA-4096.

use std::time::{Duration, Instant};

use myagent::key;
use myagent::message::Request;
use myagent::vault::{Vault, Wish};

use crate::agents::{self, Contender, Kind, Running};
use crate::keys::Named;
use crate::load::closed_loop;
use crate::options::{Options, Pace};
use crate::report::{Cell, Report};
use crate::rounds::{COLUMNS, Outcome, alternate, failed, rows};
use crate::stats::{Rounds, Sample};
use crate::support::Scratch;
use crate::{echo, wire};

/// How many connections sign at once.
const CONNECTIONS: [usize; 3] = [1, 8, 64];

/// How many of OpenSSH's signatures myagent should make in the time of one: key, connections, ratio.
const AIMS: [(&str, usize, f64); 10] = [
    ("ed25519", 1, 10.0),
    ("ecdsa-256", 1, 3.0),
    ("ecdsa-384", 1, 3.0),
    ("ecdsa-521", 1, 1.3),
    ("rsa-3072", 1, 2.0),
    ("rsa-4096", 1, 2.0),
    ("ed25519", 8, 20.0),
    ("ecdsa-256", 8, 7.0),
    ("rsa-3072", 8, 3.5),
    ("rsa-4096", 8, 4.0),
];

/// What the sections about signatures share: agents that hold one key of each type.
pub struct Signing<'s> {
    pub options: &'s Options,
    pub workshop: &'s Scratch,
    pub keys: Vec<Named>,
    agents: Vec<Running>,
    echo: Running,
}

impl<'s> Signing<'s> {
    pub fn start(
        options: &'s Options,
        workshop: &'s Scratch,
        contenders: &[Contender],
        keys: Vec<Named>,
    ) -> Self {
        let agents: Vec<Running> = contenders.iter().map(Contender::start).collect();
        let messages: Vec<Vec<u8>> = keys.iter().map(Named::add_message).collect();
        for agent in &agents {
            if let Err(reason) = agent.load(&messages) {
                println!("{} does not take all keys: {}", agent.name, failed(agent, reason));
            }
        }
        Self { options, workshop, keys, agents, echo: agents::floor().start() }
    }

    /// Every type of key over every number of connections.
    pub fn run(&self, report: &mut Report) {
        let pace = self.options.pace();
        let agents: Vec<&Running> = self.agents.iter().collect();
        let mut table = Vec::new();
        for conns in CONNECTIONS {
            let outcomes = alternate(&[&self.echo], pace.rounds, |agent| echoed(agent, conns, pace));
            table.extend(rows(|| vec![Cell::text("none"), conns.into()], &[&self.echo], &outcomes, None));
        }
        for key in &self.keys {
            let wrong: Vec<Option<String>> = agents.iter().map(|agent| self.wrong(key, agent)).collect();
            for conns in CONNECTIONS {
                let mut outcomes = alternate(&agents, pace.rounds, |agent| {
                    closed_loop(&agent.socket, &key.sign_frame(), wire::SIGNATURE, conns, pace)
                });
                refuse(&mut outcomes, &wrong);
                let aim = AIMS.iter().find(|(name, at, _)| *name == key.name && *at == conns);
                let case = || vec![Cell::text(key.name), conns.into()];
                table.extend(rows(case, &agents, &outcomes, aim.map(|(_, _, ratio)| *ratio)));
            }
        }
        let title = "sign: 200 bytes, one signature of each key and agent checked by ssh-keygen";
        report.table("sign", title, &[&["key", "connections"], &COLUMNS[..]].concat(), table);
    }

    /// Why the agent's signatures do not count.
    fn wrong(&self, key: &Named, agent: &Running) -> Option<String> {
        key.verify(agent, self.workshop).err().map(|reason| failed(agent, reason))
    }

    /// One connection: a round trip, the key's own work, and what myagent needs for both.
    pub fn floor(&self, report: &mut Report) {
        let pace = self.options.pace();
        let ours = self.agents.iter().find(|agent| agent.kind == Kind::Myagent);
        let ours = ours.expect("myagent is always measured");
        let mut table = Vec::new();
        for key in &self.keys {
            let outcomes = alternate(&[&self.echo, ours], pace.rounds, |agent| match agent.kind {
                Kind::Echo => echoed(agent, 1, pace),
                _ => closed_loop(&agent.socket, &key.sign_frame(), wire::SIGNATURE, 1, pace),
            });
            let p50: Vec<f64> = outcomes.iter().flatten().map(Rounds::p50_us).collect();
            let alone = key_alone(key, pace);
            let over = p50[1] - p50[0] - alone;
            let figures = [p50[0], alone, p50[0] + alone, p50[1], over].map(Cell::Number);
            table.push([Cell::text(key.name)].into_iter().chain(figures).collect());
        }
        let columns = ["key", "echo_p50_us", "key_alone_p50_us", "sum_us", "myagent_p50_us", "over_us"];
        let title =
            "floor: one connection; an echo, the key unsealed and used without an agent, and both together";
        report.table("floor", title, &columns, table);
    }

    /// Ed25519 over one connection, while eight others sign with RSA-4096.
    pub fn busy(&self, report: &mut Report) {
        let pace = self.options.pace();
        let pace = Pace { measured: pace.measured * 2, ..pace };
        let named = |name| self.keys.iter().find(|key| key.name == name).expect("one key of each type");
        let (small, large) = (named("ed25519").sign_frame(), named("rsa-4096").sign_frame());
        // gpg-agent drops connections then.
        let agents: Vec<&Running> = self.agents.iter().filter(|agent| agent.kind != Kind::Gpg).collect();
        let alone = alternate(&agents, pace.rounds, |agent| {
            closed_loop(&agent.socket, &large, wire::SIGNATURE, 1, pace)
        });
        let beside = alternate(&agents, pace.rounds, |agent| beside_rsa(agent, &small, &large, pace));
        let mut table = Vec::new();
        for (at, agent) in agents.iter().enumerate() {
            let (Ok(alone), Ok(beside)) = (&alone[at], &beside[at]) else { continue };
            let (one, p99) = (alone.p50_us(), beside.p99_us());
            let aim = Cell::maybe((agent.kind == Kind::Myagent).then_some(2.0));
            let figures = [beside.ops_per_s(), beside.p50_us(), p99, one, p99 / one].map(Cell::Number);
            table.push([Cell::text(agent.name)].into_iter().chain(figures).chain([aim]).collect());
        }
        let columns = [
            "agent",
            "ed25519_ops_per_s",
            "ed25519_p50_us",
            "ed25519_p99_us",
            "one_rsa_4096_p50_us",
            "p99_in_rsa",
            "aim_at_most",
        ];
        report.table("busy", "busy: Ed25519 on one connection while 8 others sign RSA-4096", &columns, table);
    }
}

/// A fast wrong signature is worth nothing.
fn refuse(outcomes: &mut [Outcome], wrong: &[Option<String>]) {
    for (outcome, wrong) in outcomes.iter_mut().zip(wrong) {
        if let Some(reason) = wrong {
            *outcome = Err(reason.clone());
        }
    }
}

fn echoed(agent: &Running, conns: usize, pace: Pace) -> Result<Sample, String> {
    closed_loop(&agent.socket, &echo::request(), echo::TYPE, conns, pace)
}

fn beside_rsa(agent: &Running, small: &[u8], large: &[u8], pace: Pace) -> Result<Sample, String> {
    let longer = Pace { measured: pace.measured + pace.warm_up * 3, ..pace };
    std::thread::scope(|scope| {
        let load = scope.spawn(|| closed_loop(&agent.socket, large, wire::SIGNATURE, 8, longer));
        std::thread::sleep(pace.warm_up);
        let sample = closed_loop(&agent.socket, small, wire::SIGNATURE, 1, pace);
        load.join().map_err(|_| "the load ended early")??;
        sample
    })
}

/// The program's own `Key::sign` without socket, agent or other thread: median time in microseconds.
fn key_alone(named: &Named, pace: Pace) -> f64 {
    let vault = Vault::new(Wish::Memfd).expect("a vault");
    let message = named.add_message();
    let Ok(Request::Add(add)) = Request::decode(&message) else { panic!("{}: not a key", named.name) };
    let key = key::import(&add.key, &vault).expect("a key of ssh-keygen's").key;
    let (data, mut took) = ([7; 200], Vec::new());
    let end = Instant::now() + pace.measured.min(Duration::from_millis(500));
    while Instant::now() < end || took.len() < 3 {
        let begin = Instant::now();
        key.sign(&vault, &data, named.flags()).expect("a signature");
        took.push(begin.elapsed());
    }
    Sample::one_by_one(took).expect("some signatures").p50_us
}
