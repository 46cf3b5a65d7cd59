//! The relay's half of the control socket: it ends itself, and passes on what is for the agent.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Relay;
use crate::control::{MAX_REQUEST, Op, Relay as Description, Reply};
use crate::platform::socket::{Accepted, Incoming, Peer};
use crate::server::Client;
use crate::server::accept::{self, MOST_CONTROL};
use crate::server::control::{PATIENCE, wanted};

/// How long the agent of Windows may take for a command: as long as `myagent relay` waits, and to begin.
const ANSWER: Duration = Duration::from_secs(40);

/// Serves it for ever.
pub(super) async fn serve(relay: Arc<Relay>, incoming: Incoming) {
    let places = Arc::new(Semaphore::new(MOST_CONTROL));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = accept::next(&incoming).await;
        let relay = Arc::clone(&relay);
        tokio::spawn(async move {
            let _place = place;
            relay.command(stream, peer).await;
        });
    }
}

impl Relay {
    /// One command of ours: a line each way.
    async fn command(&self, stream: Accepted, peer: Peer) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(MAX_REQUEST as u64);
        let _ = timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await;
        if line.last() != Some(&b'\n') {
            return;
        }
        let client = Client::new(peer, stream.get_ref(), line.len());
        let reply = tokio::select! {
            biased;
            reply = self.reply(&line) => reply,
            // Those that wait for Windows in vain must not keep a stop waiting.
            () = client.gone() => return,
        };
        let Ok(mut bytes) = serde_json::to_vec(&reply) else { return };
        bytes.push(b'\n');
        let _ = timeout(PATIENCE, stream.get_mut().write_all(&bytes)).await;
        if matches!(reply, Reply::Stopping { .. }) {
            self.stop.notify_one();
            // Held to the end of the process: the client learns by it that the relay is gone.
            std::future::pending::<()>().await;
        }
    }

    async fn reply(&self, line: &[u8]) -> Reply {
        match wanted(line) {
            Ok(Op::Stop) => Reply::Stopping { pid: std::process::id() },
            // The terminals and displays of here are nothing to the agent of Windows.
            Ok(Op::Register(_)) => Reply::Noted,
            Ok(_) => self.pass_on(line).await.unwrap_or_else(|reason| {
                let relay = std::process::id();
                Reply::Refused {
                    reason: format!(
                        "this is a relay (pid {relay}) to Windows, whose agent gives no answer: {reason}"
                    ),
                }
            }),
            Err(reason) => Reply::Refused { reason },
        }
    }

    async fn pass_on(&self, line: &[u8]) -> Result<Reply, String> {
        let mut child = self.start(&["relay", "--control"]).await?;
        let answered = match timeout(ANSWER, child.answer_line(line)).await {
            Ok(Ok(answer)) => serde_json::from_slice(&answer).map_err(|_| "it cannot be read".to_owned()),
            Ok(Err(error)) => Err(child.reason().await.unwrap_or_else(|| error.to_string())),
            Err(_) => Err(format!("none within {} seconds", ANSWER.as_secs())),
        };
        child.end().await;
        answered.map(|reply| self.described(reply))
    }

    /// A status says whose it is.
    fn described(&self, reply: Reply) -> Reply {
        let Reply::Status(mut status) = reply else { return reply };
        let places = &self.config.places;
        status.relay = Some(Description {
            pid: std::process::id(),
            socket: places.socket.display().to_string(),
            log: places.log.as_ref().map(|path| path.display().to_string()),
            program: self.program.display().to_string(),
        });
        Reply::Status(status)
    }
}
