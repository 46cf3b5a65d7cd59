//! A panic in the middle of a request.

use super::*;
use crate::server::asking::Questions;
use crate::server::state;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A message that only tests have; large, so that it has its share of everything.
const PANICS: u8 = 251;

/// Generous: other tests run meanwhile.
const LONG: Duration = Duration::from_secs(60);

/// Panics with everything held that a request can hold.
pub(in crate::server) fn may_panic(shared: &Shared, message: &[u8]) {
    if message.first() == Some(&PANICS) {
        let _agent = shared.agent();
        std::panic::resume_unwind(Box::new(()));
    }
}

async fn ask(stream: &mut UnixStream, body: &[u8]) -> Option<u8> {
    let frame = [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
    stream.write_all(&frame).await.ok()?;
    let mut head = [0; 5];
    timeout(LONG, stream.read_exact(&mut head)).await.unwrap().ok()?;
    let rest = usize::try_from(u32::from_be_bytes([head[0], head[1], head[2], head[3]])).unwrap() - 1;
    stream.read_exact(&mut vec![0; rest]).await.ok()?;
    Some(head[4])
}

/// Waits until so many connections are open.
async fn are_open(shared: &Shared, count: usize) {
    let closed = async {
        while shared.open.load(Ordering::Acquire) > count {
            shared.restart.closed.notified().await;
        }
    };
    timeout(LONG, closed).await.unwrap();
}

/// The connection ends; the agent, its locks, its counts and everybody else go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_own_connection_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let shared = state::tests::shared(directory.path(), Questions::default());
    let listener = shared.sockets.agent.to_tokio().unwrap();
    let serving = tokio::spawn(clients(Arc::clone(&shared), listener));
    let connect = || UnixStream::connect(&shared.config.places.socket);
    let mut bystander = connect().await.unwrap();
    assert_eq!(ask(&mut bystander, &[11]).await, Some(12));
    // More often than there are places in any queue.
    for _ in 0..20 {
        let mut other = connect().await.unwrap();
        assert_eq!(ask(&mut other, &[PANICS; 100_000]).await, None);
        assert_eq!(ask(&mut bystander, &[11]).await, Some(12));
    }
    assert!(shared.agent.is_poisoned(), "the panic came elsewhere");
    are_open(&shared, 1).await;
    drop(bystander);
    are_open(&shared, 0).await;
    assert_eq!(shared.connections.load(Ordering::Relaxed), 0);
    // What was large when it broke off has given its room back: it would be used up.
    for _ in 0..200 {
        assert_eq!(ask(&mut connect().await.unwrap(), &[PANICS; 200_000]).await, None);
    }
    let mut last = connect().await.unwrap();
    assert_eq!(ask(&mut last, &[200; 200_000]).await, Some(5));
    serving.abort();
}
