//! What an agent costs while nobody asks: memory, and wakeups.

use std::path::PathBuf;
use std::time::Duration;

use crate::agents::{Contender, Kind, Running};
use crate::keys;
use crate::load::Conn;
use crate::options::Options;
use crate::report::{Cell, Report};
use crate::wire;

/// Keys that are loaded to see what a key takes.
const KEYS: usize = 1000;
/// Connections that are opened to see what a connection takes.
const CONNECTIONS: usize = 64;

/// Resident and proportional memory, in KiB. The second is not shown to other users than root.
#[derive(Clone, Copy)]
struct Memory {
    rss: f64,
    pss: Option<f64>,
}

impl Memory {
    fn of(agent: &Running) -> Self {
        let rss = field(agent, "status", "VmRSS:").expect("the agent's memory in /proc");
        Self { rss, pss: field(agent, "smaps_rollup", "Pss:") }
    }

    fn row(self, what: &str, agent: &str, openssh: Option<f64>, aim: Option<f64>) -> Vec<Cell> {
        let ratio = openssh.map(|openssh| self.rss / openssh);
        let aim = aim.filter(|_| agent == "myagent");
        let mut row = vec![Cell::text(what), Cell::text(agent), self.rss.into()];
        row.extend([self.pss, ratio, aim].map(Cell::maybe));
        row
    }
}

fn field(agent: &Running, file: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", agent.pid())).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Idle, with connections that say nothing more, and with many keys.
pub fn memory(contenders: &[Contender], report: &mut Report) {
    // gpg-agent keeps its keys in files.
    let contenders = contenders.iter().filter(|contender| contender.kind != Kind::Gpg);
    let agents: Vec<Running> = contenders.map(Contender::start).collect();
    let idle: Vec<Memory> = agents.iter().map(Memory::of).collect();
    let connected: Vec<Memory> = agents.iter().map(with_connections).collect();
    let messages = keys::ed25519_messages(0..KEYS);
    let full: Vec<Memory> = agents
        .iter()
        .map(|agent| {
            agent.load(&messages).unwrap_or_else(|reason| panic!("{}: {reason}", agent.name));
            Memory::of(agent)
        })
        .collect();
    let mut table = Vec::new();
    let cases = [("idle", &idle, 1.0), ("1,000 Ed25519 keys", &full, 0.5)];
    for (what, figures, aim) in cases {
        let openssh = agents.iter().zip(figures).find(|(agent, _)| agent.kind == Kind::Openssh);
        let openssh = openssh.map(|(_, memory)| memory.rss);
        let rows = agents.iter().zip(figures);
        table.extend(rows.map(|(agent, memory)| memory.row(what, agent.name, openssh, Some(aim))));
    }
    for ((agent, before), after) in agents.iter().zip(&idle).zip(&connected) {
        let each = |after: f64, before: f64| (after - before) / CONNECTIONS as f64;
        let pss = after.pss.zip(before.pss).map(|(after, before)| each(after, before));
        let per_connection = Memory { rss: each(after.rss, before.rss), pss };
        table.push(per_connection.row("each of 64 connections", agent.name, None, None));
    }
    let columns = ["what", "agent", "rss_kib", "pss_kib", "ratio", "aim_at_most"];
    report.table("memory", "memory: the ratio is of resident memory, to OpenSSH's", &columns, table);
}

/// With connections that have each been answered once.
fn with_connections(agent: &Running) -> Memory {
    let question = wire::frame(&wire::list());
    let mut open: Vec<Conn> = (0..CONNECTIONS).map(|_| agent.connect()).collect();
    for conn in &mut open {
        let answered = conn.timed(&question, wire::IDENTITIES);
        answered.unwrap_or_else(|reason| panic!("{}: {reason}", agent.name));
    }
    Memory::of(agent)
}

/// How often the system let an agent run that had nothing to do.
pub fn idle(options: &Options, contenders: &[Contender], report: &mut Report) {
    let lasts = Duration::from_secs(if options.quick { 3 } else { 10 });
    let agents: Vec<Running> = contenders.iter().map(Contender::start).collect();
    // What belongs to the start, and to its one question, is over then.
    std::thread::sleep(Duration::from_secs(1));
    let before: Vec<f64> = agents.iter().map(switches).collect();
    std::thread::sleep(lasts);
    let row = |(agent, before): (&Running, &f64)| {
        let aim = Cell::maybe((agent.kind == Kind::Myagent).then_some(0.0));
        vec![Cell::text(agent.name), lasts.as_secs_f64().into(), (switches(agent) - before).into(), aim]
    };
    let table = agents.iter().zip(&before).map(row).collect();
    let columns = ["agent", "seconds", "context_switches", "aim_at_most"];
    report.table("idle", "idle: context switches of all threads, with no connection", &columns, table);
}

/// Context switches of all threads, voluntary and not.
fn switches(agent: &Running) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", agent.pid())).expect("the agent's threads");
    let of = |status: PathBuf| -> f64 {
        let text = std::fs::read_to_string(status).unwrap_or_default();
        let counts = text.lines().filter(|line| line.contains("ctxt_switches"));
        counts.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).sum()
    };
    tasks.flatten().map(|task| of(task.path().join("status"))).sum()
}
