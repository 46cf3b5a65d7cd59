//! Keys on a FIDO token: what the token knows them by, and the PIN that opens it.

use super::scan::{Secrets, control_holds};
use super::support::{Agent, Scratch, run};
use super::{Rig, agent, socket};
use std::io::Write;
use std::process::Stdio;

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

/// Another process writes it, so that no test's child has it open for writing when it is run.
fn program(scratch: &Scratch, name: &str, text: &str) -> String {
    let path = scratch.path(name);
    let mut install = scratch.command("install");
    let mut install =
        install.args(["-m", "700", "/dev/stdin"]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
    path.to_str().unwrap().to_owned()
}

fn rig(memory: &str) -> Rig {
    let scratch = Scratch::new();
    let mut secrets = Secrets::new();
    for kind in KINDS {
        let mut keygen = scratch.command("ssh-keygen");
        let keygen = keygen.args(["-q", "-N", "", "-C", kind, "-t", kind, "-f", kind]);
        let (status, _, error) = run(keygen.env("SSH_SK_PROVIDER", TOKEN));
        assert_eq!(status, 0, "{error}");
        secrets.add_key(kind, &scratch.path(kind));
    }
    secrets.add("PIN", PIN.as_bytes());
    control_holds(&secrets);
    let mut command = agent(&scratch, &["--secret-memory", memory, "--trust-own-binary"], "true");
    command.env("SSH_SK_HELPER", program(&scratch, "helper", HELPER));
    command.env("SSH_ASKPASS", program(&scratch, "askpass", ASKPASS)).env("SSH_ASKPASS_REQUIRE", "force");
    Rig { agent: Agent::spawn(command, socket(&scratch)), scratch, secrets }
}

fn live(rig: &Rig) {
    let use_keys = || {
        for kind in KINDS {
            let (status, _, error) = run(&mut rig.ssh_add(&["-T", &format!("{kind}.pub")]));
            assert_eq!(status, 0, "{kind} does not sign: {error}");
        }
    };
    for kind in KINDS {
        let (status, _, error) = run(rig.ssh_add(&["-q", kind]).env("SSH_SK_PROVIDER", TOKEN));
        assert_eq!(status, 0, "{kind} is not added: {error}");
    }
    rig.nothing_is_found("loaded");
    (0..3).for_each(|_| use_keys());
    rig.nothing_is_found("used with a PIN");
    rig.restart();
    rig.nothing_is_found("restarted");
    use_keys();
    rig.nothing_is_found("used by the next program");
    assert_eq!(run(&mut rig.ssh_add(&["-q", "-D"])).0, 0);
    rig.nothing_is_found("removed");
}

#[test]
#[ignore = "needs root, /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: it reads the agent's memory"]
fn nothing_of_a_token_is_found_with_memory_of_memfd_secret() {
    live(&rig("memfd"));
}

#[test]
#[ignore = "needs root, /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: it reads the agent's memory"]
fn nothing_of_a_token_is_found_with_locked_memory() {
    live(&rig("mlock"));
}
