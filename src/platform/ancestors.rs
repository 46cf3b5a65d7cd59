//! Which program asks, and which programs started it: for a person's eyes.
//!
//! Any process of the same user can pose as another one here; nothing may depend on it.
#![forbid(unsafe_code)]

use super::process::{name, program};

/// As many as a person reads: a client, the tool that runs it, a shell, a terminal.
const MOST: usize = 6;

/// One process of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Its process.
    pub pid: i32,
    /// The file that it executes, else what it calls itself: any text.
    pub program: String,
}

/// The process `pid` and those that it comes from, itself first; the system's first process is left out.
#[must_use]
pub fn line_of(pid: i32) -> Vec<Ancestor> {
    let mut line: Vec<Ancestor> = Vec::new();
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|&pid| pid > 1 && line.len() < MOST) {
        let Some(program) = program(pid).or_else(|| name(pid)) else { break };
        line.push(Ancestor { pid, program });
        next = parent(pid);
    }
    line
}

#[cfg(target_os = "linux")]
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything: the state, and the parent.
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn parent(pid: i32) -> Option<i32> {
    super::bsd::parent(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_and_its_parent_are_named() {
        let own = i32::try_from(std::process::id()).unwrap();
        let line = line_of(own);
        assert_eq!((line[0].pid, line[0].program.starts_with("myagent")), (own, true), "{line:?}");
        assert!(line.len() <= MOST && line.iter().all(|ancestor| ancestor.pid > 1), "{line:?}");
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert!(parent <= 1 || line[1].pid == parent, "{line:?}");
        assert_eq!(line_of(0), []);
        assert_eq!(line_of(i32::MAX), []);
    }
}
