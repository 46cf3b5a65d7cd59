//! What `myagent add` sends is, byte for byte, what `ssh-add` sends.

use crate::desk::read;
use crate::samples::container;
use crate::support::{Scratch, myagent, private_dir, run};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// An agent that takes everything and notes it.
struct Recorder {
    scratch: Scratch,
    socket: PathBuf,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    fn new() -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path("run/recorder.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&mut stream.unwrap(), &note);
            }
        });
        Self { scratch, socket, heard }
    }

    /// What was heard of keys, and no more of it is kept.
    fn take(&self) -> Vec<Vec<u8>> {
        let mut heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.retain(|message| [17, 25].contains(&message[0]));
        heard
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.path(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// What ssh-add sends, which both must succeed to.
    fn compare(&self, arguments: &[&str]) -> Vec<Vec<u8>> {
        let (status, _, err) =
            run(self.scratch.command("ssh-add").args(arguments).env("SSH_AUTH_SOCK", &self.socket));
        assert_eq!(status, 0, "ssh-add {arguments:?}: {err}");
        let expected = self.take();
        assert!(!expected.is_empty());
        let mut command = self.scratch.command(myagent());
        let (status, _, err) = run(command.arg("add").args(arguments).env("MYAGENT_SOCK", &self.socket));
        assert_eq!((status, err.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(self.take(), expected, "{arguments:?}");
        expected
    }

    /// Both refuse, and send no key.
    fn both_refuse(&self, arguments: &[&str]) {
        let mut theirs = self.scratch.command("ssh-add");
        assert_ne!(
            run(theirs.args(arguments).env("SSH_AUTH_SOCK", &self.socket)).0,
            0,
            "ssh-add {arguments:?}"
        );
        let mut ours = self.scratch.command(myagent());
        let (status, _, err) = run(ours.arg("add").args(arguments).env("MYAGENT_SOCK", &self.socket));
        assert_ne!((status, err.as_str()), (0, ""), "{arguments:?}");
        assert!(self.take().is_empty(), "{arguments:?}: a key was sent");
    }
}

fn serve(stream: &mut UnixStream, heard: &Mutex<Vec<Vec<u8>>>) {
    loop {
        let mut head = [0; 4];
        if stream.read_exact(&mut head).is_err() {
            return;
        }
        let mut message = vec![0; u32::from_be_bytes(head) as usize];
        stream.read_exact(&mut message).unwrap();
        let answer: &[u8] = if message[0] == 11 { &[0, 0, 0, 5, 12, 0, 0, 0, 0] } else { &[0, 0, 0, 1, 6] };
        heard.lock().unwrap().push(message);
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn keys_of_every_type_are_sent_as_ssh_add_sends_them() {
    let recorder = Recorder::new();
    for name in [
        "openssh-rsa2048.plain",
        "openssh-ecdsa256.plain",
        "openssh-ecdsa384.plain",
        "openssh-ecdsa521.plain",
        "openssh-ed25519.plain",
        "openssh-short256.plain",
        "openssl-rsa2048.pkcs1",
        "openssl-rsa2048.pkcs8",
        "openssl-ecdsa521.sec1",
        "putty-ed25519.openssh",
    ] {
        let file = recorder.write(name, &read(name));
        let file = file.to_str().unwrap();
        for options in [&[][..], &["-c"], &["-t", "90"], &["-t", "1h30m", "-c"], &["-t", "0"]] {
            let sent = recorder.compare(&[options, &[file]].concat());
            assert_eq!(sent.len(), 1, "{name} {options:?}");
        }
    }
}

#[test]
fn certificates_beside_keys_are_sent_as_ssh_add_sends_them() {
    let recorder = Recorder::new();
    for name in ["putty-rsa2048", "putty-ecdsa384", "putty-ed25519"] {
        let file = recorder.write(name, &read(&format!("{name}.openssh")));
        recorder.write(&format!("{name}-cert.pub"), &read(&format!("{name}-cert.pub")));
        let sent = recorder.compare(&["-t", "5", file.to_str().unwrap()]);
        assert_eq!(sent.len(), 2, "{name}");
    }
}

#[test]
fn token_keys_are_sent_as_ssh_add_sends_them() {
    let recorder = Recorder::new();
    let ecdsa = String::from_utf8(read("openssh-ecdsa256.pub")).unwrap();
    let blob = crate::samples::decoded(ecdsa.split(' ').nth(1).unwrap());
    let point = &blob[blob.len() - 65..];
    let (handle, comment) = (&[&b"handle"[..], b""][..], "on a token");
    for public in [
        &[&b"sk-ssh-ed25519@openssh.com"[..], &[9; 32], b"ssh:"][..],
        &[b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point, b"ssh:work"],
    ] {
        let file = recorder.write("sk", container(public, Some((1, handle)), comment).as_bytes());
        for options in [&[][..], &["-c", "-t", "7"]] {
            let sent = recorder.compare(&[options, &[file.to_str().unwrap()]].concat());
            assert!(
                sent[0].ends_with(b"\0\0\0\x17sk-provider@openssh.com\0\0\0\x08internal"),
                "{:?}",
                sent[0]
            );
        }
    }
}

/// Names, patterns, ports, hashed names, authorities, what is revoked and what cannot be read.
fn known_hosts(recorder: &Recorder) -> PathBuf {
    let key = |name: &str| {
        let line = String::from_utf8(read(&format!("{name}.pub"))).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    let (ed25519, rsa, ecdsa) = (key("openssh-ed25519"), key("openssh-rsa2048"), key("openssh-ecdsa256"));
    let hashed = recorder.write("hashed", format!("secret {ed25519}\nsecret,[alias]:22 {rsa}\n").as_bytes());
    let (status, _, err) = run(recorder.scratch.command("ssh-keygen").arg("-Hf").arg(&hashed));
    assert_eq!(status, 0, "{err}");
    let hashed = std::fs::read_to_string(hashed).unwrap();
    let text = format!(
        "# comment\n\nserver,10.0.0.1 {ed25519}\nserver {rsa} a comment\n[server]:2222 {ecdsa}\n\
         *.example.org,!bad.example.org {rsa}\n@cert-authority *.example.org {ecdsa}\n\
         @revoked server {ecdsa}\n \tTabbed\t{ed25519}\nserver ssh-unknown AAAAC3NzaC1lZDI1NTE5\nserver nonsense\n\
         wrong ssh-rsa AAAA\n{hashed}"
    );
    recorder.write("known_hosts", text.as_bytes())
}

#[test]
fn destinations_are_sent_as_ssh_add_sends_them() {
    let recorder = Recorder::new();
    let (hosts, key) = (known_hosts(&recorder), recorder.write("key", &read("openssh-ed25519.plain")));
    let (hosts, key) = (hosts.to_str().unwrap(), key.to_str().unwrap());
    let more =
        recorder.write("more", format!("server {}\n", crate::desk::public("putty-ed25519")).as_bytes());
    let more = more.to_str().unwrap();
    for destinations in [
        &["server"][..],
        &["10.0.0.1"],
        &["me@server"],
        &["m?-*@[server]:2222"],
        &["good.example.org"],
        &["bad.example.org"],
        &["a.example.org>root@server", "a.example.org"],
        &["server>secret"],
        &["secret"],
        &["[alias]:22"],
        &["tabbed"],
    ] {
        let mut arguments = vec!["-H", hosts];
        destinations.iter().for_each(|destination| arguments.extend(["-h", destination]));
        arguments.push(key);
        let sent = recorder.compare(&arguments);
        assert!(sent[0].windows(36).any(|window| window == b"restrict-destination-v00@openssh.com"));
    }
    recorder.compare(&["-H", hosts, "-H", more, "-h", "server", key]);
    recorder.compare(&["-H", more, "-H", hosts, "-h", "server", key]);
    recorder.compare(&["-H", "/nonexistent", "-H", hosts, "-c", "-t", "9", "-h", "server", key]);
    for destination in ["nobody", "worse.example.com", "wrong", "me@server>server", "", ">server", "server>"]
    {
        recorder.both_refuse(&["-H", hosts, "-h", destination, key]);
    }
}

/// The files that ssh reads, those of the home first.
#[test]
fn hosts_are_looked_up_in_the_known_hosts_of_the_home() {
    let recorder = Recorder::new();
    let key = recorder.write("key", &read("openssh-ed25519.plain"));
    private_dir(&recorder.scratch.home().join(".ssh"));
    let put = |name: &str, host_key: &str| {
        let line = format!("only.here.example {}\n", crate::desk::public(host_key));
        std::fs::write(recorder.scratch.home().join(".ssh").join(name), line).unwrap();
    };
    let arguments = ["add", "-h", "only.here.example", key.to_str().unwrap()];
    let add =
        || run(recorder.scratch.command(myagent()).args(arguments).env("MYAGENT_SOCK", &recorder.socket));
    let (status, _, err) = add();
    assert_eq!(status, 1);
    assert!(err.starts_with("myagent: no key of the host only.here.example is known\nhint: "), "{err}");
    put("known_hosts2", "openssh-rsa2048");
    assert_eq!(add().0, 0);
    put("known_hosts", "openssh-ecdsa256");
    assert_eq!(add().0, 0);
    let sent = recorder.take();
    assert_eq!(sent.len(), 2);
    assert!(sent[1].len() > sent[0].len() && Path::new(&recorder.socket).exists());
}
