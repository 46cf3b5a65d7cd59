//! Children that end, are ended, and are adopted.

use super::*;
use std::process::Child;

/// It would live as long as the test.
fn sleeper() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).spawn().unwrap()
}

#[tokio::test]
async fn it_ends_and_is_waited_for() {
    let child = sleeper();
    let lasting = Lasting::of_test(&child);
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), lasting.ended());
    assert!(waiting.await.is_err(), "it lives");
    lasting.end();
    assert_eq!(lasting.ended().await, "it was ended by SIGKILL");
    // Its number may be another's from now on.
    assert_eq!(*lasting.standing.lock().unwrap(), Standing::Reaped);
    lasting.end();
    assert_eq!(lasting.ended().await, "it has ended");
}

#[test]
fn one_that_is_dropped_is_waited_for() {
    let lasting = Lasting::of_test(&sleeper());
    let pid = lasting.pid;
    drop(lasting);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while kill(pid, None) != Err(Errno::ESRCH) {
        assert!(std::time::Instant::now() < end, "it is a zombie");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn only_a_living_child_is_adopted() {
    let child = sleeper();
    let number = i32::try_from(child.id()).unwrap();
    let adopted = Lasting::adopted(number).expect("it is ours and lives");
    adopted.end();
    adopted.ended().await;
    for foreign in [number, 1, 0, -1, i32::try_from(std::process::id()).unwrap()] {
        assert!(Lasting::adopted(foreign).is_none(), "{foreign}");
    }
}
