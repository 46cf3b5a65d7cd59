//! The load: every connection has a thread, which asks again as soon as it has its answer.

use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::options::Pace;
use crate::stats::Sample;
use crate::wire;

/// Fewer answers than so many, or than there are connections, say nothing.
const LEAST: usize = 10;

/// A connection that takes an answer with one read where it can: the tests' own takes two.
pub struct Conn {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Conn {
    pub fn open(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        // An agent that hangs ends the run, it does not hang it.
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, buffer: vec![0; 4096] })
    }

    /// Sends a whole frame and returns the answer, without its length.
    pub fn call(&mut self, frame: &[u8]) -> std::io::Result<&[u8]> {
        self.stream.write_all(frame)?;
        let mut have = 0;
        loop {
            let got = self.stream.read(&mut self.buffer[have..])?;
            if got == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the agent closed the connection"));
            }
            have += got;
            let Some(length) = self.buffer[..have].first_chunk::<4>() else { continue };
            let whole = 4 + u32::from_be_bytes(*length) as usize;
            if have > whole {
                return Err(Error::other("more came than was asked for"));
            }
            if have == whole {
                return Ok(&self.buffer[4..whole]);
            }
            if self.buffer.len() < whole {
                self.buffer.resize(whole, 0);
            }
        }
    }

    /// Asks, and says how long the answer took. It must begin with `expected`.
    pub fn timed(&mut self, frame: &[u8], expected: u8) -> Result<Duration, String> {
        let begin = Instant::now();
        let answer = self.call(frame).map_err(|error| error.to_string())?;
        let took = begin.elapsed();
        match answer.first() {
            Some(first) if *first == expected => Ok(took),
            Some(&wire::FAILURE) => Err("it refused".to_owned()),
            other => Err(format!("the answer was {other:?}, not {expected}")),
        }
    }
}

/// What the threads of one load tell each other.
#[derive(Default)]
struct Signals {
    counting: AtomicBool,
    stop: AtomicBool,
    answers: AtomicUsize,
}

/// Asks over `conns` connections at once for as long as `pace` says, and longer where there are not enough
/// answers then. What was answered within that time counts, also where it was asked before.
pub fn closed_loop(
    socket: &Path,
    frame: &[u8],
    expected: u8,
    conns: usize,
    pace: Pace,
) -> Result<Sample, String> {
    let (signals, ready) = (Signals::default(), Barrier::new(conns + 1));
    let one = || {
        let conn = Conn::open(socket).map_err(|error| error.to_string());
        ready.wait();
        let took = conn.and_then(|conn| ask(conn, frame, expected, &signals));
        // One that breaks ends the round.
        signals.stop.store(true, Ordering::Relaxed);
        took
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..conns).map(|_| scope.spawn(one)).collect();
        ready.wait();
        std::thread::sleep(pace.warm_up);
        let begin = Instant::now();
        signals.counting.store(true, Ordering::Relaxed);
        std::thread::sleep(pace.measured);
        let enough = LEAST.max(conns);
        while signals.answers.load(Ordering::Relaxed) < enough && !signals.stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        signals.stop.store(true, Ordering::Relaxed);
        let lasted = begin.elapsed();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a thread of the load ended early")??);
        }
        Sample::new(all, lasted)
    })
}

fn ask(mut conn: Conn, frame: &[u8], expected: u8, signals: &Signals) -> Result<Vec<Duration>, String> {
    let mut took = Vec::with_capacity(1 << 16);
    while !signals.stop.load(Ordering::Relaxed) {
        let latency = conn.timed(frame, expected)?;
        if signals.counting.load(Ordering::Relaxed) && !signals.stop.load(Ordering::Relaxed) {
            took.push(latency);
            signals.answers.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(took)
}
