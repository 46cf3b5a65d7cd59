//! Compares what two agents answered to the same scenario, and holds it against the table of differences.

use crate::differences::{Difference, TABLE};
use crate::harness::{Answer, Talk, play};
use crate::sides::{Side, openssh_version};
use crate::support::Scratch;
use std::io::Write;
use std::sync::OnceLock;

/// Plays a scenario on both sides; panics unless the answers differ exactly where the table says so.
///
/// With `MYAGENT_PARITY_ANSWERS` in the environment it prints what OpenSSH's agent answered.
pub(crate) fn compare(name: &str, scenario: fn(&mut Talk<'_>)) {
    let ((theirs, _), (ours, log)) = (play(Side::Openssh, scenario), play(Side::ours(), scenario));
    let rows: Vec<&Difference> =
        TABLE.iter().filter(|row| row.scenario == name && row.holds(version())).collect();
    let faults = match Side::ours() {
        Side::Ours => judge(&theirs, &ours, &rows),
        // No row can occur: at least OpenSSH's half of each is right.
        Side::Openssh => [judge(&theirs, &ours, &[]), judge_half(&theirs, &rows)].concat(),
    };
    let verdict = match (faults.len(), rows.len()) {
        (0, 0) => format!("same ({} answers)", ours.len()),
        (0, listed) => format!("same but for {listed} listed differences ({} answers)", ours.len()),
        (count, _) => format!("{count} FAULTS"),
    };
    if std::env::var_os("MYAGENT_PARITY_ANSWERS").is_some() {
        let lines = theirs.iter().map(|answer| format!("  {name} | {} | {}\n", answer.step, answer.text));
        let _ = std::io::stderr().write_all(lines.collect::<String>().as_bytes());
    }
    // Not by println: the verdicts belong into the log of a passing run too.
    let _ = writeln!(std::io::stderr(), "parity {name}: {verdict}");
    let first = &faults[..faults.len().min(20)];
    assert!(
        faults.is_empty(),
        "{name}, the first of {verdict}:\n{}\n--- our agent's log\n{log}",
        first.join("\n")
    );
}

fn judge(theirs: &[Answer], ours: &[Answer], rows: &[&Difference]) -> Vec<String> {
    let mut faults = Vec::new();
    for (their, our) in theirs.iter().zip(ours) {
        assert_eq!(their.step, our.step, "the scenario took different steps");
        let row = rows.iter().find(|row| row.names(&their.step));
        let differ = their != our;
        let seen = format!("{}: OpenSSH: {}; ours: {}", their.step, their.text, our.text);
        match row {
            None if !differ => {}
            None if their.text == our.text => {
                faults.push(format!("{seen}; in full:\n  {:02x?}\n  {:02x?}", their.raw, our.raw));
            }
            None => faults.push(format!("{seen}; not listed")),
            Some(row) if row.openssh == their.text && row.ours == our.text => {}
            Some(row) => {
                faults.push(format!("{seen}; listed: {} and {}, for: {}", row.openssh, row.ours, row.reason));
            }
        }
    }
    assert_eq!(theirs.len(), ours.len(), "the scenario took different steps");
    let missing = rows.iter().filter(|row| !theirs.iter().any(|answer| row.names(&answer.step)));
    faults.extend(missing.map(|row| format!("{}: listed, but no such step", row.step)));
    faults
}

fn judge_half(theirs: &[Answer], rows: &[&Difference]) -> Vec<String> {
    let wrong = |row: &&&Difference| {
        let mut steps = theirs.iter().filter(|answer| row.names(&answer.step)).peekable();
        steps.peek().is_none() || steps.any(|answer| answer.text != row.openssh)
    };
    rows.iter()
        .filter(wrong)
        .map(|row| format!("{}: OpenSSH does not answer {}", row.step, row.openssh))
        .collect()
}

pub(crate) fn version() -> (u32, u32) {
    static VERSION: OnceLock<(u32, u32)> = OnceLock::new();
    *VERSION.get_or_init(|| openssh_version(&Scratch::new()))
}
