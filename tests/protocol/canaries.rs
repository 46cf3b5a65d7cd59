//! Nothing of a secret is in the log, at any level, nor in what `status` shows: canaries in each place of a message
//! where one may be, in good messages and in broken ones.

use crate::keys::Key;
use crate::process::stand_in_cannot;
use crate::support::{Agent, Scratch, myagent, run};
use crate::wire::{
    self, ADD, ADD_CONSTRAINED, ADD_PROVIDER, ADD_PROVIDER_CONSTRAINED, Body, Conn, EXTENSION, FAILURE, LOCK,
    REMOVE_PROVIDER, SUCCESS, UNLOCK,
};

/// What is looked for; it says nothing by itself.
const CANARY: &[u8] = b"Kanarienvogel-7319";

/// No secret, but nobody's business in a log; `status` shows it to its owner.
const COMMENT: &[u8] = b"Zaunkoenig-of-4411";

/// All levels, and what they say of a harmless message, so that an empty log does not pass.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// `bytes` in the forms in which a log might show them.
fn forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = vec![String::from_utf8_lossy(bytes).into_owned(), bytes.escape_ascii().to_string()];
    for separator in ["", " ", ":", ", "] {
        let lower: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let lower = lower.join(separator);
        forms.extend([lower.to_uppercase(), lower]);
    }
    let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
    forms.push(decimal.join(", "));
    forms.push(base64(bytes));
    forms
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = bytes.chunks_exact(3).map(|three| {
        let number = three.iter().fold(0_usize, |number, &byte| number << 8 | usize::from(byte));
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[number >> shift & 63]))
    });
    whole.flatten().collect()
}

/// Of eight bytes and more, as a log may cut what it shows.
fn finds(text: &str, secret: &[u8]) -> Option<String> {
    let mut pieces = secret.chunks(12).filter(|piece| piece.len() >= 8);
    pieces.find_map(|piece| forms(piece).into_iter().find(|form| text.contains(form)))
}

/// Messages with the canary in every place for a secret; whole ones, ones that are cut, and ones with more than is due.
fn messages() -> Vec<Vec<u8>> {
    let mut whole = vec![
        wire::lock(CANARY),
        Body::of(UNLOCK).string(b"not it").0,
        wire::unlock(&[CANARY, b"?"].concat()),
        wire::unlock(CANARY),
        wire::unlock(CANARY),
    ];
    for kind in [ADD_PROVIDER, ADD_PROVIDER_CONSTRAINED, REMOVE_PROVIDER] {
        for provider in [&b"/nonexistent/module.so"[..], b"/usr/lib/none.so", b"relative", b"internal"] {
            whole.push(Body::of(kind).string(provider).string(CANARY).0);
        }
    }
    let sixty_four = [CANARY, CANARY, CANARY, &[7; 10]].concat();
    for kind in [ADD, ADD_CONSTRAINED] {
        let add = |name: &[u8]| Body::of(kind).string(name);
        whole.push(add(b"ssh-ed25519").string(&[1; 32]).string(&sixty_four).string(b"comment").0);
        whole.push(add(b"ssh-ed25519").string(&sixty_four[..32]).string(&sixty_four).string(b"comment").0);
        whole.push(
            add(b"ecdsa-sha2-nistp256").string(b"nistp256").string(&[4; 65]).mpint(CANARY).string(b"").0,
        );
        let rsa = add(b"ssh-rsa").mpint(&[200; 256]).mpint(&[1, 0, 1]);
        whole.push(rsa.mpint(CANARY).mpint(CANARY).mpint(CANARY).mpint(CANARY).string(b"").0);
        let sk = add(b"sk-ssh-ed25519@openssh.com").string(&[1; 32]).string(b"ssh:").u8(1);
        whole.push(sk.string(CANARY).string(b"").string(b"").0);
        whole.push(add(b"ssh-dss").mpint(CANARY).mpint(CANARY).0);
        whole.push(add(b"unheard-of").string(CANARY).0);
    }
    whole.push(Body::of(EXTENSION).string(b"unheard-of@example.com").string(CANARY).0);
    whole.push(Body::of(EXTENSION).string(b"session-bind@openssh.com").string(CANARY).0);
    whole.push(Body::of(201).raw(CANARY).0);
    let mut all = Vec::new();
    for message in whole {
        all.push(message[..message.len() - 1].to_vec());
        all.push([&message[..], b"\0"].concat());
        all.push(message);
    }
    all
}

