//! The agent's half of the control socket.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::restart::{self, Candidate};
use super::{Shared, asking};
use crate::agent::{Identity, Moment};
use crate::control::{Asking, KeyStatus, MAX_REQUEST, Op, Reply, Request, Status, VERSION};
use crate::platform::clock;
use crate::platform::socket::Accepted;

/// How long a control client may take: it is our own program.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// So much of a comment is shown, in bytes, and of all of them together: many keys with long ones must still fit into a
/// reply.
const MAX_COMMENT: usize = 1024;
const MAX_COMMENTS: usize = 1024 * 1024;

/// Answers the requests of one client, each a line.
pub(super) async fn serve(shared: &Arc<Shared>, stream: Accepted) {
    let mut closing = shared.restart.closing(&stream);
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let limit = MAX_REQUEST as u64;
    let mut limited = (&mut stream).take(limit);
    tokio::select! {
        biased;
        _ = timeout(PATIENCE, limited.read_until(b'\n', &mut line)) => {}
        () = closing.wait() => {}
    }
    if line.last() != Some(&b'\n') {
        return;
    }
    let (reply, candidate) = reply(shared, &line).await;
    let Ok(mut bytes) = serde_json::to_vec(&reply) else { return };
    bytes.push(b'\n');
    let _ = timeout(PATIENCE, stream.get_mut().write_all(&bytes)).await;
    if matches!(reply, Reply::Stopping { .. }) {
        shared.stop.notify_one();
        // Held to the end of the process: the client learns by it that the agent is gone.
        std::future::pending::<()>().await;
    }
    if let Some(candidate) = candidate {
        shared.restart.go(candidate);
    }
}

/// The answer; and for a restart the program that is to be executed once it has been sent.
async fn reply(shared: &Arc<Shared>, line: &[u8]) -> (Reply, Option<Candidate>) {
    let refused = |reason: String| (Reply::Refused { reason }, None);
    let op = match wanted(line) {
        Ok(op) => op,
        Err(reason) => return refused(reason),
    };
    match op {
        Op::Status => {
            let asking = asking::describe(shared).await;
            (Reply::Status(status(shared, asking)), None)
        }
        Op::Stop => (Reply::Stopping { pid: std::process::id() }, None),
        Op::Register(registration) => {
            shared.questions.register(registration);
            (Reply::Noted, None)
        }
        Op::Questions => (Reply::Questions(shared.questions.list()), None),
        Op::Answer { number, yes } => match shared.questions.answer(number, yes) {
            Ok(()) => (Reply::Noted, None),
            Err(reason) => refused(reason),
        },
        Op::Restart => match restart::prepare(shared).await {
            Ok(candidate) => (Reply::Restarting { handovers: shared.handovers }, Some(candidate)),
            Err(reason) => refused(reason),
        },
    }
}

/// What is asked for, or why that cannot be said.
pub(super) fn wanted(line: &[u8]) -> Result<Op, String> {
    let Ok(request) = serde_json::from_slice::<Request>(line) else {
        return Err("the request cannot be read".to_owned());
    };
    if request.version != VERSION {
        return Err(format!("control version {VERSION} is spoken here, not {}", request.version));
    }
    Ok(request.op)
}

fn status(shared: &Shared, asking: Asking) -> Status {
    let now = clock::now();
    let mut agent = shared.agent();
    agent.expire(now);
    let longest = MAX_COMMENT.min(MAX_COMMENTS / agent.identities().count().max(1));
    let places = &shared.config.places;
    Status {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        socket: places.socket.display().to_string(),
        started: shared.started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        locked: agent.is_locked(),
        failed_unlocks: agent.failed_unlocks(),
        connections: shared.connections.load(Ordering::Relaxed),
        keys: agent.identities().map(|identity| key_status(identity, now, longest)).collect(),
        measures: shared.config.measures.iter().cloned().chain(shared.tokens.confinement()).collect(),
        log: places.log.as_ref().map(|path| path.display().to_string()),
        refusals: agent.refusals().iter().map(str::to_owned).collect(),
        program: shared.config.program.path.display().to_string(),
        handovers: shared.handovers,
        restart_failure: shared.restart.failure(),
        asking,
        ways: shared.sockets.ways(),
        relay: None,
    }
}

fn key_status(identity: &Identity, now: Moment, longest: usize) -> KeyStatus {
    let algorithm = identity.key.algorithm();
    let ending = if identity.certificate { "-CERT" } else { "" };
    KeyStatus {
        key_type: format!("{}{ending}", algorithm.short_name()),
        bits: u32::try_from(algorithm.bits()).unwrap_or(u32::MAX),
        fingerprint: identity.fingerprint.clone(),
        comment: String::from_utf8_lossy(&identity.comment[..identity.comment.len().min(longest)])
            .into_owned(),
        remaining_seconds: identity.expires.map(|moment| now.until(moment).as_secs()),
        confirm: identity.confirm,
        restricted: identity.destinations.is_some(),
    }
}
