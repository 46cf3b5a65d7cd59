//! Keys on a FIDO token: what the token knows them by, and the PIN that opens it.

use super::keys::Key;
use super::rig::{Memory, Rig, agent, script};
use super::scan::Secrets;
use super::support::{Scratch, run, wait_until};
use super::wire::{self, FAILURE, Fields, SUCCESS};
use super::{PASSWORD, WRONG};
use nix::sys::signal::{Signal, kill};

/// A token played by a library, of Debian's package openssh-tests.
const TOKEN: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

const KINDS: [&str; 2] = ["ed25519-sk", "ecdsa-sk"];

const PIN: &str = "a PIN that no token has, and that is looked for";

/// Refuses whoever has no PIN, and gives the others OpenSSH's helper.
const HELPER: &str = "#!/bin/sh
umask 077
cat >\"$0.$$\"
if grep -q 'a PIN that no token has' \"$0.$$\"; then exec /usr/lib/openssh/ssh-sk-helper <\"$0.$$\"; fi
printf '\\000\\000\\000\\011\\005\\000\\000\\000\\000\\000\\000\\000\\053'
";

const ASKPASS: &str = "#!/bin/sh
[ \"$SSH_ASKPASS_PROMPT\" != none ] || exec sleep 1000
echo 'a PIN that no token has, and that is looked for'
";

/// What is between the first and the last line of a PEM text: those are no secret, and every reader of such texts has them.
fn within_lines(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let body = text.strip_prefix("-----BEGIN EC PRIVATE KEY-----\n").unwrap();
    body.split_once("-----END").unwrap().0.into()
}

/// The token that the tests play has its private half in the handle: a seed, or a text with the number.
fn handle(key: &Key) -> Vec<u8> {
    let mut fields = Fields(&key.private);
    let kind = fields.string();
    let public = if kind.starts_with(b"sk-ecdsa") { 3 } else { 2 };
    for _ in 0..public {
        fields.string();
    }
    fields.u8();
    let handle = fields.string();
    if kind.starts_with(b"sk-ecdsa") { within_lines(handle) } else { handle[..32].to_vec() }
}

fn rig(memory: Memory) -> Rig {
    let scratch = Scratch::new();
    let mut secrets = Secrets::new();
    for kind in KINDS {
        let mut keygen = scratch.command("ssh-keygen");
        let keygen = keygen.args(["-q", "-N", "", "-C", kind, "-t", kind, "-f", kind]);
        let (status, _, error) = run(keygen.env("SSH_SK_PROVIDER", TOKEN));
        assert_eq!(status, 0, "{error}");
        secrets.add(kind, &handle(&Key::read(&scratch.path(kind))));
    }
    secrets.add("PIN", PIN.as_bytes());
    secrets.add("password", PASSWORD);
    secrets.add("wrong-one", WRONG);
    let mut agent = agent(&scratch, memory);
    agent.env("SSH_SK_HELPER", script(&scratch, "helper", HELPER));
    agent.env("SSH_ASKPASS", script(&scratch, "askpass", ASKPASS)).env("SSH_ASKPASS_REQUIRE", "force");
    Rig::new(scratch, memory, agent, "a FIDO token's keys", secrets)
}

fn load(rig: &Rig, arguments: &[&str]) {
    for kind in KINDS {
        let arguments = [&["-q"], arguments, &[kind]].concat();
        let (status, _, error) = run(rig.ssh_add(&arguments).env("SSH_SK_PROVIDER", TOKEN));
        assert_eq!(status, 0, "{kind} is not added: {error}");
    }
}

fn use_keys(rig: &Rig) {
    for kind in KINDS {
        let (status, _, error) = run(&mut rig.ssh_add(&["-T", &format!("{kind}.pub")]));
        assert_eq!(status, 0, "{kind} does not sign: {error}");
    }
}

fn live(rig: &Rig) {
    load(rig, &[]);
    rig.nothing_is_found("loaded");
    (0..3).for_each(|_| use_keys(rig));
    rig.nothing_is_found("used with a PIN");
    rig.restart();
    rig.nothing_is_found("restarted");
    use_keys(rig);
    rig.nothing_is_found("used by the next program");
    let mut conn = rig.conn();
    conn.expect(&wire::lock(PASSWORD), SUCCESS);
    conn.expect(&wire::unlock(WRONG), FAILURE);
    rig.nothing_is_found("locked, a wrong password");
    conn.expect(&wire::unlock(PASSWORD), SUCCESS);
    rig.nothing_is_found("unlocked");
    assert_eq!(run(&mut rig.ssh_add(&["-q", "-D"])).0, 0);
    rig.nothing_is_found("all removed");
    load(rig, &["-t", "1"]);
    wait_until("every key's time is over", || rig.is_empty());
    rig.nothing_is_found("expired");
    load(rig, &[]);
    kill(rig.pid(), Signal::SIGUSR1).unwrap();
    wait_until("all keys are forgotten", || rig.is_empty());
    rig.nothing_is_found("forgotten on SIGUSR1");
}

#[test]
#[ignore = "needs root, gcore, /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: it reads the agent's memory"]
fn nothing_of_a_token_is_found_with_memory_of_memfd_secret() {
    live(&rig(Memory::Memfd));
}

#[test]
#[ignore = "needs root, gcore, /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: it reads the agent's memory"]
fn nothing_of_a_token_is_found_with_locked_memory() {
    live(&rig(Memory::Locked));
}