fn start(scratch: &Scratch, level: &str) -> Agent {
    let socket = scratch.path("run/agent.sock");
    let log = std::fs::File::create(scratch.path("log")).unwrap();
    let mut command = scratch.command(myagent());
    command.args(["start", "--foreground", "--log", level]).env("MYAGENT_SOCK", &socket).stderr(log);
    Agent::spawn(command, socket)
}

fn ends(mut agent: Agent) {
    let pid = nix::unistd::Pid::from_raw(agent.pid().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(crate::support::status_of(&mut agent.child), 0);
}

/// What an agent logs at this level, and what `status` shows of it, after `keys` were added and used and all the
/// messages sent.
fn log_and_status(scratch: &Scratch, level: &str, keys: &[Key]) -> (String, String) {
    let agent = start(scratch, level);
    let mut conn = Conn::open(&agent.socket).unwrap();
    for key in keys {
        conn.expect(&wire::add(&key.private, COMMENT), SUCCESS);
        wire::signature(&conn.ask(&wire::sign(&key.blob, CANARY, 0)).unwrap());
    }
    for message in messages() {
        conn = if conn.ask(&message).is_some() { conn } else { Conn::open(&agent.socket).unwrap() };
    }
    conn.expect(&Body::of(250).0, FAILURE);
    let status = |json: &[&str]| {
        let mut call = scratch.command(myagent());
        run(call.arg("status").args(json).env("MYAGENT_SOCK", &agent.socket)).1
    };
    let shown = status(&[]) + &status(&["--json"]);
    ends(agent);
    (std::fs::read_to_string(scratch.path("log")).unwrap(), shown)
}

#[test]
fn no_secret_is_logged_or_shown() {
    if stand_in_cannot("it logs nothing") {
        return;
    }
    for level in LEVELS {
        let scratch = Scratch::new();
        let keys = [("one", &["ed25519"][..]), ("two", &["ecdsa"]), ("three", &["rsa", "-b", "2048"])]
            .map(|(name, kind)| Key::generate(&scratch, name, kind));
        let (log, shown) = log_and_status(&scratch, level, &keys);
        assert_eq!(log.contains("message type 250"), level != "error", "{level}: {log}");
        assert!(shown.contains("message type 250"), "{shown}");
        assert_eq!(finds(&log, COMMENT), None, "a comment at level {level}:\n{log}");
        assert!(finds(&shown, COMMENT).is_some(), "{shown}");
        for (what, text) in [("the log", &log), ("status", &shown)] {
            let hit = finds(text, CANARY);
            assert_eq!(hit, None, "in {what} at level {level}:\n{text}");
            for key in &keys {
                // Past the type and the public half, which a fingerprint is made of.
                let private = &key.private[key.private.len() - 48..];
                assert_eq!(finds(text, private), None, "in {what} at level {level}");
            }
        }
    }
}

/// Each form that is looked for is found where it is.
#[test]
fn a_canary_that_is_there_is_found() {
    for form in forms(&CANARY[..12]) {
        assert!(finds(&format!("2026 WARN refused: [{form}]"), CANARY).is_some(), "{form}");
    }
    assert_eq!(finds("2026 WARN refused: message type 250", CANARY), None);
    // A password is one lock away from being compared: the messages are the ones that are meant.
    assert!(messages().iter().any(|message| message[0] == LOCK));
}
