//! What counts as a yes, and what is asked: the same as with OpenSSH's agent, or stricter.

use crate::desk::Desk;
use crate::keys::Key;
use crate::sides::Side;
use crate::wire::{self, CONFIRM, SUCCESS};

/// What askpass does, and whether it means yes.
const ANSWERS: [(&str, bool); 14] = [
    ("exit 0", true),
    ("echo; exit 0", true),
    ("echo yes", true),
    ("echo YES", true),
    ("printf 'yes\\r\\nno'", true),
    ("exit 1", false),
    ("exit 255", false),
    ("echo yes; exit 3", false),
    ("echo no", false),
    ("echo sure", false),
    ("echo 'yes '", false),
    ("kill -9 $$", false),
    ("head -c 100000 /dev/zero | tr '\\0' y", false),
    ("echo 'cannot open display: :4242' >&2; exit 1", false),
];

#[test]
fn only_openssh_s_yes_is_a_yes() {
    for side in [Side::Openssh, Side::ours()] {
        let desk = Desk::of(side);
        for (script, yes) in ANSWERS {
            desk.behave(script);
            assert_eq!(desk.signs(), yes, "{side:?}: {script}");
        }
        assert_eq!(desk.asked().len(), ANSWERS.len());
        assert_eq!(std::fs::read_to_string(desk.scratch.path("prompt")).unwrap(), "confirm");
    }
}

/// OpenSSH's agent takes the zero byte for the end, and so for an empty answer.
#[test]
fn an_answer_that_begins_with_a_zero_byte_is_no_yes() {
    let desk = Desk::new();
    for script in ["printf '\\000'", "printf '\\000no'", "printf 'yes\\000'"] {
        desk.behave(script);
        assert!(!desk.signs(), "{script}");
    }
}

/// A program that leaves another one behind, with its output, has answered when it ends.
#[test]
fn what_askpass_leaves_behind_keeps_nobody_waiting() {
    let desk = Desk::new();
    desk.behave("sleep 1000 & echo $! >\"$d/left\"; echo yes");
    assert!(desk.signs());
    let left = std::fs::read_to_string(desk.scratch.path("left")).unwrap();
    let left = nix::unistd::Pid::from_raw(left.trim().parse().unwrap());
    nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn the_question_is_openssh_s_and_then_who_asks() {
    let texts = [Side::Openssh, Side::ours()].map(|side| {
        let desk = Desk::of(side);
        desk.behave("exit 0");
        let key = Key::generate(&desk.scratch, "other", &["ecdsa"]);
        let comment = "Tess, her key (work) é";
        desk.conn().expect(&wire::add_constrained(&key.private, comment.as_bytes(), &[CONFIRM]), SUCCESS);
        let answer = desk.conn().ask(&wire::sign(&key.blob, b"data", 0)).unwrap();
        wire::signature(&answer);
        let fingerprint = crate::support::run(
            desk.scratch.command("ssh-keygen").args(["-l", "-f"]).arg(desk.scratch.path("other.pub")),
        );
        let fingerprint = fingerprint.1.split(' ').nth(1).unwrap().to_owned();
        let text = desk.text(desk.asked()[0]);
        text.replace(&fingerprint, "FINGERPRINT")
    });
    let [theirs, ours] = texts;
    assert_eq!(theirs, "Allow use of key Tess, her key (work) é?\nKey fingerprint FINGERPRINT.");
    if Side::ours() == Side::Ours {
        let more = ours.strip_prefix(&format!("{theirs}\nAsked by ")).unwrap_or_else(|| panic!("{ours}"));
        // This very process has asked.
        assert!(more.contains(&format!("(pid {})", std::process::id())), "{more}");
        assert_eq!(ours.lines().count(), 3, "{ours}");
    }
}

#[test]
fn a_certificate_is_named_by_its_key() {
    let texts = [Side::Openssh, Side::ours()].map(|side| {
        let desk = Desk::of(side);
        Key::generate(&desk.scratch, "ca", &["ed25519"]);
        let key = Key::generate(&desk.scratch, "plain", &["ed25519"]).certified(&desk.scratch, "plain", "ca");
        desk.behave("exit 0");
        desk.conn().expect(&wire::add_constrained(&key.private, b"k", &[CONFIRM]), SUCCESS);
        wire::signature(&desk.conn().ask(&wire::sign(&key.blob, b"data", 0)).unwrap());
        let listed = crate::support::run(
            desk.scratch.command("ssh-keygen").args(["-l", "-f"]).arg(desk.scratch.path("plain.pub")),
        );
        let text = desk.text(desk.asked()[0]);
        assert!(text.contains(listed.1.split(' ').nth(1).unwrap()), "{text}");
        text.lines().next().unwrap().to_owned()
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn a_comment_cannot_forge_what_is_asked() {
    let desk = Desk::new();
    desk.behave("exit 0");
    for hostile in [
        &b"k?\nKey fingerprint SHA256:good.\nAsked by you"[..],
        b"k\x1b[2J\r\xc2\x85\xe2\x80\xa8x",
        &[b'\n'; 5000],
        &[b' '; 5000],
    ] {
        let conn = &mut desk.conn();
        conn.expect(&wire::add_constrained(&desk.key.private, hostile, &[CONFIRM]), SUCCESS);
        let before = desk.asked().len();
        assert!(desk.signs());
        let text = desk.text(desk.asked()[before]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[1].starts_with("Key fingerprint SHA256:") && lines[2].starts_with("Asked by "),
            "{text}"
        );
        assert!(!text.contains(|c: char| c != '\n' && c.is_control()) && !text.contains("  "), "{text:?}");
        assert!(text.len() < 2048, "{text}");
    }
}

/// The program ends with the question, and so does what it has started.
#[test]
fn nothing_stays_behind_an_answer() {
    let desk = Desk::new();
    for (end, yes) in [("exit 0", true), ("exit 1", false)] {
        desk.behave(&format!("sleep 1000 & echo $! >>\"$d/asked\"; {end}"));
        assert_eq!(desk.signs(), yes);
        desk.all_gone();
    }
}

/// What a key is not asked for: its use is as before.
#[test]
fn other_keys_are_used_without_a_question() {
    let desk = Desk::new();
    let key = Key::generate(&desk.scratch, "free", &["ed25519"]);
    desk.conn().expect(&wire::add(&key.private, b"free"), SUCCESS);
    wire::signature(&desk.conn().ask(&wire::sign(&key.blob, b"data", 0)).unwrap());
    assert_eq!(desk.asked(), [0; 0]);
}
