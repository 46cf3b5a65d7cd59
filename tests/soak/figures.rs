//! What was counted, printed where a passing test is seen, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Most resident memory that peers may make of the agent, in KiB: what `src/server/bounds.rs` says for the usual limit.
const MOST_RESIDENT: u64 = 212 << 10;

/// The halves of the play.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Calm,
    Restarts,
}

/// What one kind of good client got.
#[derive(Default)]
struct Served {
    answers: u64,
    /// Without restarts, and with.
    slowest: [Duration; 2],
    /// Connections that the agent closed.
    closed: usize,
}

pub(crate) struct Figures {
    pid: u32,
    served: Mutex<BTreeMap<&'static str, Served>>,
    /// What abusers did.
    connections: AtomicU64,
    bytes: AtomicU64,
    refusals: AtomicU64,
    /// By the restarts' own count.
    pub(crate) restarts: AtomicUsize,
    /// Requests to tokens and people that a restart broke off.
    pub(crate) broken_off: AtomicUsize,
    /// Connections that the agent had at the same time, as it says.
    most_clients: AtomicUsize,
    resident_at_start: u64,
    most_resident: AtomicU64,
    descriptors_at_start: usize,
    descriptors_at_end: AtomicUsize,
    children_at_end: AtomicUsize,
}

impl Figures {
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            pid,
            served: Mutex::default(),
            connections: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            restarts: AtomicUsize::new(0),
            broken_off: AtomicUsize::new(0),
            most_clients: AtomicUsize::new(0),
            resident_at_start: resident(pid),
            most_resident: AtomicU64::new(0),
            descriptors_at_start: descriptors(pid),
            descriptors_at_end: AtomicUsize::new(0),
            children_at_end: AtomicUsize::new(0),
        }
    }

    /// Those of the abusers' own process.
    pub(crate) fn of_abuse() -> Self {
        Self::of(std::process::id())
    }

    /// What they did, for the other process.
    pub(crate) fn abuse(&self) -> String {
        let all = [&self.connections, &self.bytes, &self.refusals];
        all.map(|figure| figure.load(Ordering::Relaxed).to_string()).join(" ")
    }

    pub(crate) fn take_over(&self, abuse: &str) {
        for (figure, text) in [&self.connections, &self.bytes, &self.refusals].iter().zip(abuse.split(' ')) {
            figure.store(text.parse().unwrap(), Ordering::Relaxed);
        }
    }

    pub(crate) fn answered(&self, name: &'static str, took: Duration, calm: bool) {
        let mut served = self.served.lock().unwrap();
        let served = served.entry(name).or_default();
        served.answers += 1;
        let slowest = &mut served.slowest[usize::from(!calm)];
        *slowest = took.max(*slowest);
    }

    /// Whether so many kinds of clients were served in a phase, and in that of the restarts there was one.
    pub(crate) fn has_seen(&self, awaited: usize, phase: Phase) -> bool {
        let served = self.served.lock().unwrap();
        let seen = served.values().filter(|served| !served.slowest[phase as usize].is_zero()).count();
        let restarted = matches!(phase, Phase::Calm) || self.restarts.load(Ordering::Relaxed) > 0;
        awaited == 0 || (seen >= awaited && restarted)
    }

    pub(crate) fn closed(&self, name: &'static str, closed: usize) {
        self.served.lock().unwrap().entry(name).or_default().closed += closed;
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn clients(&self, now: usize) {
        self.most_clients.fetch_max(now, Ordering::Relaxed);
    }

    /// Looks how large the agent is now.
    pub(crate) fn look(&self) {
        self.most_resident.fetch_max(resident(self.pid), Ordering::Relaxed);
    }

    /// Descriptors are as many as at the start.
    pub(crate) fn descriptors_are_back(&self) -> bool {
        let now = descriptors(self.pid);
        self.descriptors_at_end.store(now, Ordering::Relaxed);
        now <= self.descriptors_at_start
    }

    /// Nothing that the agent has started is there any more.
    pub(crate) fn children_are_gone(&self) -> bool {
        let now = crate::hsm::children(self.pid).len();
        self.children_at_end.store(now, Ordering::Relaxed);
        now == 0
    }

    /// On standard error itself: what goes through `print!` is not seen where a test passes.
    pub(crate) fn print(&self, lasts: Duration) {
        let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let mut text =
            format!("\nsoak: {} s, {} restarts\n", lasts.as_secs(), self.restarts.load(Ordering::Relaxed));
        for (name, served) in &*self.served.lock().unwrap() {
            let [calm, restarting] = served.slowest.map(|slowest| slowest.as_millis());
            let _ = writeln!(
                text,
                "soak: {name}: {} answers, the slowest after {calm} ms, with restarts {restarting} ms",
                served.answers
            );
        }
        let (connections, bytes, refusals) =
            (load(&self.connections), load(&self.bytes) >> 20, load(&self.refusals));
        let _ =
            writeln!(text, "soak: abuse: {connections} connections, {bytes} MiB, {refusals} refusals seen");
        let _ = writeln!(
            text,
            "soak: {} connections at the same time",
            self.most_clients.load(Ordering::Relaxed)
        );
        let _ = writeln!(text, "soak: broken off by restarts: {}", self.broken_off.load(Ordering::Relaxed));
        let (start, most, end) = (self.resident_at_start, load(&self.most_resident), resident(self.pid));
        let _ = writeln!(
            text,
            "soak: resident memory: {start} KiB at the start, {most} at most, {end} at the end"
        );
        let (start, end) = (self.descriptors_at_start, self.descriptors_at_end.load(Ordering::Relaxed));
        let _ = writeln!(text, "soak: descriptors: {start} at the start, {end} at the end");
        std::io::stderr().lock().write_all(text.as_bytes()).unwrap();
    }

    /// What must hold of them.
    pub(crate) fn are_right(&self) {
        let restarts = self.restarts.load(Ordering::Relaxed);
        assert!(restarts > 0, "no restart came to its end");
        for (name, served) in &*self.served.lock().unwrap() {
            assert!(
                served.answers > 0 && served.slowest.iter().all(|slowest| !slowest.is_zero()),
                "{name}: not served"
            );
            assert!(served.closed <= restarts, "{name}: {} closed by {restarts} restarts", served.closed);
        }
        let most = self.most_resident.load(Ordering::Relaxed);
        assert!(most <= self.resident_at_start + MOST_RESIDENT, "{most} KiB");
        assert_eq!(self.children_at_end.load(Ordering::Relaxed), 0);
        assert!(self.descriptors_at_end.load(Ordering::Relaxed) <= self.descriptors_at_start);
    }
}

/// Resident memory in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the agent is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("root may look").count()
}
