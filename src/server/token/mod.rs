//! Keys on PKCS#11 tokens: adding a provider's, signing with them, removing them.
//!
//! Guarantees: each `ssh-add -s` has a process of its own, so that nobody adds a key without its PIN because somebody
//! else has given it before; a process goes when the last key behind it does; nothing of the agent is held while a
//! provider works; a signature goes out only where it is right.
#![forbid(unsafe_code)]

mod adding;
mod process;
mod processes;
mod signing;
mod wish;

pub(super) use adding::add;
pub(super) use process::Process;
pub(super) use processes::{Processes, SavedProcesses};
pub(super) use signing::sign;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use self::processes::Look;
use super::Shared;
use crate::agent::{Refusal, Session};
use crate::message::{Reply, Request};

/// Answers a request to remove the keys of a provider. The list of those that may be loaded is not asked: what is to go
/// may go.
pub(super) async fn remove(shared: &Arc<Shared>, session: &Session, message: &[u8]) -> Reply {
    let Ok(Request::RemoveToken { provider: named, .. }) = Request::decode(message) else {
        return Reply::Failure;
    };
    let forget = |provider: &[u8]| shared.agent().remove_token(session, provider);
    let mut removed = forget(named);
    if matches!(removed, Ok(0)) {
        removed = real(shared, named.to_vec()).await.and_then(|path| forget(&path));
    }
    sweep(shared);
    match removed {
        Ok(0) => shared.agent().note(session, Refusal::NoSuchProvider),
        Ok(_) => Reply::Success,
        Err(refusal) => shared.agent().note(session, refusal),
    }
}

async fn real(shared: &Shared, named: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let look = shared.tokens.look().ok_or(Refusal::TooManyProviders)?;
    apart(&look, move || {
        let real = Path::new(OsStr::from_bytes(&named)).canonicalize();
        real.map(|path| path.into_os_string().into_encoded_bytes()).map_err(|_| Refusal::NoSuchProvider)
    })
    .await
}

/// Ends the processes that no key is behind.
pub(super) fn sweep(shared: &Shared) {
    if !shared.tokens.is_empty() {
        let agent = shared.agent();
        shared.tokens.keep(&agent.token_processes());
    }
}

/// The same after a request that may have taken keys away.
pub(super) fn sweep_after(shared: &Shared, request: &Request<'_>) {
    if matches!(request, Request::Remove { .. } | Request::RemoveAll { .. }) {
        sweep(shared);
    }
}

/// Does what may take its time on a thread of its own: a file system that hangs must keep nobody else waiting. The
/// thread holds the right to look, so that there are few, also where the clients of them are gone.
pub(super) async fn apart<T: Send + 'static>(
    look: &Look,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let (done, result) = oneshot::channel();
    let look = Look::clone(look);
    let started = std::thread::Builder::new().spawn(move || {
        let done = done.send(work());
        drop(look);
        done
    });
    let broken = |_| Refusal::TooManyProviders;
    started.map_err(|_| Refusal::TooManyProviders)?;
    result.await.map_err(broken)?
}

fn refusal(provider: &[u8], reason: String) -> Refusal {
    Refusal::Token { provider: provider.escape_ascii().to_string(), reason }
}
