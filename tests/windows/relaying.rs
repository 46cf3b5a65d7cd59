//! `myagent relay`: what WSL runs to reach this agent, by standard input and output.

use std::io::Write;
use std::process::Stdio;

use crate::keys::key;
use crate::rig::{ADD, Agent, IDENTITIES, LIST, Place, SUCCESS, hear};

#[test]
fn requests_and_answers_go_through() {
    let agent = Agent::start();
    let mut relay = agent.place.myagent(&["relay"]);
    let mut relay = relay.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut to, mut from) = (relay.stdin.take().unwrap(), relay.stdout.take().unwrap());
    let mut ask = |kind: u8, body: &[u8]| {
        let length = u32::try_from(body.len() + 1).unwrap();
        to.write_all(&[&length.to_be_bytes()[..], &[kind], body].concat()).unwrap();
        to.flush().unwrap();
        hear(&mut from)
    };
    assert_eq!(ask(ADD, &key(11).2).0, SUCCESS);
    let (kind, list) = ask(LIST, b"");
    assert_eq!((kind, &list[..4]), (IDENTITIES, &[0, 0, 0, 1][..]));
    // The largest message there is, of a kind that nobody knows.
    assert_eq!(ask(200, &[0; 256 * 1024 - 1]).0, crate::rig::FAILURE);
    drop(to);
    assert!(relay.wait().unwrap().success());
    assert_eq!(agent.client().keys(), 1);
}

#[test]
fn without_an_agent_it_says_so() {
    let (status, _, error) = Place::own().run(&["relay"]);
    assert_eq!(status, 1);
    assert!(error.contains("no agent is running"), "{error}");
}
