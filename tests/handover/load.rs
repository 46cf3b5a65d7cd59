//! Clients while the agent is handed over again and again: whoever connects gets an answer.

use crate::keys::Key;
use crate::rig::{Rig, Way};
use crate::wire::{self, Conn, FAILURE, SUCCESS, add, list, lock, sign, signature, unlock};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// In a row.
const HANDOVERS: usize = 40;
/// At the same time, each with a connection that it keeps while it can.
const CLIENTS: usize = 8;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Answer(Vec<u8>),
    /// The connection ended, and nothing of an answer had come.
    Closed,
}

/// One request. Panics at half an answer, or none in a minute.
fn ask(mut stream: &UnixStream, body: &[u8]) -> Came {
    let gone = |kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
    match stream.write_all(&wire::frame(body)) {
        Err(error) if gone(error.kind()) => return Came::Closed,
        written => written.unwrap(),
    }
    let mut length = [0; 4];
    match stream.read(&mut length[..1]) {
        Ok(0) => return Came::Closed,
        Err(error) if gone(error.kind()) => return Came::Closed,
        read => read.unwrap(),
    };
    stream.read_exact(&mut length[1..]).expect("a whole length");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("a whole answer");
    Came::Answer(answer)
}

fn connect(rig: &Rig) -> UnixStream {
    let stream = UnixStream::connect(&rig.socket).expect("the agent takes a connection");
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream
}

/// Asks over one connection until that is closed, and over the next; gives the number of answers. The first request
/// of every connection must be answered.
fn keep_asking(rig: &Rig, body: &[u8], right: impl Fn(&[u8]) -> bool, end: &AtomicBool) -> usize {
    let mut answers = 0;
    while !end.load(Ordering::Relaxed) {
        let stream = connect(rig);
        let mut over_this_one = 0;
        while !end.load(Ordering::Relaxed) {
            match ask(&stream, body) {
                Came::Answer(answer) => assert!(right(&answer), "answered {answer:?}"),
                Came::Closed => {
                    assert!(over_this_one > 0, "a new connection got no answer");
                    break;
                }
            }
            over_this_one += 1;
        }
        answers += over_this_one;
    }
    answers
}

/// Ends the clients, whatever becomes of the test.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` while clients ask, and ends them whatever becomes of it.
fn under_load(rig: &Rig, requests: &[(Vec<u8>, u8)], work: impl FnOnce()) -> usize {
    let (end, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _end = End(&end);
        for at in 0..CLIENTS {
            let (body, kind) = &requests[at % requests.len()];
            let (end, answers) = (&end, &answers);
            scope.spawn(move || {
                let right = |answer: &[u8]| answer.first() == Some(kind);
                answers.fetch_add(keep_asking(rig, body, right, end), Ordering::Relaxed);
            });
        }
        work();
    });
    answers.into_inner()
}

#[test]
fn forty_under_load_lose_nothing() {
    let rig = Rig::new(Way::Daemon);
    let keys = [("ed25519", &["ed25519"][..]), ("p256", &["ecdsa"]), ("rsa", &["rsa", "-b", "2048"])]
        .map(|(name, kind)| Key::generate(&rig.scratch, name, kind));
    for (key, comment) in keys.iter().zip(["one", "two", "three"]) {
        rig.conn().expect(&add(&key.private, comment.as_bytes()), SUCCESS);
    }
    let requests: Vec<_> = keys.iter().map(|key| (sign(&key.blob, b"data", 4), wire::SIGNATURE)).collect();
    let answers = under_load(&rig, &requests, || (0..HANDOVERS).for_each(|_| rig.restarted()));
    assert_eq!(rig.status().handovers as usize, HANDOVERS);
    assert_eq!(rig.conn().comments(), ["one", "two", "three"]);
    for (body, _) in &requests {
        signature(&rig.conn().ask(body).unwrap());
    }
    println!("{answers} answers during {HANDOVERS} handovers");
    assert!(answers > HANDOVERS * CLIENTS, "hardly any load: {answers}");
}

/// Nothing is signed, nothing listed, no password forgotten.
#[test]
fn forty_under_load_open_no_lock() {
    let rig = Rig::new(Way::Service);
    let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
    rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
    rig.conn().expect(&lock(b"secret"), SUCCESS);
    let requests = [(sign(&key.blob, b"data", 0), FAILURE), (list(), wire::IDENTITIES)];
    let answers = under_load(&rig, &requests, || {
        for _ in 0..HANDOVERS {
            rig.restarted();
            assert!(rig.status().locked);
            assert!(rig.conn().comments().is_empty());
        }
    });
    assert!(answers > HANDOVERS * CLIENTS, "hardly any load: {answers}");
    rig.conn().expect(&unlock(b"secret"), SUCCESS);
    assert_eq!(rig.conn().comments(), ["mine"]);
}

