//! The ways by which the clients of others find the agent: nothing is set in their environment.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::windows::fs::MetadataExt;
use std::os::windows::io::AsHandle;
use std::path::Path;

use crate::keys::{key, signs};
use crate::rig::{ADD, Agent, Client, IDENTITIES, LIST, Place, SUCCESS, hear};
use myagent::platform::paths::OPENSSH;
use myagent::platform::windows::descriptor::described;
use myagent::platform::windows::pageant::name;
use myagent::platform::windows::security::own;
use tokio::net::windows::named_pipe::ServerOptions;

/// What marks the file for Cygwin: `FILE_ATTRIBUTE_SYSTEM`.
const SYSTEM: u32 = 4;

/// The way of this name, as the status has it.
fn way(agent: &Agent, name: &str) -> serde_json::Value {
    let status = agent.place.status();
    status["ways"].as_array().unwrap().iter().find(|way| way["name"] == name).unwrap().clone()
}

/// Connects as a program of Cygwin's does, by what the file says.
fn through_file(path: &Path) -> TcpStream {
    let text = std::fs::read_to_string(path).unwrap();
    let (port, word) = text.strip_prefix("!<socket >").unwrap().split_once(" s ").unwrap();
    let word = word.trim_end_matches('\0').split('-').flat_map(|number| {
        assert_eq!(number.len(), 8);
        u32::from_str_radix(number, 16).unwrap().to_ne_bytes()
    });
    let word: Vec<u8> = word.collect();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
    stream.write_all(&word).unwrap();
    let mut said = [0; 16];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(said[..], word);
    stream.write_all(&[0; 12]).unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    stream
}

/// In one test: a machine has each of these pipes once.
#[test]
fn clients_of_others_find_the_agent_and_what_others_serve_is_left_to_them() {
    let agent = Agent::at(Place::usual(), &[]);
    let key = key(8);
    let mut client = Client::open(Path::new(OPENSSH));
    assert_eq!(client.ask(ADD, &key.2).0, SUCCESS);
    let own_pipe = agent.place.status()["socket"].as_str().unwrap().to_owned();
    let putty = name::path().unwrap();
    for pipe in [Path::new(OPENSSH), &putty, Path::new(&own_pipe)] {
        let mut client = Client::open(pipe);
        assert!(signs(&mut client, &key), "{}", pipe.display());
        let described = described(client.0.as_handle()).unwrap();
        println!("{}: {described}", pipe.display());
        assert!(described.starts_with(&format!("O:{}D:P(A;;", own().unwrap())), "{described}");
    }
    let file = agent.place.profile.path().join("myagent").join("agent.sock");
    assert_ne!(std::fs::metadata(&file).unwrap().file_attributes() & SYSTEM, 0);
    let mut stream = through_file(&file);
    stream.write_all(&[0, 0, 0, 1, LIST]).unwrap();
    assert_eq!(hear(&mut stream).0, IDENTITIES);
    for name in ["OpenSSH", "PuTTY", "PuTTY before 0.75", "Cygwin"] {
        assert_eq!(way(&agent, name)["state"], "on", "{:?}", way(&agent, name));
    }
    // Git's shell is shown the file.
    let (_, line, _) = agent.place.run(&["start", "--shell", "sh"]);
    assert!(line.contains("agent.sock") && !line.contains("pipe"), "{line}");
    assert_eq!(agent.place.run(&["stop"]).0, 0);
    assert!(!file.exists(), "the file is left");
    drop(agent);
    others_have_openssh_s_pipe();
}

fn others_have_openssh_s_pipe() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let service = {
        let _entered = runtime.enter();
        let first = ServerOptions::new().create(OPENSSH).unwrap();
        runtime.spawn(async move {
            let mut server = first;
            loop {
                let next = ServerOptions::new().create(OPENSSH).unwrap();
                let _ = server.connect().await;
                server = next;
            }
        })
    };
    let agent = Agent::at(Place::usual(), &[]);
    let refused = way(&agent, "OpenSSH");
    assert_eq!(refused["state"], "refused");
    let detail = refused["detail"].as_str().unwrap();
    let ours = format!("pid {}", std::process::id());
    assert!(detail.contains(&ours) && detail.contains("Stop-Service ssh-agent"), "{detail}");
    for name in ["PuTTY", "PuTTY before 0.75", "Cygwin"] {
        assert_eq!(way(&agent, name)["state"], "on", "{:?}", way(&agent, name));
    }
    let (_, text, _) = agent.place.run(&["status"]);
    assert!(text.contains("refused  OpenSSH: "), "{text}");
    // Whoever has just started one is told, and nobody later.
    assert_eq!(agent.place.run(&["stop"]).0, 0);
    let (status, output, error) = agent.place.run(&["start", "--shell", "env"]);
    assert!(status == 0 && output.starts_with("SSH_AUTH_SOCK="), "{output}");
    assert!(error.contains("not found by Windows' own ssh: ") && error.contains("Stop-Service"), "{error}");
    assert_eq!(agent.place.run(&["start", "--shell", "env"]), (0, output, String::new()));
    assert_eq!(agent.place.run(&["stop"]).0, 0);
    service.abort();
}
