//! `myagent status`: what the running agent says about itself, as a table for people or JSON for programs.
//!
//! Nothing in the table can move the terminal's cursor or change its colours: a key's comment may hold anything.
#![forbid(unsafe_code)]

use super::{print, stop};
use crate::cli;
use crate::control::{Asking, KeyStatus, Measure, Op, Relay, Reply, State, Status, Way};
use crate::error::{Error, STATUS_FAILED, STATUS_OK};
use crate::platform::local_time;
use crate::platform::paths::{self, Environment};
use crate::platform::terminal::visible;
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
    status.relay.iter().for_each(|relay| row("relay", &describe_relay(relay)));
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
    row("asking", &describe_asking(&status.asking));
    if let Some(failure) = &status.asking.last_failure {
        row("not confirmed", failure);
    }
    text.push_str(&describe_ways(&status.ways));
    if !status.locked {
        let _ = writeln!(text, "keys: {}", status.keys.len());
        let can_ask = status.asking.place.is_some();
        status.keys.iter().for_each(|key| text.push_str(&describe_key(key, can_ask)));
    }
    text.push_str("protection\n");
    status.measures.iter().for_each(|measure| text.push_str(&describe_measure(measure)));
    if !status.refusals.is_empty() {
        text.push_str("last refusals\n");
        status.refusals.iter().for_each(|refusal| text.push_str(&format!("  {}\n", visible(refusal))));
    }
    text
}

/// Who has answered in the place of an agent, and for whom.
fn describe_relay(Relay { pid, socket, log, program }: &Relay) -> String {
    let log = log.as_ref().map(|log| format!(", log {log}")).unwrap_or_default();
    format!("pid {pid}, from {socket}{log}; what follows is Windows', by {program}")
}

/// `1 key`, `2 keys`.
#[cfg(unix)]
pub(super) fn count_keys(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

/// Where a person would be asked, or why nobody can be.
fn describe_asking(asking: &Asking) -> String {
    let open = match asking.open {
        0 => String::new(),
        1 => "; 1 question is open".to_owned(),
        open => format!("; {open} questions are open"),
    };
    match &asking.place {
        Some(place) => format!("{place}{open}"),
        None => format!("nowhere: {}", asking.missing.join("; ")),
    }
}

fn describe_key(key: &KeyStatus, can_ask: bool) -> String {
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
        line.push_str(if can_ask {
            ", asks before each use"
        } else {
            ", not usable now: there is no way to ask"
        });
    }
    line + "\n"
}

/// Whose clients else find the agent, and whose do not.
fn describe_ways(ways: &[Way]) -> String {
    let head = if ways.is_empty() { "" } else { "also for\n" };
    ways.iter().map(describe_way).fold(head.to_owned(), |text, line| text + &line)
}

fn describe_way(way: &Way) -> String {
    let why = if way.detail.is_empty() { String::new() } else { format!(": {}", visible(&way.detail)) };
    format!("  {:<8} {}: {}{why}\n", word(way.state), visible(&way.name), visible(&way.path))
}

fn describe_measure(measure: &Measure) -> String {
    format!("  {:<8} {}: {}\n", word(measure.state), visible(&measure.name), visible(&measure.detail))
}

fn word(state: State) -> &'static str {
    match state {
        State::On => "on",
        State::Off => "off",
        State::Refused => "refused",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_read_like_those_of_ssh_add() {
        let cases = [(0, "0s"), (59, "59s"), (3600, "1h"), (3_661, "1h1m"), (694_861, "1w1d"), (90, "1m30s")];
        for (seconds, text) in cases {
            assert_eq!(lifetime(seconds), text);
        }
    }

    fn full() -> Status {
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
        Status {
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
            asking: Asking { missing: vec!["no display".into(), "no terminal".into()], ..Asking::default() },
            ways: vec![Way {
                name: "PuTTY".into(),
                path: "/w".into(),
                state: State::Refused,
                detail: "taken".into(),
            }],
            relay: None,
        }
    }

    #[test]
    fn the_table_names_keys_constraints_and_measures() {
        let status = full();
        let text = table(&status);
        for part in [
            "256 SHA256:abc me (ED25519-CERT), gone in 1h1m, for its destinations alone, \
             not usable now: there is no way to ask\n",
            "keys: 1\n",
            "no; 2 wrong passwords",
            "asking       nowhere: no display; no terminal\n",
            "also for\n  refused  PuTTY: /w: taken\n",
            "refused  memory: EPERM\n",
            "last refusals\n  no\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let place = Some("terminal /dev/pts/1 with `myagent answer`".to_owned());
        let asking = Asking { place, open: 2, ..Asking::default() };
        let text = table(&Status { asking, ..full() });
        assert!(text.contains(", asks before each use\n"), "{text}");
        assert!(
            text.contains("asking       terminal /dev/pts/1 with `myagent answer`; 2 questions are open\n"),
            "{text}"
        );
        let locked = table(&Status { locked: true, keys: Vec::new(), ..status });
        assert!(!locked.contains("keys:"), "a locked agent names no keys: {locked}");
    }
}
