//! What `install` does, decided from what there is: facts in, steps out.
//!
//! Guarantees that a file which a person changed is kept unless he says otherwise, that nothing of another program is
//! changed, that no socket is put where an agent lives, and that none is left where the service behind it would
//! lose its keys with the last logout. Must never change anything itself.
#![forbid(unsafe_code)]

use super::facts::Facts;
use super::files::{self, Existing};
use super::manager::{Linger, Manager, Supervisor};
use super::record::digest;
use super::shells::{self, Place, Syntax};
use super::step::Step;
use super::units::{SERVICE_NAME, SOCKET_NAME};
use crate::error::Error;
use std::path::{Path, PathBuf};

/// How the files are looked at; a table in tests.
pub(super) type Look<'a> = &'a dyn Fn(&Path) -> Existing;

/// What is to be done, in this order, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What will be done.
    pub(super) steps: Vec<Step>,
    /// What people should know.
    pub(super) notes: Vec<String>,
    /// The path by which the program is called from then on.
    pub(super) program: PathBuf,
    /// Why nothing of it can be done: the program cannot be where it must be.
    pub(super) obstacle: Option<Error>,
}

/// Plans.
pub(super) fn plan(facts: &Facts, look: Look) -> Plan {
    let mut planner = Planner { facts, look, plan: Plan::default() };
    let manager = match (&facts.supervisor, &facts.elsewhere) {
        (Supervisor::Systemd(manager), None) => Some(manager),
        _ => None,
    };
    let serve = manager.filter(|manager| planner.may_serve(manager));
    if serve.is_some_and(|manager| manager.linger == Linger::Off) {
        planner.plan.steps.push(Step::Linger { user: facts.user.clone() });
    }
    planner.program();
    planner.shells();
    match (&facts.supervisor, manager, serve) {
        (_, _, Some(manager)) => planner.units(manager),
        (_, Some(manager), None) => planner.no_socket(manager),
        (Supervisor::Launchd { loaded, here }, ..) => planner.launchd(*loaded, *here),
        (Supervisor::None(reason), ..) => planner.only_the_line(reason),
        (Supervisor::Systemd(_), None, None) => {
            planner.only_the_line(facts.elsewhere.as_deref().unwrap_or_default());
        }
    }
    planner.plan
}

/// A plan in the making.
pub(super) struct Planner<'a> {
    pub(super) facts: &'a Facts,
    pub(super) look: Look<'a>,
    pub(super) plan: Plan,
}

impl Planner<'_> {
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.plan.notes.push(note.into());
    }

    fn only_the_line(&mut self, reason: &str) {
        self.note(format!("no service is set up: {reason}. Each new shell starts the agent or finds it"));
        if self.facts.elsewhere.is_some() && reason.starts_with("MYAGENT_SOCK") {
            self.note("the variable must be set for every shell, before our lines");
        }
    }

    /// Whether a service is what to set up: the manager outlives the logout, or may be made to.
    fn may_serve(&mut self, manager: &Manager) -> bool {
        let masked = manager.socket.is_masked() || manager.service.is_masked();
        if masked && !self.facts.record.masked {
            self.note(format!(
                "{SOCKET_NAME} or {SERVICE_NAME} is masked, and stays so: no service is set up"
            ));
            return false;
        }
        if let Linger::Refused(words) = &manager.linger {
            self.note(format!(
                "the system did not turn lingering on ({words}), and without it a service loses its keys at the last \
                 logout: no service is set up. Each new shell starts the agent or finds it. To have the service:\n\
                 sudo loginctl enable-linger {}\nthen run `myagent install` again",
                self.facts.user
            ));
            return false;
        }
        true
    }

    /// Where the program is to be, and the copy where it does not stay.
    fn program(&mut self) {
        let program = &self.facts.program;
        self.plan.program.clone_from(&program.path);
        let to = self.facts.homes.home.join(".local/bin/myagent");
        if !program.passing || program.path == to {
            return;
        }
        self.plan.program.clone_from(&to);
        let step = Step::Copy { from: program.path.clone(), to: to.clone() };
        match (self.look)(&to) {
            Existing::Absent => self.plan.steps.push(step),
            Existing::File(there) if digest(&there) == program.digest => {}
            Existing::File(there) if self.facts.force || self.facts.record.knows_file(&to, &there) => {
                self.plan.steps.push(step);
            }
            Existing::File(_) | Existing::Protected(_) => self.note(format!(
                "{} is another program and is kept and used as it is; --force replaces it",
                to.display()
            )),
            Existing::Unfit(reason) => self.plan.obstacle = Some(Error::Unfit { path: to, reason }),
        }
    }

    /// Our lines in the files of the user's shells.
    fn shells(&mut self) {
        let mut seen: Vec<PathBuf> = Vec::new();
        for family in self.facts.families() {
            let exists = |path: &Path| !matches!((self.look)(path), Existing::Absent);
            for (path, syntax) in family.files(&self.facts.homes, exists) {
                if !seen.contains(&path) {
                    self.shell_file(&path, syntax);
                    seen.push(path);
                }
            }
        }
        if seen.is_empty() {
            self.note("no file of your shell is known here: have it run `myagent start` for every shell");
        }
    }

    fn shell_file(&mut self, path: &Path, syntax: Syntax) {
        let block = shells::block(syntax, &self.plan.program, self.facts.trust_own);
        let (file, protected) = match (self.look)(path) {
            Existing::Absent => (Vec::new(), false),
            Existing::File(file) => (file, false),
            Existing::Protected(file) => (file, true),
            Existing::Unfit(reason) => {
                return self
                    .note(format!("{} is left alone: {reason}. Our lines for it:\n{block}", path.display()));
            }
        };
        let insert = |diff| Step::Insert { path: path.to_owned(), block: block.clone(), diff };
        match shells::find(&file) {
            Place::At(range) if file[range.clone()] == *block.as_bytes() => {}
            Place::Unclear => {
                self.note(format!("{}: our marks in it do not fit together; it is kept", path.display()));
            }
            _ if protected => self.note(format!(
                "{} is read-only and is left alone. Put these lines at its top:\n{block}",
                path.display()
            )),
            Place::None => self.plan.steps.push(insert(None)),
            Place::At(range) => {
                let old = &file[range];
                let diff = files::diff(path, old, block.as_bytes());
                if self.facts.force || self.facts.record.knows_lines(path, old) {
                    self.plan.steps.push(insert(Some(diff)));
                } else {
                    self.kept(path, &diff);
                }
            }
        }
    }

    fn kept(&mut self, path: &Path, diff: &str) {
        self.note(format!("{} was changed and is kept; --force would replace it:\n{diff}", path.display()));
    }

    /// A file that is ours alone.
    pub(super) fn file(&mut self, path: PathBuf, contents: String) {
        let write = |diff| Step::Write { path: path.clone(), contents: contents.clone(), diff };
        let there = match (self.look)(&path) {
            Existing::Absent => return self.plan.steps.push(write(None)),
            Existing::File(there) | Existing::Protected(there) if there == contents.as_bytes() => return,
            Existing::File(there) => there,
            Existing::Protected(_) => {
                return self.note(format!("{} is read-only and is kept", path.display()));
            }
            Existing::Unfit(reason) => {
                return self.note(format!("{} is left alone: {reason}", path.display()));
            }
        };
        let diff = files::diff(&path, &there, contents.as_bytes());
        if self.facts.force || self.facts.record.knows_file(&path, &there) {
            self.plan.steps.push(write(Some(diff)));
        } else {
            self.kept(&path, &diff);
        }
    }
}
