//! What of the agent reaches the program that asks: nothing but the question and where to show it.

use crate::desk::Desk;

const DUMP: &str =
    "env >\"$d/env\"; cat /proc/self/status >\"$d/status\"; cat /proc/self/limits >\"$d/limits\"
ls -l /proc/self/fd >\"$d/fds\"; cat >\"$d/stdin\"; cut -d' ' -f5 /proc/$$/stat >\"$d/group\"; exit 0";

/// Reads what the program left.
fn read(desk: &Desk, name: &str) -> String {
    std::fs::read_to_string(desk.scratch.path(name)).unwrap()
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
}

#[test]
fn the_program_has_nothing_of_the_agent_s() {
    let desk = Desk::with(|command, scratch| {
        command.env("DISPLAY", ":4242").env("SSH_ASKPASS", scratch.path("askpass"));
        // Another process's, which the agent ignores, and what it may have inherited from an older self.
        command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").env("LISTEN_FDNAMES", "x");
        command.env("NOTIFY_SOCKET", scratch.path("nobody")).env("MYAGENT_PASSAGE", "half of a key");
        command.env("LD_LIBRARY_PATH", "/nowhere").env("MALLOC_CHECK_", "0").env("HARMLESS", "kept");
    });
    desk.behave(DUMP);
    assert!(desk.signs());
    let environment = read(&desk, "env");
    let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    for name in names {
        let ours = ["LISTEN_", "NOTIFY_SOCKET", "MYAGENT_PASSAGE", "LD_", "MALLOC_"];
        assert!(!ours.iter().any(|start| name.starts_with(start)), "{name}");
    }
    for line in ["DISPLAY=:4242", "HARMLESS=kept", "SSH_ASKPASS_PROMPT=confirm"] {
        assert!(environment.lines().any(|set| set == line), "{line}: {environment}");
    }
    let status = read(&desk, "status");
    for name in ["SigBlk:", "SigIgn:", "SigPnd:"] {
        let signals = u64::from_str_radix(field(&status, name), 16).unwrap();
        // The C library ignores its own one, 32, in whatever it spawns.
        assert_eq!(signals & 0x7fff_ffff, 0, "{name}");
    }
    // It cannot leave a core: what a person types may be in it.
    let limits = read(&desk, "limits");
    assert!(field(&limits, "Max core file size").starts_with('0'), "{limits}");
    assert_eq!(read(&desk, "stdin"), "");
    assert_eq!(read(&desk, "group").trim(), desk.asked()[0].to_string(), "a group of its own");
    let fds = read(&desk, "fds");
    let numbers: Vec<&str> =
        fds.lines().skip(1).filter_map(|line| line.split(" -> ").next()?.rsplit(' ').next()).collect();
    let open: Vec<_> = numbers.iter().filter(|number| number.parse::<u32>().is_ok()).collect();
    // The last one is that of ls, which lists them.
    assert_eq!(open, [&"0", &"1", &"2", &"3"], "{fds}");
    assert!(!fds.contains("socket:") && !fds.contains("memfd") && !fds.contains("anon_inode"), "{fds}");
}
