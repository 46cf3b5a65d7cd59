//! `myagent uninstall`: takes back what `install` did, and nothing else.
//!
//! Guarantees that a file which a person changed since stays, and is named; that what was there before `install` is there
//! again to the byte; and that lingering is turned off only where `install` turned it on.
#![forbid(unsafe_code)]

use super::facts::Facts;
use super::files::{self, Existing};
use super::manager::{Manager, Supervisor};
use super::plan::{Look, Plan};
use super::shells::{self, Place, Syntax};
use super::step::{Mark, Step};
use super::units::{self, SERVICE_NAME, SOCKET_NAME};
use super::{conclude, confirm, show};
use crate::cli;
use crate::error::{Error, STATUS_OK};
use crate::platform::lock::{Attempt, InstanceLock};
use crate::platform::paths::{self, Environment};
use std::path::{Path, PathBuf};

/// What taking the variable back is for, on macOS: what the login has set there went when ours came.
const HIDING: &str = "show it to no more programs (what macOS itself sets there is back at the next login)";

pub(in crate::commands) fn run(options: &cli::Uninstall) -> Result<u8, Error> {
    let mut facts = Facts::gather(false, false)?;
    let plan = plan(&facts, &files::look);
    show(&plan, "nothing to undo\n")?;
    if options.dry_run {
        return Ok(STATUS_OK);
    }
    if plan.steps.is_empty() {
        // An `install` that failed at its first step leaves these.
        return clear_away(&facts).map(|()| STATUS_OK);
    }
    confirm("uninstall", options.yes)?;
    for step in &plan.steps {
        let done = step.apply(&mut facts.record);
        facts.record.store(&facts.record_path)?;
        done?;
    }
    clear_away(&facts)?;
    if let Some(socket) = &facts.living {
        conclude(&format!(
            "the agent at {} goes on until you log out for good, or: myagent stop",
            socket.display()
        ))?;
    }
    Ok(STATUS_OK)
}

/// Plans.
pub(super) fn plan(facts: &Facts, look: Look) -> Plan {
    let mut plan = Plan::default();
    let record = &facts.record;
    let reload = supervisor(facts, look, &mut plan);
    files_of_ours(facts, look, &mut plan);
    lines_of_ours(facts, look, &mut plan);
    if reload {
        plan.steps.push(Step::systemctl(&["daemon-reload"], "show that to systemd", Mark::None));
    }
    if record.lingering {
        let command = ["loginctl", "--no-ask-password", "disable-linger", &facts.user];
        plan.steps.push(Step::run(
            &command,
            "end your services with the last logout again",
            Mark::Lingering(false),
        ));
    }
    // Those that the record itself lies in go last.
    let empty = |path: &&PathBuf| path.is_dir() && !path.is_symlink() && !facts.record_path.starts_with(path);
    let made = record.made.iter().rev().filter(empty);
    plan.steps.extend(made.map(|path| Step::RemoveDirectory { path: path.clone() }));
    plan
}

/// Removes the files that are as `install` wrote them. Where the record is lost, this version's are known still.
fn files_of_ours(facts: &Facts, look: Look, plan: &mut Plan) {
    let usual = usual_files(facts);
    let recorded = facts.record.files.keys();
    let unrecorded = usual.iter().map(|file| &file.0).filter(|path| !facts.record.files.contains_key(*path));
    for path in recorded.chain(unrecorded) {
        let reason = match look(path) {
            Existing::Absent => continue,
            Existing::File(there) if is_file_of_ours(facts, &usual, path, &there) => {
                plan.steps.push(Step::Remove { path: path.clone() });
                continue;
            }
            Existing::Unfit(reason) => reason,
            Existing::Protected(_) => "it is read-only".to_owned(),
            Existing::File(_) => "it was changed since".to_owned(),
        };
        if facts.record.files.contains_key(path) {
            plan.notes.push(format!("{} is left: {reason}", path.display()));
        }
    }
}

/// Takes our lines out of the shells' files.
fn lines_of_ours(facts: &Facts, look: Look, plan: &mut Plan) {
    let exists = |path: &Path| !matches!(look(path), Existing::Absent);
    let read_now = facts.families().into_iter().flat_map(|family| family.files(&facts.homes, exists));
    let mut paths: Vec<PathBuf> =
        facts.record.lines.keys().cloned().chain(read_now.map(|file| file.0)).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let (there, protected) = match look(&path) {
            Existing::File(there) => (there, false),
            Existing::Protected(there) => (there, true),
            Existing::Absent | Existing::Unfit(_) => continue,
        };
        let reason = match shells::find(&there) {
            Place::None => continue,
            Place::Unclear => "our marks do not fit together",
            Place::At(_) if protected => "it is read-only",
            Place::At(range) if are_lines_of_ours(facts, &path, &there[range.clone()]) => {
                plan.steps.push(Step::TakeOut { path });
                continue;
            }
            Place::At(_) => "the lines between our marks were changed since",
        };
        plan.notes.push(format!("{} is left: {reason}", path.display()));
    }
}

/// Whether the job that launchd knows is one that was written here.
fn has_job(facts: &Facts) -> bool {
    let job = facts.homes.home.join("Library/LaunchAgents/myagent.plist");
    facts.record.files.contains_key(&job)
}

