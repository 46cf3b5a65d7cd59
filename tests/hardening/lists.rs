//! The measures of every mode, as the kernel has them and as `status` tells them.

use crate::modes::{MODES, Mode, Running};
use crate::person::state_of;
use crate::process::{assert_closed, assert_descriptors, field, is_dumpable, layers};

/// What `status` names on Linux, in every mode that has one.
const MEASURES: [&str; 8] = [
    "not dumpable",
    "no new privileges",
    "no core dumps",
    "umask",
    "system calls",
    "closed descriptors",
    "secret memory",
    "forwarded peers",
];

#[test]
fn it_is_closed_in_every_mode() {
    for mode in MODES {
        println!("{mode:?}");
        let running = Running::new(mode);
        assert_closed(running.pid, 1);
        if !mode.has_status() {
            continue;
        }
        let measures = running.person.measures();
        let names: Vec<&str> = measures.iter().map(|measure| measure[0].as_str()).collect();
        assert_eq!(names, MEASURES, "{mode:?}");
        for measure in &measures {
            assert_eq!(measure[1], "on", "{mode:?}: {measure:?}");
        }
    }
}

#[test]
#[ignore = "needs root: nobody else sees the descriptors of a closed process"]
fn nothing_of_the_callers_is_open_in_any_mode_and_nothing_goes_on() {
    for mode in MODES {
        let running = Running::new(mode);
        let directory = running.person.scratch.path("").canonicalize().unwrap().display().to_string();
        for what in assert_descriptors(running.pid) {
            assert!(what != "/dev/zero" && what != directory, "{mode:?}: {what} is open still");
        }
        // Nobody must have listened to it until now.
        if matches!(mode, Mode::Daemon | Mode::Service) {
            running.person.restart();
            assert_descriptors(running.pid);
        }
    }
}

/// The caller's process, which the command is run in, is nobody's agent.
#[test]
fn the_command_of_an_agent_stays_open() {
    for mode in [Mode::OwnCommand, Mode::SshAgentCommand] {
        let running = Running::new(mode);
        let command = running.command.unwrap();
        assert!(is_dumpable(command), "{mode:?}");
        assert_eq!(layers(command), layers("self"), "{mode:?}");
        assert_eq!(
            (field(command, "NoNewPrivs"), field(command, "Umask")),
            (field("self", "NoNewPrivs"), "0022".into())
        );
        let core = |pid: &str| {
            let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
            line.split_whitespace().nth(5).unwrap().to_owned()
        };
        assert_eq!(core(&command.to_string()), core("self"), "{mode:?}");
    }
}

/// Layers would be there for the rest of the process' life, and cost time at every call.
#[test]
fn a_restart_keeps_the_measures_and_adds_no_layer() {
    for mode in [Mode::Daemon, Mode::Foreground, Mode::Terminal, Mode::Service] {
        let running = Running::new(mode);
        for _ in 0..3 {
            running.person.restart();
            running.serves();
            assert_closed(running.pid, 1);
        }
        let measures = running.person.measures();
        for measure in &measures {
            assert_eq!(measure[1], "on", "{mode:?}: {measure:?}");
        }
        assert_eq!(state_of(&measures, "system calls"), "on");
        assert_eq!(measures.len(), MEASURES.len());
    }
}
