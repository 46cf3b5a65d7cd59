//! What a person reads before they say yes.
//!
//! Guarantees: the first two lines are OpenSSH's, for those who know them; whatever a peer or a comment chooses stays
//! inside of its own line, is cut, and is shown without acting on anything.
#![forbid(unsafe_code)]

use crate::agent::{FingerprintHash, Hop, Question, Session};
use crate::platform::ancestors::{self, Ancestor};
use crate::platform::socket::Peer;
use crate::platform::terminal::visible;

/// Longer than comments of the usual length, short enough not to fill a dialog. In characters.
const MOST_COMMENT: usize = 100;
/// The longest name of a user or a program, in characters.
const MOST_NAME: usize = 40;

/// The question whether a key may be used, in lines.
pub(super) fn may_be_used(
    question: &Question,
    hash: FingerprintHash,
    session: &Session,
    peer: Peer,
) -> String {
    let shown = |hop: &Hop<'_>| FingerprintHash::default().fingerprint(hop.host_key);
    let (from, to): (Vec<_>, Vec<_>) = session.hops().partition(|hop| hop.forwarding);
    let about = About {
        comment: &question.comment,
        fingerprint: &question.fingerprint_by(hash),
        user: question.user.as_deref(),
        forwarded: session.is_forwarded(),
        from: from.iter().filter_map(shown).collect(),
        to: to.iter().filter_map(shown).collect(),
    };
    about.text(&asker(peer))
}

/// What a question is about. Fingerprints of hosts are of keys that have signed for the connection.
struct About<'q> {
    /// The key's comment.
    comment: &'q [u8],
    /// The key's fingerprint, under the hash that was asked for.
    fingerprint: &'q str,
    /// The login that the signature is for, where the key is bound to destinations.
    user: Option<&'q [u8]>,
    /// The connection comes from another host.
    forwarded: bool,
    /// Hosts that it is forwarded through, the nearest first.
    from: Vec<String>,
    /// The host that a login is going on to.
    to: Vec<String>,
}

impl About<'_> {
    fn text(&self, asker: &str) -> String {
        let comment = quoted(self.comment, MOST_COMMENT);
        let mut text = format!("Allow use of key {comment}?\nKey fingerprint {}.", self.fingerprint);
        let mut line = |line: String| {
            text.push('\n');
            text.push_str(&line);
        };
        if let Some(user) = self.user {
            line(login_of(user));
        }
        line(format!("Asked by {asker}"));
        match &*self.from {
            [] if self.forwarded => line("for another host, which nothing proves".to_owned()),
            [] => {}
            hosts => line(format!("for the host with key {}", hosts.join(", by way of that with key "))),
        }
        self.to.iter().for_each(|host| line(format!("to log in to the host with key {host}")));
        text
    }
}

/// OpenSSH's line for the login that a signature is for.
pub(in crate::server) fn login_of(user: &[u8]) -> String {
    format!("public key authentication request for user \"{}\" to listed host", quoted(user, MOST_NAME))
}

/// The same in one line, for a terminal.
pub(super) fn in_one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

/// Who asks: a program, and those that started it.
fn asker(peer: Peer) -> String {
    let line = peer.pid.map(ancestors::line_of).unwrap_or_default();
    let named = |ancestor: &Ancestor| {
        format!("{} (pid {})", quoted(ancestor.program.as_bytes(), MOST_NAME), ancestor.pid)
    };
    match line.split_first() {
        None => peer.to_string(),
        Some((first, [])) => named(first),
        Some((first, others)) => {
            format!(
                "{}, started by {}",
                named(first),
                others.iter().map(named).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

/// A foreign text: so many characters of it at most, and none that acts. Blanks in a row are shown too: they would push
/// what follows into a line of its own.
fn quoted(bytes: &[u8], most: usize) -> String {
    // A character has four bytes at most: what is beyond them is not looked at.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(most * 4 + 4)]).into_owned();
    let mut shown = String::new();
    let mut blank = true;
    for c in text.chars().take(most) {
        match (c, blank) {
            (c, true) if c.is_whitespace() => shown.extend(c.escape_unicode()),
            (c, false) if c.is_whitespace() && c != ' ' => shown.extend(c.escape_unicode()),
            (c, _) => shown.push_str(&visible(c.encode_utf8(&mut [0; 4]))),
        }
        blank = c.is_whitespace();
    }
    if text.chars().nth(most).is_some() { shown + "..." } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(comment: &[u8]) -> About<'_> {
        let (user, forwarded) = (None, false);
        About { comment, fingerprint: "SHA256:x", user, forwarded, from: Vec::new(), to: Vec::new() }
    }

    #[test]
    fn the_first_lines_are_those_of_openssh() {
        let plain = about(b"me@host").text("you");
        assert_eq!(plain, "Allow use of key me@host?\nKey fingerprint SHA256:x.\nAsked by you");
        let login = About { user: Some(b"root"), ..about(b"k") }.text("you");
        let line = "\npublic key authentication request for user \"root\" to listed host\n";
        assert_eq!(login, format!("Allow use of key k?\nKey fingerprint SHA256:x.{line}Asked by you"));
    }

    #[test]
    fn hosts_and_forwarding_are_named() {
        let unproven = About { forwarded: true, ..about(b"k") }.text("ssh");
        assert!(unproven.ends_with("\nAsked by ssh\nfor another host, which nothing proves"), "{unproven}");
        let (from, to) = (vec!["A".to_owned(), "B".to_owned()], vec!["C".to_owned()]);
        let proven = About { forwarded: true, from, to, ..about(b"k") }.text("ssh");
        let lines = "for the host with key A, by way of that with key B\nto log in to the host with key C";
        assert!(proven.ends_with(lines), "{proven}");
    }

    #[test]
    fn no_text_of_others_makes_a_line() {
        for hostile in [
            "k?\nKey fingerprint SHA256:good.\nAsked by you",
            "k\r\u{2028}x\u{85}\u{202e}y\x1b[2J",
            &format!("k{}Key fingerprint SHA256:good.", " ".repeat(90)),
            &format!("k{}Key", "\u{3000}".repeat(50)),
            &"\n".repeat(100_000),
        ] {
            let user = hostile.as_bytes();
            let text = About { user: Some(user), ..about(user) }.text(&quoted(user, MOST_NAME));
            assert_eq!(text.lines().count(), 4, "{text}");
            assert!(
                !text.contains("  ") && !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
            assert!(text.len() < 4096, "{}", text.len());
            assert!(login_of(user).lines().count() == 1 && login_of(user).len() < 1024);
        }
    }

    #[test]
    fn long_comments_are_cut_between_characters() {
        let shown = quoted("é".repeat(1000).as_bytes(), 10);
        assert_eq!(shown, format!("{}...", "é".repeat(10)));
        assert_eq!(quoted(b"a\xffb", 10), "a\u{fffd}b");
        assert_eq!(quoted(b"a b", 10), "a b");
        assert_eq!(quoted(b"a  b", 10), "a \\u{20}b");
    }

    #[cfg(unix)]
    #[test]
    fn this_program_is_named() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let text = asker(Peer { uid: 0, pid: Some(pid) });
        assert!(text.contains(&format!("(pid {pid})")), "{text}");
        assert_eq!(asker(Peer { uid: 7, pid: None }), "uid 7");
    }
}
