//! Starting: `myagent start` where an agent lives, and the way of a new agent to its first answer.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::agents::{Contender, Kind, Running};
use crate::options::Options;
use crate::report::{Cell, Report};
use crate::stats::{Sample, micros};
use crate::support::{Scratch, myagent};

/// `start` with a living agent is to take at most so many times `/bin/true`.
const AIM_FOUND: f64 = 3.0;

/// A new agent is to answer within so much of OpenSSH's time.
const AIM_NEW: f64 = 0.7;

pub fn run(options: &Options, contenders: &[Contender], report: &mut Report) {
    let mut table = found(if options.quick { 50 } else { 300 }, contenders);
    table.extend(new(if options.quick { 15 } else { 60 }, contenders));
    let columns = ["what", "program", "p50_ms", "p99_ms", "ratio", "ratio_to", "aim_at_most"];
    report.table("start", "start: from exec to exit, and from exec to the first answer", &columns, table);
}

/// What every shell does that is opened.
fn found(times: usize, contenders: &[Contender]) -> Vec<Vec<Cell>> {
    let ours = contenders.iter().find(|contender| contender.kind == Kind::Myagent);
    let agent = ours.expect("myagent is always measured").start();
    let (mut nothing, mut start) = (Vec::new(), Vec::new());
    for _ in 0..times {
        nothing.push(exec_to_exit(&agent.scratch, "/bin/true".as_ref(), &[], &agent));
        start.push(exec_to_exit(&agent.scratch, &myagent(), &["start", "--shell", "sh"], &agent));
    }
    let all = [("/bin/true", nothing), ("myagent start", start)];
    lines("exec to exit, an agent lives", "/bin/true", "myagent start", AIM_FOUND, all)
}

fn exec_to_exit(
    scratch: &Scratch,
    program: &std::path::Path,
    arguments: &[&str],
    agent: &Running,
) -> Duration {
    let mut command = scratch.command(program);
    command.args(arguments).env("MYAGENT_SOCK", &agent.socket).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let took = begin.elapsed();
    assert!(status.success(), "{}: {status}", program.display());
    took
}

/// gpg-agent and pageant go other ways: through a directory of keys, and a command under them.
fn new(times: usize, contenders: &[Contender]) -> Vec<Vec<Cell>> {
    let plain = |contender: &&Contender| !matches!(contender.kind, Kind::Gpg | Kind::Pageant);
    let contenders: Vec<&Contender> = contenders.iter().filter(plain).collect();
    let mut all: Vec<(&str, Vec<Duration>)> =
        contenders.iter().map(|contender| (contender.name, Vec::new())).collect();
    for _ in 0..times {
        for (contender, (_, took)) in contenders.iter().zip(&mut all) {
            took.push(contender.start().first_answer);
        }
    }
    lines("exec to first answer", "openssh", "myagent", AIM_NEW, all)
}

fn lines<'n>(
    what: &str,
    base: &str,
    ours: &str,
    aim: f64,
    all: impl IntoIterator<Item = (&'n str, Vec<Duration>)>,
) -> Vec<Vec<Cell>> {
    let all: Vec<(&str, Sample)> = all
        .into_iter()
        .map(|(name, took)| (name, Sample::one_by_one(took).expect("it was started")))
        .collect();
    let measure = all.iter().find(|(name, _)| *name == base).expect("what it is compared with").1.p50_us;
    let millis = micros(Duration::from_millis(1));
    let line = |(name, sample): &(&str, Sample)| {
        let figures = [sample.p50_us / millis, sample.p99_us / millis, sample.p50_us / measure];
        let mut line = vec![Cell::text(what), Cell::text(*name)];
        line.extend(figures.map(Cell::Number));
        line.extend([Cell::text(base), Cell::maybe((*name == ours).then_some(aim))]);
        line
    };
    all.iter().map(line).collect()
}
