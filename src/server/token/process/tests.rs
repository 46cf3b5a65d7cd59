//! A process whose part the test plays.

use super::*;
use crate::message::put_string;
use crate::token::{Failure, Hash, Kind};
use crate::vault::Wish;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

struct Stage {
    process: Arc<Process>,
    vault: Vault,
    /// The other end.
    player: tokio::net::UnixStream,
}

fn stage() -> Stage {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = Command::new("cat");
    let child = child.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).spawn().unwrap();
    let process = Process::over(1, Arc::from(&b"/p"[..]), Lasting::of_test(&child), ours).unwrap();
    // Its input must not close before it is ended.
    std::mem::forget(child);
    process.watch();
    theirs.set_nonblocking(true).unwrap();
    let player = tokio::net::UnixStream::from_std(theirs).unwrap();
    Stage { process, vault: Vault::new(Wish::Locked).unwrap(), player }
}

impl Stage {
    async fn ask(&self, data: &[u8], limit: Duration) -> Result<Answer, ProcessError> {
        let order = Order::Sign { public: b"key", hash: Hash::Sha1, data, pin: None };
        let turn = self.process.turn().await;
        self.process.ask(turn, &self.vault, &order, limit).await
    }

    async fn hear(&mut self) -> Vec<u8> {
        let len = self.player.read_u32().await.unwrap();
        let mut body = vec![0; len as usize];
        self.player.read_exact(&mut body).await.unwrap();
        body
    }

    async fn say(&mut self, body: &[u8]) {
        let mut frame = Vec::new();
        put_string(&mut frame, body);
        self.player.write_all(&frame).await.unwrap();
    }

    async fn is_ended(&self) {
        assert!(!self.process.serves());
        self.process.child.ended().await;
        assert!(matches!(self.ask(b"more", LONG).await, Err(ProcessError::Ended)));
    }
}

#[tokio::test]
async fn one_that_does_not_answer_in_time_is_ended() {
    let stage = stage();
    assert!(matches!(stage.ask(b"data", SHORT).await, Err(ProcessError::TimedOut(_))));
    stage.is_ended().await;
}

/// Larger than a socket takes.
#[tokio::test]
async fn one_that_does_not_listen_is_ended() {
    let stage = stage();
    assert!(matches!(stage.ask(&[7; 250_000], SHORT).await, Err(ProcessError::TimedOut(_))));
    stage.is_ended().await;
}

#[tokio::test]
async fn one_that_cannot_be_understood_is_ended() {
    let too_long = u32::try_from(MAX_REPLY + 1).unwrap().to_be_bytes();
    for garbage in [&[0, 0, 0, 1, 99][..], &[0, 0, 0, 0], &too_long, &[0, 0, 0, 3, 2, 0, 0]] {
        let mut stage = stage();
        stage.player.write_all(garbage).await.unwrap();
        assert!(matches!(stage.ask(b"data", LONG).await, Err(ProcessError::Garbled)), "{garbage:?}");
        stage.is_ended().await;
    }
}

#[tokio::test]
async fn one_that_leaves_is_seen() {
    let mut stage = stage();
    stage.player.write_all(&[0, 0, 0, 9, 2]).await.unwrap();
    stage.player.shutdown().await.unwrap();
    assert!(matches!(stage.ask(b"data", LONG).await, Err(ProcessError::Ended)));
    stage.is_ended().await;
}

/// The next one hears its own answer, though nobody has waited for the one before.
#[tokio::test]
async fn an_order_whose_client_has_gone_is_seen_to_its_end() {
    let mut stage = stage();
    let gone = timeout(SHORT, stage.ask(b"first", LONG)).await;
    assert!(gone.is_err());
    assert!(!stage.process.saved().usable, "it is in the middle of an order");
    let first = stage.hear().await;
    assert!(first.windows(5).any(|part| part == b"first"));
    stage.say(&Answer::Signature(b"one".to_vec()).encode()).await;
    let process = Arc::clone(&stage.process);
    let asked = async {
        let order = Order::Sign { public: b"key", hash: Hash::Sha1, data: b"second", pin: Some(b"pin") };
        let turn = process.turn().await;
        process.ask(turn, &Vault::new(Wish::Locked).unwrap(), &order, LONG).await
    };
    let played = async {
        assert!(stage.hear().await.windows(6).any(|part| part == b"second"));
        let failure = Failure { kind: Kind::PinNeeded, text: "two".to_owned() };
        stage.say(&Answer::Failed(failure).encode()).await;
    };
    let (answer, ()) = tokio::join!(asked, played);
    assert!(matches!(answer, Ok(Answer::Failed(Failure { kind: Kind::PinNeeded, text })) if text == "two"));
    assert!(stage.process.saved().usable);
}

/// As when a handover has failed half-way: what is still to come would be taken for the next answer.
#[tokio::test]
async fn an_order_that_was_broken_off_ends_it() {
    let stage = stage();
    stage.process.busy.store(true, Ordering::Release);
    assert!(matches!(stage.ask(b"data", LONG).await, Err(ProcessError::Ended)));
    stage.is_ended().await;
}

#[tokio::test]
async fn a_successor_takes_over_what_it_knows() {
    let stage = stage();
    let socket = || stage.process.as_fd().try_clone_to_owned().unwrap();
    stage.process.note_logged_out();
    stage.process.note_unconfined("why".to_owned());
    let adopted = Process::adopted(stage.process.saved(), socket()).ok().unwrap();
    assert!(adopted.runs() && !adopted.serves());
    assert_eq!(adopted.unconfined(), Some("why"));
    // The test's process has one child, which has two owners here.
    let unknown = Saved { version: VERSION + 1, ..stage.process.saved() };
    let leaving = Process::adopted(unknown, socket()).err().unwrap().expect("one to wait for");
    assert!(leaving.ended().await.contains("SIGKILL"));
    assert!(Process::adopted(stage.process.saved(), socket()).err().unwrap().is_none(), "it is gone");
}
