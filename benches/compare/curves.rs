//! How the cost grows with the keys: a signature with the last key, and the list.

use crate::agents::{Contender, Kind, Running};
use crate::keys;
use crate::load::closed_loop;
use crate::options::Options;
use crate::report::{Cell, Report};
use crate::rounds::{Outcome, alternate};
use crate::stats::Rounds;
use crate::wire;

/// How many keys are loaded.
const COUNTS: [usize; 7] = [1, 10, 100, 300, 1000, 3000, 10_000];

/// The most that `--quick` loads.
const QUICK: usize = 1000;

pub fn run(options: &Options, contenders: &[Contender], report: &mut Report) {
    let pace = options.pace();
    let ours = contenders.iter().filter(|c| matches!(c.kind, Kind::Myagent | Kind::Openssh));
    let running: Vec<Running> = ours.map(Contender::start).collect();
    let agents: Vec<&Running> = running.iter().collect();
    let (mut loaded, mut table) = (0, Vec::new());
    for count in COUNTS.into_iter().filter(|count| !options.quick || *count <= QUICK) {
        let more = keys::ed25519_messages(loaded..count);
        loaded = count;
        for agent in &agents {
            agent.load(&more).unwrap_or_else(|reason| panic!("{}: {reason}", agent.name));
        }
        let last = wire::frame(&wire::sign(&keys::ed25519(count - 1).blob, &[7; 200], 0));
        let signed = alternate(&agents, pace.rounds, |agent| {
            closed_loop(&agent.socket, &last, wire::SIGNATURE, 1, pace)
        });
        let question = wire::frame(&wire::list());
        let listed = alternate(&agents, pace.rounds, |agent| {
            closed_loop(&agent.socket, &question, wire::IDENTITIES, 1, pace)
        });
        for (agent, (signed, listed)) in agents.iter().zip(signed.iter().zip(&listed)) {
            let list = p50(listed);
            let figures = [p50(signed), list, list / count as f64].map(Cell::Number);
            table.push([count.into(), Cell::text(agent.name)].into_iter().chain(figures).collect());
        }
    }
    let columns = ["keys", "agent", "sign_p50_us", "list_p50_us", "list_us_per_key"];
    let title = "curves: Ed25519, one connection, the key that came last";
    report.table("curves", title, &columns, table);
}

fn p50(outcome: &Outcome) -> f64 {
    outcome.as_ref().map_or(f64::NAN, Rounds::p50_us)
}
