//! `myagent status`: what the running agent says about itself, as a table for people or JSON for programs.
//!
//! Nothing in the table can move the terminal's cursor or change its colours: a key's comment may hold anything.
#![forbid(unsafe_code)]

use super::{print, stop};
use crate::cli;
use crate::control::{KeyStatus, Measure, Op, Reply, State, Status};
use crate::error::{Error, STATUS_FAILED, STATUS_OK};
use crate::platform::local_time;
use crate::platform::paths::{self, Environment};
use serde::Serialize;
use std::fmt::Write;

/// Version of the JSON: it grows when a field changes its meaning or goes, not when one is added.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Running<'a> {
    running: bool,
    schema: u32,
    #[serde(flatten)]
    status: &'a Status,
}

/// Prints the status, and gives the exit status.
pub(super) fn run(options: &cli::Status) -> Result<u8, Error> {
    let candidates = paths::candidates(&Environment::current())?;
    let asked = stop::control(&candidates).and_then(|(_, mut connection)| connection.ask(Op::Status));
    let status = match asked {
        Ok(Reply::Status(status)) => status,
        Ok(_) => return Err(Error::Refused("its answer is not a status".to_owned())),
        Err(Error::NotRunning) if options.json => {
            print("{\"running\":false}\n")?;
            return Ok(STATUS_FAILED);
        }
        Err(error) => return Err(error),
    };
    if !options.json {
        print(&table(&status))?;
        return Ok(STATUS_OK);
    }
    let running = Running { running: true, schema: SCHEMA, status: &status };
    let line = serde_json::to_string(&running).map_err(|e| Error::io("write the status", e))?;
    print(&(line + "\n")).map(|()| STATUS_OK)
}

/// The table for people.
fn table(status: &Status) -> String {
    let locked = match (status.locked, status.failed_unlocks) {
        (false, 0) => "no".to_owned(),
        (false, n) => format!("no; {n} wrong passwords"),
        (true, 0) => "yes; ssh-add -X unlocks it".to_owned(),
        (true, n) => format!("yes; {n} wrong passwords; ssh-add -X unlocks it"),
    };
    let mut text = String::from("running\n");
    let mut row = |name: &str, value: &str| text.push_str(&format!("  {name:<12} {}\n", visible(value)));
    row("socket", &status.socket);
    row("pid", &status.pid.to_string());
    row("since", &local_time(status.started));
    row("version", &status.version);
    row("program", &status.program);
    if status.handovers > 0 {
        row("restarted", &format!("{} times since", status.handovers));
    }
    if let Some(reason) = &status.restart_failure {
        row("not restarted", reason);
    }
    row("connections", &status.connections.to_string());
    row("log", status.log.as_deref().unwrap_or("standard error, or none"));
    row("locked", &locked);
    if !status.locked {
        let _ = writeln!(text, "keys: {}", status.keys.len());
        status.keys.iter().for_each(|key| text.push_str(&describe_key(key)));
    }
    text.push_str("protection\n");
    status.measures.iter().for_each(|measure| text.push_str(&describe_measure(measure)));
    if !status.refusals.is_empty() {
        text.push_str("last refusals\n");
        status.refusals.iter().for_each(|refusal| text.push_str(&format!("  {}\n", visible(refusal))));
    }
    text
}

/// `1 key`, `2 keys`.
pub(super) fn count_keys(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

fn describe_key(key: &KeyStatus) -> String {
    let (fingerprint, comment, kind) =
        (visible(&key.fingerprint), visible(&key.comment), visible(&key.key_type));
    let mut line = format!("  {} {fingerprint} {comment} ({kind})", key.bits);
    if let Some(seconds) = key.remaining_seconds {
        let _ = write!(line, ", gone in {}", lifetime(seconds));
    }
    if key.restricted {
        line.push_str(", for its destinations alone");
    }
    if key.confirm {
        line.push_str(", not usable yet: there is no way to ask");
    }
    line + "\n"
}

fn describe_measure(measure: &Measure) -> String {
    let state = match measure.state {
        State::On => "on",
        State::Off => "off",
        State::Refused => "refused",
    };
    format!("  {:<8} {}: {}\n", state, visible(&measure.name), visible(&measure.detail))
}

/// A number of seconds in the units that ssh-add -t takes, such as `1d2h` or `3m5s`: the two largest.
fn lifetime(mut seconds: u64) -> String {
    let mut parts = Vec::new();
    for (unit, name) in [(7 * 86_400, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')] {
        if seconds >= unit {
            parts.push(format!("{}{name}", seconds / unit));
            seconds %= unit;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.into_iter().take(2).collect() }
}

/// `text` with whatever would act on a terminal, or turn the direction of writing, shown as an escape.
fn visible(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if acts(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_cannot_act_on_the_terminal() {
        let hostile = "a\x1b[2Jb\r\n\u{9b}\u{202e}é\t";
        let shown = visible(hostile);
        assert_eq!(shown, "a\\u{1b}[2Jb\\r\\n\\u{9b}\\u{202e}é\\t");
    }

    #[test]
    fn lifetimes_read_like_those_of_ssh_add() {
        let cases = [(0, "0s"), (59, "59s"), (3600, "1h"), (3_661, "1h1m"), (694_861, "1w1d"), (90, "1m30s")];
        for (seconds, text) in cases {
            assert_eq!(lifetime(seconds), text);
        }
    }

    #[test]
    fn the_table_names_keys_constraints_and_measures() {
        let key = KeyStatus {
            key_type: "ED25519-CERT".into(),
            bits: 256,
            fingerprint: "SHA256:abc".into(),
            comment: "me".into(),
            remaining_seconds: Some(3_661),
            confirm: true,
            restricted: true,
        };
        let measure = Measure { name: "memory".into(), state: State::Refused, detail: "EPERM".into() };
        let status = Status {
            pid: 7,
            version: "9.9".into(),
            socket: "/s".into(),
            started: 0,
            locked: false,
            failed_unlocks: 2,
            connections: 3,
            keys: vec![key],
            measures: vec![measure],
            log: None,
            refusals: vec!["no".into()],
            program: "/p".into(),
            handovers: 2,
            restart_failure: Some("it ended".into()),
        };
        let text = table(&status);
        for part in [
            "256 SHA256:abc me (ED25519-CERT), gone in 1h1m, for its destinations alone, not usable yet: there is no way to ask\n",
            "keys: 1\n",
            "no; 2 wrong passwords",
            "refused  memory: EPERM\n",
            "last refusals\n  no\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let locked = table(&Status { locked: true, keys: Vec::new(), ..status });
        assert!(!locked.contains("keys:"), "a locked agent names no keys: {locked}");
    }
}
