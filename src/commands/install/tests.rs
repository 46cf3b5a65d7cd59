//! The plans, from tables of facts. What the steps do when they are applied is tested in `tests/install`.

use super::facts::Facts;
use super::files::Existing;
use super::manager::{Linger, Manager, Supervisor, Unit};
use super::plan::{Plan, plan};
use super::program::Program;
use super::record::{Record, digest};
use super::shells::Homes;
use super::{uninstall, units};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn manager(linger: Linger) -> Manager {
    Manager {
        directory: "/h/.config/systemd/user".into(),
        socket: Unit::default(),
        service: Unit::default(),
        rivals: Vec::new(),
        linger,
    }
}

fn facts(supervisor: Supervisor) -> Facts {
    Facts {
        user: "u".into(),
        uid: 501,
        homes: Homes { home: "/h".into(), config: "/h/.config".into(), zsh: None },
        shells: vec!["/bin/zsh".into()],
        program: Program { path: units::USUAL.into(), passing: false, digest: digest(b"program") },
        supervisor,
        socket: "/h/.ssh/agent/myagent.x.sock".into(),
        elsewhere: None,
        living: None,
        record: Record::default(),
        record_path: "/h/.local/state/myagent/install.json".into(),
        force: false,
        trust_own: false,
    }
}

/// The first words of each step, for files that are not there unless the table has them.
fn steps(plan: &Plan) -> Vec<String> {
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    plan.steps.iter().map(|step| first(step.describe())).collect()
}

fn planned(facts: &Facts, there: &[(&str, &str)]) -> Vec<String> {
    let there: BTreeMap<PathBuf, &str> = there.iter().map(|file| (PathBuf::from(file.0), file.1)).collect();
    let look = |path: &Path| {
        there.get(path).map_or(Existing::Absent, |text| Existing::File(text.as_bytes().to_vec()))
    };
    steps(&plan(facts, &look))
}

const LINGER: &str = "let your services outlive the last logout: loginctl --no-ask-password enable-linger u";
const LINES: &str = "put these lines at the top of /h/.zshenv";
const SERVICE: &str = "write /h/.config/systemd/user/myagent.service";
const SOCKET: &str = "write /h/.config/systemd/user/myagent.socket";
const ENVIRONMENT: &str = "write /h/.config/environment.d/50-myagent.conf";
const RELOAD: &str = "show the units to systemd: systemctl --user daemon-reload";
const ENABLE: &str =
    "have systemd hold the agent's socket from each start on: systemctl --user enable myagent.socket";
const START: &str = "and from now on: systemctl --user start myagent.socket";

#[test]
fn lingering_comes_before_the_units() {
    let off = facts(Supervisor::Systemd(manager(Linger::Off).into()));
    assert_eq!(planned(&off, &[]), [LINGER, LINES, SERVICE, SOCKET, ENVIRONMENT, RELOAD, ENABLE, START]);
    let on = facts(Supervisor::Systemd(manager(Linger::On).into()));
    assert_eq!(planned(&on, &[]), [LINES, SERVICE, SOCKET, ENVIRONMENT, RELOAD, ENABLE, START]);
    let refused = facts(Supervisor::Systemd(manager(Linger::Refused("no".into())).into()));
    assert_eq!(planned(&refused, &[]), [LINES]);
    assert_eq!(planned(&facts(Supervisor::None("none".into())), &[]), [LINES]);
}

#[test]
fn a_living_agent_keeps_its_socket() {
    let mut living = facts(Supervisor::Systemd(manager(Linger::On).into()));
    living.living = Some("/run/user/501/myagent/agent.sock".into());
    assert_eq!(planned(&living, &[]), [LINES, SERVICE, SOCKET, ENVIRONMENT, RELOAD, ENABLE]);
}

/// A service that holds keys is never stopped, whatever becomes of its socket.
#[test]
fn a_running_service_is_left_running() {
    for (active, stops) in [("active", false), ("inactive", true)] {
        let mut manager = manager(Linger::Refused("no".into()));
        manager.socket = Unit {
            load: "loaded".into(),
            file_state: "enabled".into(),
            active: "active".into(),
            fragment: manager.directory.join("myagent.socket"),
            ..Unit::default()
        };
        manager.service.active = active.into();
        let steps = planned(&facts(Supervisor::Systemd(manager.into())), &[]);
        assert!(steps.iter().any(|step| step.ends_with("disable myagent.socket")), "{steps:?}");
        assert_eq!(steps.iter().any(|step| step.ends_with("stop myagent.socket")), stops, "{steps:?}");
    }
}

#[test]
fn an_older_version_s_file_is_replaced_and_a_person_s_is_kept() {
    let mut on = facts(Supervisor::Systemd(manager(Linger::On).into()));
    let there = [("/h/.config/systemd/user/myagent.service", "an older version")];
    assert!(!planned(&on, &there).iter().any(|step| step.contains("myagent.service")));
    on.record.files.insert(there[0].0.into(), digest(there[0].1.as_bytes()));
    assert_eq!(planned(&on, &there)[1], "replace /h/.config/systemd/user/myagent.service");
    on.record.files.clear();
    on.force = true;
    assert_eq!(planned(&on, &there)[1], "replace /h/.config/systemd/user/myagent.service");
}