/// The supervisor lets go of the agent. Says whether it must read its files again afterwards.
fn supervisor(facts: &Facts, look: Look, plan: &mut Plan) -> bool {
    let manager = match &facts.supervisor {
        Supervisor::Systemd(manager) => manager,
        Supervisor::Launchd { loaded: true, .. } if facts.record.enabled || has_job(facts) => {
            let job = format!("gui/{}/myagent", facts.uid);
            let mut launchctl = |arguments: &[&str], purpose: &str, mark| {
                plan.steps.push(Step::run(&[&["launchctl"], arguments].concat(), purpose, mark));
            };
            let purpose = "end the agent; its keys are gone then";
            launchctl(&["bootout", &job], purpose, Mark::Enabled(false));
            launchctl(&["unsetenv", "SSH_AUTH_SOCK"], HIDING, Mark::None);
            return false;
        }
        Supervisor::None(_) => {
            links(facts, plan);
            return false;
        }
        Supervisor::Launchd { .. } => return false,
    };
    let mut systemctl = |arguments: &[&str], purpose: &str, mark| {
        plan.steps.push(Step::systemctl(arguments, purpose, mark));
    };
    if facts.record.masked {
        let purpose = "allow the socket again, which is the system's";
        systemctl(&["unmask", SOCKET_NAME], purpose, Mark::Masked(false));
    }
    let own = units_are_ours(facts, manager, look);
    if !facts.record.enabled && !own {
        return false;
    }
    if manager.service.is_active() {
        let purpose = "end the agent that runs as a service; its keys are gone then";
        systemctl(&["stop", SOCKET_NAME, SERVICE_NAME], purpose, Mark::None);
    } else if manager.socket.is_active() {
        systemctl(&["stop", SOCKET_NAME], "close the agent's socket", Mark::None);
    }
    if manager.socket.is_enabled() {
        systemctl(&["disable", SOCKET_NAME], "no more socket at the next start", Mark::Enabled(false));
    }
    own
}

/// Whether units of ours are there. Where they are the system's, what is enabled and running is not our doing.
fn units_are_ours(facts: &Facts, manager: &Manager, look: Look) -> bool {
    let usual = usual_files(facts);
    usual.iter().filter(|(path, _)| path.starts_with(&manager.directory)).any(
        |(path, _)| matches!(look(path), Existing::File(there) if is_file_of_ours(facts, &usual, path, &there)),
    )
}

/// The links that the user manager has made for us, where it cannot be asked any more, as after su.
fn links(facts: &Facts, plan: &mut Plan) {
    let units = facts.homes.config.join("systemd/user");
    let wants = units.join("sockets.target.wants");
    let (enabled, masked) = (wants.join(SOCKET_NAME), units.join(SOCKET_NAME));
    if facts.record.enabled && enabled.is_symlink() {
        plan.steps.extend([Step::Remove { path: enabled }, Step::RemoveDirectory { path: wants }]);
    }
    if facts.record.masked && masked.read_link().is_ok_and(|link| link == Path::new("/dev/null")) {
        plan.steps.push(Step::Remove { path: masked });
    }
}

/// What this version writes for the supervisor.
fn usual_files(facts: &Facts) -> Vec<(PathBuf, String)> {
    let Supervisor::Systemd(manager) = &facts.supervisor else { return Vec::new() };
    let units = [false, true].into_iter().flat_map(|trust| units::files(&facts.program.path, trust));
    let mut files: Vec<_> = units.map(|(name, contents)| (manager.directory.join(name), contents)).collect();
    files.push((facts.homes.environment(), units::ENVIRONMENT.to_owned()));
    files
}

fn is_file_of_ours(facts: &Facts, usual: &[(PathBuf, String)], path: &Path, there: &[u8]) -> bool {
    let known = usual.iter().any(|(name, contents)| name == path && contents.as_bytes() == there);
    known || facts.record.knows_file(path, there)
}

fn are_lines_of_ours(facts: &Facts, path: &Path, there: &[u8]) -> bool {
    let lines = |syntax, trust| shells::block(syntax, &facts.program.path, trust).as_bytes() == there;
    let usual = |syntax| lines(syntax, false) || lines(syntax, true);
    facts.record.knows_lines(path, there) || [Syntax::Posix, Syntax::Csh, Syntax::Fish].into_iter().any(usual)
}

/// The last traces: the record, the directories it lay in, and the lock file, which nobody else may remove.
fn clear_away(facts: &Facts) -> Result<(), Error> {
    files::remove(&facts.record_path)?;
    for directory in facts.record.made.iter().rev().filter(|path| facts.record_path.starts_with(path)) {
        files::remove(directory)?;
    }
    for candidate in paths::candidates(&Environment::current())? {
        let Ok(lock) = candidate.lock() else { continue };
        if !lock.exists() {
            continue;
        }
        // Held until it is gone: an agent that starts meanwhile finds that the file is another one, and tries again.
        if let Ok(Attempt::Acquired(held)) = InstanceLock::try_acquire(lock) {
            files::remove(held.path())?;
        }
    }
    Ok(())
}