/// Each connection is new: not one of them is refused, or closed without an answer.
#[test]
fn whoever_connects_is_answered() {
    let rig = Rig::new(Way::Daemon);
    let end = AtomicBool::new(false);
    let asked: usize = std::thread::scope(|scope| {
        let ending = End(&end);
        let ask_once_each = || {
            let mut asked = 0;
            while !end.load(Ordering::Relaxed) {
                let came = ask(&connect(&rig), &list());
                assert!(matches!(came, Came::Answer(_)), "connection {asked} got no answer");
                asked += 1;
            }
            asked
        };
        let clients: Vec<_> = (0..2 * CLIENTS).map(|_| scope.spawn(ask_once_each)).collect();
        (0..HANDOVERS).for_each(|_| rig.restarted());
        drop(ending);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    println!("{asked} connections during {HANDOVERS} handovers");
    assert!(asked > HANDOVERS * CLIENTS, "hardly any load: {asked}");
}

/// A connection that was taken just before the end, and whose request comes just after.
#[test]
fn a_new_connection_may_speak() {
    let rig = Rig::new(Way::Service);
    let before = rig.logged().matches("tried ").count();
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| rig.restarted());
        let mut new = Vec::new();
        while rig.logged().matches("tried ").count() == before {
            new.push(connect(&rig));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        for stream in &new {
            assert!(matches!(ask(stream, &list()), Came::Answer(_)), "one of {} got no answer", new.len());
        }
        drop(new);
        restart.join().unwrap();
    });
}

/// Those that came while nobody accepted wait, and are served by the next program; what they sent was kept.
#[test]
fn the_backlog_is_served() {
    let rig = Rig::new(Way::Service);
    // Holds the handover back while the others come.
    let mut half = rig.conn();
    half.send_raw(&[0, 0, 0]);
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| rig.restarted());
        rig.wait_logged("tried ");
        let mut waiting: Vec<Conn> = (0..50).map(|_| rig.conn()).collect();
        waiting.iter_mut().for_each(|conn| conn.send(&list()));
        for conn in &mut waiting {
            assert_eq!(conn.recv().as_deref(), Some(&[wire::IDENTITIES, 0, 0, 0, 0][..]));
        }
        restart.join().unwrap();
    });
    assert_eq!(half.recv(), None);
}

/// A client that takes its time holds the handover back by some seconds; a shell that starts meanwhile waits for them.
#[test]
fn a_shell_that_starts_meanwhile_finds_it() {
    let rig = Rig::new(Way::Daemon);
    let mut half = rig.conn();
    half.send_raw(&[0, 0, 0]);
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| rig.restarted());
        rig.wait_logged("tried ");
        let (status, out, error) = crate::support::run(rig.myagent("start").args(["--shell", "sh"]));
        assert!(status == 0 && !out.contains("SSH_AGENT_PID"), "{out}{error}");
        restart.join().unwrap();
    });
}

/// Connections of every kind that are open: the idle end at once, those that wait are answered first.
#[test]
fn open_connections_end_after_their_answers() {
    let rig = Rig::new(Way::Daemon);
    let key = Key::generate(&rig.scratch, "key", &["rsa", "-b", "4096"]);
    rig.conn().expect(&add(&key.private, b"mine"), SUCCESS);
    let mut idle: Vec<Conn> = (0..200).map(|_| rig.conn()).collect();
    idle[0].comments();
    let mut signing: Vec<Conn> = (0..20).map(|_| rig.conn()).collect();
    signing.iter_mut().for_each(|conn| conn.send(&sign(&key.blob, b"data", 4)));
    rig.restarted();
    for conn in &mut signing {
        signature(&conn.recv().expect("the answer comes before the end"));
        assert_eq!(conn.recv(), None);
    }
    for conn in &mut idle {
        assert_eq!(conn.recv(), None);
    }
    assert_eq!(rig.status().connections, 0);
}

/// Clients that do not read, or do not send: they cost a handover some seconds, and nobody a key.
#[test]
fn clients_that_mean_harm() {
    let rig = Rig::new(Way::Service);
    let key = Key::generate(&rig.scratch, "key", &["ed25519"]);
    rig.conn().expect(&add(&key.private, &[b'x'; 200_000]), SUCCESS);
    let mut greedy: Vec<Conn> = (0..3).map(|_| rig.conn()).collect();
    greedy.iter_mut().for_each(|conn| conn.send_raw(&wire::frame(&list()).repeat(20)));
    let mut half: Vec<Conn> = (0..100).map(|_| rig.conn()).collect();
    half.iter_mut().for_each(|conn| conn.send_raw(&[0, 0, 1, 0, wire::ADD, 1]));
    rig.restarted();
    signature(&rig.conn().ask(&sign(&key.blob, b"data", 0)).unwrap());
    assert!(rig.logged().contains("connections are closed unanswered"), "{}", rig.logged());
}
