//! Alternating rounds: each agent in turn, and again; so that what else the machine does meets them all.

use crate::agents::{Kind, Running};
use crate::report::Cell;
use crate::stats::{Rounds, Sample};

/// What came of one case for one agent.
pub type Outcome = Result<Rounds, String>;

/// Measures every agent once per round. One that fails is left out of the case from then on.
///
/// # Panics
/// Where myagent, OpenSSH's agent or the floor fails: then the comparison says nothing.
pub fn alternate(
    agents: &[&Running],
    rounds: usize,
    mut measure: impl FnMut(&Running) -> Result<Sample, String>,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = agents.iter().map(|_| Ok(Rounds(Vec::new()))).collect();
    for _ in 0..rounds {
        for (agent, outcome) in agents.iter().zip(&mut outcomes) {
            let Ok(samples) = outcome else { continue };
            match measure(agent) {
                Ok(sample) => samples.0.push(sample),
                Err(reason) => *outcome = Err(failed(agent, reason)),
            }
        }
    }
    outcomes
}

/// The reason, for an agent that may fail.
pub fn failed(agent: &Running, reason: String) -> String {
    match agent.kind {
        Kind::Myagent | Kind::Openssh | Kind::Echo => panic!("{}: {reason}", agent.name),
        Kind::Pageant | Kind::Gpg | Kind::Go => reason,
    }
}

/// The columns that [`row`] fills, after the case's own.
pub const COLUMNS: [&str; 9] =
    ["agent", "ops_per_s", "least", "most", "p50_us", "p99_us", "ratio", "aim", "note"];

/// One line of a table: the case, the agent and its figures. The ratio is of operations per second, to
/// OpenSSH's agent, which is the second; `aim` is what myagent's should be.
pub fn row(
    mut case: Vec<Cell>,
    agents: &[&Running],
    outcomes: &[Outcome],
    at: usize,
    aim: Option<f64>,
) -> Vec<Cell> {
    let openssh = agents.iter().position(|agent| agent.kind == Kind::Openssh);
    let openssh = openssh.and_then(|openssh| outcomes[openssh].as_ref().ok()).map(Rounds::ops_per_s);
    case.push(Cell::text(agents[at].name));
    match &outcomes[at] {
        Ok(rounds) => {
            let (least, most) = rounds.spread();
            case.extend(
                [rounds.ops_per_s(), least, most, rounds.p50_us(), rounds.p99_us()].map(Cell::Number),
            );
            case.push(Cell::maybe(openssh.map(|openssh| rounds.ops_per_s() / openssh)));
        }
        Err(_) => case.extend((0..6).map(|_| Cell::Nothing)),
    }
    case.push(Cell::maybe(aim.filter(|_| agents[at].kind == Kind::Myagent)));
    case.push(
        outcomes[at].as_ref().err().map_or(Cell::Nothing, |reason| Cell::text(format!("failed: {reason}"))),
    );
    case
}

/// The lines of one case, one per agent.
pub fn rows(
    case: impl Fn() -> Vec<Cell>,
    agents: &[&Running],
    outcomes: &[Outcome],
    aim: Option<f64>,
) -> Vec<Vec<Cell>> {
    (0..agents.len()).map(|at| row(case(), agents, outcomes, at, aim)).collect()
}