/// The drop-in of an earlier place of the program would win over the unit.
#[test]
fn a_program_in_its_usual_place_needs_no_drop_in() {
    let mut on = facts(Supervisor::Systemd(manager(Linger::On).into()));
    let old = "/h/.config/systemd/user/myagent.service.d/program.conf";
    on.record.files.insert(old.into(), digest(b"old"));
    assert!(planned(&on, &[(old, "old")]).contains(&format!("remove {old}")));
    assert!(!planned(&on, &[(old, "changed")]).contains(&format!("remove {old}")));
}

#[test]
fn a_program_that_will_not_stay_is_copied_first() {
    let mut passing = facts(Supervisor::None("none".into()));
    passing.program = Program { path: "/tmp/myagent".into(), passing: true, digest: digest(b"program") };
    let copy =
        "copy the program, which lies in a place that is cleaned (/tmp/myagent), to /h/.local/bin/myagent";
    assert_eq!(planned(&passing, &[]), [copy, LINES]);
    let there = |text| [("/h/.local/bin/myagent", text)];
    assert_eq!(planned(&passing, &there("program")), [LINES], "it is there already");
    assert_eq!(planned(&passing, &there("somebody's")), [LINES], "another program is kept");
    let blocked = |_: &Path| Existing::Unfit("it is a directory".to_owned());
    assert!(plan(&passing, &blocked).obstacle.is_some(), "lines for a program that is not there");
    passing.record.files.insert("/h/.local/bin/myagent".into(), digest(b"older"));
    assert_eq!(planned(&passing, &there("older")), [copy, LINES], "our own older one is not");
}

/// The half of it that cannot run here.
#[test]
fn on_macos_launchd_has_the_agent() {
    let mut mac = facts(Supervisor::Launchd { loaded: false, here: true });
    mac.program.path = "/Users/u/a & b/myagent".into();
    let bootstrap = "have launchd start the agent, now and at each login: \
                     launchctl bootstrap gui/501 /h/Library/LaunchAgents/myagent.plist";
    let write = "write /h/Library/LaunchAgents/myagent.plist";
    let private = "make /h/.ssh/agent, for you alone";
    assert_eq!(planned(&mac, &[]), [LINES, private, write, bootstrap]);
    let log = Path::new("/h/Library/Logs/myagent.log");
    let text = units::plist(&mac.program.path, &mac.socket, log);
    for part in [
        "<string>/Users/u/a &amp; b/myagent</string>",
        "<string>/h/.ssh/agent/myagent.x.sock</string>",
        "<string>/h/Library/Logs/myagent.log</string>",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains('@'), "{text}");
    assert_eq!(text.matches("<string>/h/.ssh/agent/myagent.x.sock</string>").count(), 2);
    mac.supervisor = Supervisor::Launchd { loaded: true, here: true };
    let there = [("/h/Library/LaunchAgents/myagent.plist", text.as_str()), ("/h/.ssh/agent", "")];
    assert_eq!(planned(&mac, &there), [LINES]);
    mac.record.enabled = true;
    mac.record.files.insert(there[0].0.into(), digest(text.as_bytes()));
    let look = |path: &Path| {
        if path == Path::new(there[0].0) {
            Existing::File(text.clone().into_bytes())
        } else {
            Existing::Absent
        }
    };
    assert_eq!(
        steps(&uninstall::plan(&mac, &look)),
        [
            "end the agent; its keys are gone then: launchctl bootout gui/501/myagent",
            "show it to no more programs (what macOS itself sets there is back at the next login): \
             launchctl unsetenv SSH_AUTH_SOCK",
            "remove /h/Library/LaunchAgents/myagent.plist"
        ]
    );
}

/// launchd would take the path of one that lives; and over ssh alone it has no place for the job.
#[test]
fn on_macos_nothing_is_started_where_an_agent_lives_or_nobody_is_at_the_screen() {
    let mut mac = facts(Supervisor::Launchd { loaded: false, here: true });
    let write = "write /h/Library/LaunchAgents/myagent.plist";
    let there = [("/h/.ssh/agent", "")];
    mac.living = Some(mac.socket.clone());
    assert_eq!(planned(&mac, &there), [LINES, write]);
    mac.living = None;
    mac.supervisor = Supervisor::Launchd { loaded: false, here: false };
    assert_eq!(planned(&mac, &there), [LINES, write]);
}

/// launchd reads its directory at each login, whether or not it was told of the job before.
#[test]
fn on_macos_a_job_of_ours_is_ended_that_is_there_and_no_other() {
    let mut mac = facts(Supervisor::Launchd { loaded: true, here: true });
    let none = |_: &Path| Existing::Absent;
    assert_eq!(steps(&uninstall::plan(&mac, &none)), [""; 0]);
    mac.record.files.insert("/h/Library/LaunchAgents/myagent.plist".into(), digest(b"job"));
    assert!(steps(&uninstall::plan(&mac, &none))[0].ends_with("launchctl bootout gui/501/myagent"));
    mac.supervisor = Supervisor::Launchd { loaded: false, here: true };
    mac.record.enabled = true;
    assert_eq!(steps(&uninstall::plan(&mac, &none)), [""; 0]);
}

/// Lingering that was on before, or that is not known to be ours, is not turned off.
#[test]
fn lingering_is_turned_off_only_where_we_turned_it_on() {
    let mut on = facts(Supervisor::Systemd(manager(Linger::On).into()));
    let none = |_: &Path| Existing::Absent;
    assert_eq!(steps(&uninstall::plan(&on, &none)), [""; 0]);
    on.record.lingering = true;
    let step = "end your services with the last logout again: loginctl --no-ask-password disable-linger u";
    assert_eq!(steps(&uninstall::plan(&on, &none)), [step]);
}
