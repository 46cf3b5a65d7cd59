//! The pipes: whose they are, how many come in at once, and what is left to others.

use std::os::windows::io::AsHandle;
use std::sync::{Arc, Barrier};

use crate::rig::{Agent, Client, LIST, Place, on_windows};
use myagent::platform::windows::descriptor::described;
use myagent::platform::windows::security::own;
use tokio::net::windows::named_pipe::ServerOptions;

/// Everything that can be done to a pipe, as it was asked for, and as Windows has it afterwards.
const ALL: [&str; 2] = ["GA", "FA"];

fn ours_alone() -> Vec<String> {
    let own = own().unwrap();
    ALL.map(|all| format!("O:{own}D:P(A;;{all};;;SY)(A;;{all};;;{own})")).into()
}

#[test]
fn the_pipes_are_ours_and_the_systems() {
    let agent = Agent::start();
    let control = format!("{}.control", agent.place.pipe().display());
    for pipe in [agent.place.pipe(), control.as_ref()] {
        let client = Client::open(pipe);
        let described = described(client.0.as_handle()).unwrap();
        println!("{}: {described}", pipe.display());
        assert!(ours_alone().contains(&described), "{described}");
    }
}

/// Each of them is one that does not wait for an instance.
#[test]
fn two_hundred_clients_at_once_all_find_the_agent() {
    const CLIENTS: usize = 200;
    let agent = Agent::start();
    let (pipe, all) = (agent.place.pipe().to_owned(), Arc::new(Barrier::new(CLIENTS)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (pipe, all) = (pipe.clone(), Arc::clone(&all));
            std::thread::spawn(move || {
                all.wait();
                let client = Client::try_open(&pipe);
                // Nobody leaves before all are in: each has an instance of its own.
                all.wait();
                client.map(|mut client| client.keys()).map_err(|error| error.to_string())
            })
        })
        .collect();
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| **answer != Ok(0)).collect();
    assert!(refused.is_empty(), "{} of {CLIENTS}, such as {:?}", refused.len(), refused[0]);
}

#[test]
fn a_client_that_leaves_in_the_middle_hurts_nobody() {
    let agent = Agent::start();
    for cut in 0..5 {
        let mut client = agent.client();
        let whole = [0, 0, 0, 1, LIST];
        std::io::Write::write_all(&mut client.0, &whole[..cut]).unwrap();
    }
    assert_eq!(agent.client().keys(), 0);
}

/// A client that does not read is given up, and what it might have read keeps nobody: the agent ends at once.
#[test]
fn whoever_does_not_read_keeps_nobody() {
    let agent = Agent::start();
    let clients: Vec<_> = (0..20).map(|_| agent.client()).collect();
    for mut client in clients {
        client.say(LIST, b"");
        // It leaves with the answer unread, or stays with it: here it stays to the end.
        std::mem::forget(client);
    }
    assert_eq!(agent.client().keys(), 0);
    assert_eq!(agent.place.run(&["stop"]).0, 0);
}

/// The answer to a command is there after the agent has closed its end.
#[test]
fn an_answer_outlives_its_connection() {
    let agent = Agent::start();
    let control = format!("{}.control", agent.place.pipe().display());
    let mut client = Client::open(control.as_ref());
    std::io::Write::write_all(&mut client.0, b"{\"version\":1,\"op\":\"status\"}\n").unwrap();
    // Another command is answered meanwhile: by then this connection is done with.
    agent.place.status();
    let mut answer = String::new();
    let _ = std::io::Read::read_to_string(&mut client.0, &mut answer);
    assert!(answer.starts_with("{\"status\":{") && answer.ends_with("}\n"), "{answer}");
}

#[test]
fn the_pipe_of_another_program_is_left_to_it() {
    let place = Place::own();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    // It has clients enough, and gives no agent's answer.
    let _servers: Vec<_> = (0..4)
        .map(|_| {
            let server = ServerOptions::new().create(place.pipe()).unwrap();
            runtime.spawn(async move {
                let _ = server.connect().await;
                drop(server);
            })
        })
        .collect();
    let (status, said, error) = place.run(&["start", "--foreground"]);
    assert_eq!((status, &*said), (1, ""), "{error}");
    assert!(error.contains("is in use and gives no agent's answer"), "{error}");
}

#[test]
fn a_second_agent_is_none() {
    let agent = Agent::start();
    let (status, said, error) = agent.place.run(&["start", "--foreground"]);
    assert_eq!((status, &*said), (1, ""));
    assert!(error.contains("an agent is running already"), "{error}");
    assert_eq!(agent.client().keys(), 0);
}

/// Windows refuses a second first instance by itself; under Wine whoever looks finds the first.
#[test]
fn nobody_makes_the_pipe_of_a_living_agent() {
    let agent = Agent::start();
    if on_windows("FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_REJECT_REMOTE_CLIENTS and the access list") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let mut another = ServerOptions::new();
        assert!(another.first_pipe_instance(true).create(agent.place.pipe()).is_err());
    }
    let error = myagent::platform::windows::pipe::bind(agent.place.pipe()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}
