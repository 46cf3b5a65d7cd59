//! Lists of 1 to 2,000 keys; adding and removing one key.

use crate::agents::{Contender, Kind, Running};
use crate::keys::{self, Named};
use crate::load::closed_loop;
use crate::options::{Options, Pace};
use crate::report::{Cell, Report};
use crate::rounds::{COLUMNS, alternate, failed, rows};
use crate::stats::{Sample, micros};
use crate::wire;

/// How many keys are listed.
const COUNTS: [usize; 4] = [1, 100, 1000, 2000];

/// Times the list of 1,000 keys should be faster.
const AIM: (usize, f64) = (1000, 10.0);

/// The types whose adding is measured: checking an RSA key costs as much as a signature.
const ADDED: [&str; 3] = ["ed25519", "ecdsa-256", "rsa-3072"];

/// gpg-agent is left out: it makes a file of each key, under a passphrase that it asks for.
fn start(contenders: &[Contender]) -> Vec<Running> {
    contenders.iter().filter(|contender| contender.kind != Kind::Gpg).map(Contender::start).collect()
}

/// One connection asks for the list.
pub fn list(options: &Options, contenders: &[Contender], report: &mut Report) {
    let pace = options.pace();
    let running = start(contenders);
    let agents: Vec<&Running> = running.iter().collect();
    let (mut loaded, mut table) = (0, Vec::new());
    for count in COUNTS {
        let more = keys::ed25519_messages(loaded..count);
        loaded = count;
        for agent in &agents {
            if let Err(reason) = agent.load(&more) {
                println!("{} does not take {count} keys: {}", agent.name, failed(agent, reason));
            }
        }
        let question = wire::frame(&wire::list());
        let outcomes = alternate(&agents, pace.rounds, |agent| {
            closed_loop(&agent.socket, &question, wire::IDENTITIES, 1, pace)
        });
        let aim = (count == AIM.0).then_some(AIM.1);
        table.extend(rows(|| vec![count.into()], &agents, &outcomes, aim));
    }
    report.table("list", "list: Ed25519 keys, one connection", &[&["keys"], &COLUMNS[..]].concat(), table);
}

/// A key is added and removed, again and again, over one connection.
pub fn change(options: &Options, contenders: &[Contender], keys: &[Named], report: &mut Report) {
    let pace = options.pace();
    let running = start(contenders);
    let agents: Vec<&Running> = running.iter().collect();
    let mut table = Vec::new();
    for key in keys.iter().filter(|key| ADDED.contains(&key.name)) {
        for (what, adding) in [("add", true), ("remove", false)] {
            let outcomes = alternate(&agents, pace.rounds, |agent| add_and_remove(agent, key, adding, pace));
            table.extend(rows(|| vec![Cell::text(what), Cell::text(key.name)], &agents, &outcomes, None));
        }
    }
    let title = "change: adding and removing one key, one connection";
    report.table("change", title, &[&["what", "key"], &COLUMNS[..]].concat(), table);
}

/// Does both, and counts one of them.
fn add_and_remove(agent: &Running, key: &Named, adding: bool, pace: Pace) -> Result<Sample, String> {
    let mut conn = agent.connect();
    let (add, remove) = (wire::frame(&key.add_message()), wire::frame(&wire::remove(&key.key.blob)));
    let (mut took, mut all) = (Vec::new(), 0.0);
    while all < micros(pace.measured) {
        let (added, removed) = (conn.timed(&add, wire::SUCCESS)?, conn.timed(&remove, wire::SUCCESS)?);
        took.push(if adding { added } else { removed });
        all += micros(added + removed);
    }
    Sample::one_by_one(took)
}
