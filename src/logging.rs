//! The agent's log: to standard error, or to a small file of its own beside the socket.
//!
//! Guarantees a bound on the file's size, that a log which cannot be written neither ends nor stops the agent, and
//! that a panic is logged by its place alone: a panic's text may hold what was being worked on. What is logged
//! where is the callers' business; no secret may be, at any level.
#![forbid(unsafe_code)]

use crate::platform::harden::close_thread;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// Size at which the log moves to `.old`: some ten thousand connections, and two of them are nothing on a
/// runtime directory that lies in memory.
const MAX_LOG: u64 = 1024 * 1024;

/// Events that wait for a slow terminal, reader or disk; more are dropped. Half a megabyte, as long as they usually are.
const MOST_WAITING: usize = 4096;

/// So much of an event is logged, in bytes: most have a hundred, and what a peer or a provider says is in some.
const MOST_EVENT: usize = 1024;

/// How long the first event waits for others to be written with it: under load a line then costs its connection
/// no waking of another thread.
const GATHER: Duration = Duration::from_millis(5);

/// How long the end waits for the last events to be read: well within the second that it may take.
const FLUSH_LIMIT: Duration = Duration::from_millis(100);

/// Logs to standard error, until the end of what it returns. Without times where a journal adds its own.
pub fn to_stderr(level: LevelFilter, times: bool) -> Flush {
    start(level, times, |event| io::stderr().write_all(event))
}

/// Logs to the file at `path` until the end of what it returns. The file starts empty, unless it is `continued`.
///
/// # Errors
/// The system's, where there can be no such file.
pub fn to_file(level: LevelFilter, path: &Path, continued: bool) -> io::Result<Flush> {
    let mut log = if continued { BoundedLog::go_on(path) } else { BoundedLog::create(path) }?;
    Ok(start(level, true, move |event| log.append(event)))
}

fn start(
    level: LevelFilter,
    times: bool,
    write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> Flush {
    let queue = Queue::new(write);
    // Set once: a second log is none, as below.
    let _ = LOG.set(queue.0.clone());
    let builder = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    let builder = builder.with_ansi(false).log_internal_errors(false).with_writer(Arc::new(queue));
    // Fails only where a log is set up already, which then stays.
    let _ = if times { builder.try_init() } else { builder.without_time().try_init() };
    log_panics();
    Flush(())
}

/// The queue of the log, where there is one.
static LOG: OnceLock<SyncSender<Item>> = OnceLock::new();

/// Waits a moment until what was logged is written.
pub fn flush() {
    let (done, wait) = sync_channel(1);
    if LOG.get().is_some_and(|queue| queue.try_send(Item::Flush(done)).is_ok()) {
        let _ = wait.recv_timeout(FLUSH_LIMIT);
    }
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!("internal error at {}:{}", place.file(), place.line()),
        None => tracing::error!("internal error"),
    }));
}

/// The log, written by a thread of its own: the agent's state may be held while an event is logged, and a stopped
/// terminal, a pipe that nobody reads or a disk that hangs would stop every client and the signals.
struct Queue(SyncSender<Item>);

enum Item {
    Event(Vec<u8>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

/// Waits a moment, when dropped, until what was logged is written.
#[derive(Debug)]
#[must_use]
pub struct Flush(());

impl Queue {
    fn new(mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        let (sender, items) = sync_channel(MOST_WAITING);
        let write_all = move || {
            close_thread();
            let mut batch = Vec::new();
            while let Ok(first) = items.recv() {
                let mut flushes = Vec::new();
                std::thread::sleep(GATHER);
                for item in std::iter::once(first).chain(items.try_iter().take(MOST_WAITING)) {
                    match item {
                        Item::Event(event) => batch.extend(event),
                        Item::Flush(done) => flushes.push(done),
                    }
                }
                // Nobody is left to tell where this fails.
                let _ = write(&batch);
                batch.clear();
                for done in flushes {
                    let _ = done.try_send(());
                }
            }
        };
        // Without a thread there is no log: it is better than no agent.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(write_all);
        Self(sender)
    }
}

impl Write for &Queue {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let cut = event.get(..MOST_EVENT).map(|start| [start, b"\n"].concat());
        let _ = self.0.try_send(Item::Event(cut.unwrap_or_else(|| event.to_vec())));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        flush();
    }
}

/// A log file of at most [`MAX_LOG`] bytes, with one predecessor of the same bound.
#[derive(Debug)]
struct BoundedLog {
    path: PathBuf,
    file: File,
    written: u64,
}

impl BoundedLog {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: open(path, true)?, written: 0 })
    }

    fn go_on(path: &Path) -> io::Result<Self> {
        let mut file = open(path, false)?;
        let written = file.seek(SeekFrom::End(0))?;
        Ok(Self { path: path.to_owned(), file, written })
    }

    /// Writes whole events, into a new file where it would pass the bound.
    fn append(&mut self, event: &[u8]) -> io::Result<()> {
        if self.written.saturating_add(event.len() as u64) > MAX_LOG {
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            std::fs::rename(&self.path, old)?;
            (self.file, self.written) = (open(&self.path, true)?, 0);
        }
        self.written = self.written.saturating_add(event.len() as u64);
        self.file.write_all(event)
    }
}

fn open(path: &Path, empty: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(empty);
    private(&mut options, path)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    // One that was there before keeps its mode otherwise.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// What lies in a user's profile is not for others.
#[cfg(windows)]
fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_event_is_cut_where_it_is_too_long() {
        let (sender, items) = sync_channel(2);
        let queue = Queue(sender);
        (&queue).write_all(&[b'x'; 100_000]).unwrap();
        (&queue).write_all(b"short\n").unwrap();
        let events: Vec<_> = items
            .try_iter()
            .map(|item| match item {
                Item::Event(event) => event,
                Item::Flush(_) => panic!("no flush was asked for"),
            })
            .collect();
        assert_eq!((events[0].len(), events[0].last()), (1025, Some(&b'\n')));
        assert_eq!(events[1], b"short\n");
    }

    #[test]
    fn the_log_and_its_predecessor_stay_bounded_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("x.log"), dir.path().join("x.log.old"));
        std::fs::write(&path, "from an earlier agent").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut log = BoundedLog::create(&path).unwrap();
        let line = [b'x'; 1000];
        for _ in 0..3000 {
            log.append(&line).unwrap();
        }
        for file in [&path, &old] {
            let meta = std::fs::metadata(file).unwrap();
            assert!(meta.len() > 0 && meta.len() <= MAX_LOG, "{} bytes", meta.len());
            assert_eq!(meta.len() % 1000, 0, "an event was torn, or the old text stayed");
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        let before = std::fs::metadata(&path).unwrap().len();
        BoundedLog::go_on(&path).unwrap().append(&line).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), before + 1000);
    }
}
