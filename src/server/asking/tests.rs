//! Questions without a client program: time, secrets, notices.

use super::*;
use crate::platform::display::Surroundings;
use crate::platform::socket::Peer;
use crate::server::state::tests::shared;
use interprocess::local_socket::tokio::Stream;
use interprocess::os::unix::uds_local_socket::tokio::Stream as UdStream;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

/// An agent whose askpass is a shell, so that a question's text is the script that it runs.
fn agent(directory: &Path) -> Arc<Shared> {
    let settings = [("SSH_ASKPASS", "/bin/sh"), ("SSH_ASKPASS_REQUIRE", "force")];
    let own = Surroundings::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    shared(directory, Questions::of(own))
}

fn script(directory: &Path, text: &str) -> String {
    let path = directory.join("script");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A connection, and the end of a peer that stays.
fn connection() -> (Stream, std::os::unix::net::UnixStream) {
    let (ours, peer) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Stream::UdSocket(UdStream::try_from(OwnedFd::from(ours)).ok().unwrap()), peer)
}

const PEER: Peer = Peer { uid: 7, pid: None };

#[tokio::test(start_paused = true)]
async fn a_person_at_lunch_does_not_keep_a_question_open() {
    let directory = tempfile::tempdir().unwrap();
    let shared = agent(directory.path());
    let (stream, _peer) = connection();
    let client = Client::new(PEER, &stream, 0);
    let begin = tokio::time::Instant::now();
    let ended = unless_ended(&shared, &client, || true, std::future::pending::<Result<(), _>>()).await;
    assert!(matches!(ended, Err(Unanswered::Late)), "{ended:?}");
    assert!((MOST_TIME..MOST_TIME * 2).contains(&begin.elapsed()));
}

#[tokio::test]
async fn a_secret_is_the_first_line_and_nothing_of_it_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let shared = agent(directory.path());
    let (stream, _peer) = connection();
    let client = Client::new(PEER, &stream, 0);
    let ask = async |text: &str| secret(&shared, &client, || true, &script(directory.path(), text)).await;
    let entered = ask("[ -z \"$SSH_ASKPASS_PROMPT\" ] && printf '12 \\303\\251 34\\r\\nmore'").await.unwrap();
    assert_eq!(&*entered, "12 é 34".as_bytes());
    assert_eq!(&*ask("exit 0").await.unwrap(), b"");
    for refused in ["echo 1234; echo 1234 >&2; exit 1", "echo 1234; kill -9 $$", "head -c 5000 /dev/zero"] {
        let Err(refusal) = ask(refused).await else { panic!("{refused}") };
        assert!(!refusal.to_string().contains("1234"), "{refusal}");
    }
    assert_eq!(shared.questions.list(), []);
}

#[tokio::test]
async fn a_secret_is_no_terminal_s() {
    let directory = tempfile::tempdir().unwrap();
    let own = Surroundings::of([("SSH_ASKPASS_REQUIRE".to_owned(), "never".to_owned())]);
    let shared = shared(directory.path(), Questions::of(own));
    let (stream, _peer) = connection();
    let Err(refusal) = secret(&shared, &Client::new(PEER, &stream, 0), || true, "PIN").await else {
        panic!("a secret")
    };
    assert!(refusal.to_string().contains("there is no way to ask"), "{refusal}");
}

#[tokio::test]
async fn a_notice_goes_when_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let shared = agent(directory.path());
    let pid = directory.path().join("pid");
    let text = format!(
        "[ \"$SSH_ASKPASS_PROMPT\" = none ] && echo $$ >'{0}.new' && mv '{0}.new' '{0}'; exec sleep 1000",
        pid.display()
    );
    let notice = notify(&shared, &script(directory.path(), &text));
    let end = Instant::now() + Duration::from_secs(60);
    let wait = async |done: &dyn Fn() -> bool| {
        while !done() {
            assert!(Instant::now() < end, "gave up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    wait(&|| pid.exists()).await;
    let shown = std::fs::read_to_string(&pid).unwrap();
    drop(notice);
    wait(&|| !Path::new(&format!("/proc/{}", shown.trim())).exists()).await;
}

/// A question whose client is gone, and one in the middle of a handover, end before anybody is asked.
#[tokio::test]
async fn what_is_over_is_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    let shared = agent(directory.path());
    let (stream, peer) = connection();
    drop(peer);
    let pending = std::future::pending::<Result<(), _>>;
    let ended = unless_ended(&shared, &Client::new(PEER, &stream, 0), || true, pending()).await;
    assert!(matches!(ended, Err(Unanswered::HungUp)), "{ended:?}");
    let (stream, _peer) = connection();
    crate::server::restart::drain(&shared).await;
    let ended = unless_ended(&shared, &Client::new(PEER, &stream, 0), || true, pending()).await;
    assert!(matches!(ended, Err(Unanswered::Handover)), "{ended:?}");
}
