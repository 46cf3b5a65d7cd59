//! The part of the plan that has a supervisor start the agent: systemd's units, launchd's job.
//!
//! Guarantees what `plan` does: no socket where an agent lives, none before a service that would lose its keys.
#![forbid(unsafe_code)]

use super::files::Existing;
use super::manager::Manager;
use super::plan::Planner;
use super::step::{Mark, Step};
use super::units::{self, SOCKET_NAME};
use std::path::Path;

impl Planner<'_> {
    /// The units, their being enabled, and their start where no agent lives at their socket.
    pub(super) fn units(&mut self, manager: &Manager) {
        if manager.socket.is_masked() {
            let unmask =
                Step::systemctl(&["unmask", SOCKET_NAME], "allow the socket again", Mark::Masked(false));
            self.plan.steps.push(unmask);
        }
        let before = self.plan.steps.len();
        // Only a unit of the system's is ever masked by us.
        if !self.is_packaged(manager) && !manager.socket.is_masked() {
            for (name, contents) in units::files(&self.plan.program, self.facts.trust_own) {
                self.file(manager.directory.join(name), contents);
            }
            self.no_old_drop_ins(manager);
        }
        let changed = self.plan.steps.len() > before;
        self.file(self.facts.homes.environment(), units::ENVIRONMENT.to_owned());
        if changed {
            self.plan.steps.push(Step::systemctl(
                &["daemon-reload"],
                "show the units to systemd",
                Mark::None,
            ));
        }
        if !manager.socket.is_enabled() {
            let enable = Step::systemctl(
                &["enable", SOCKET_NAME],
                "have systemd hold the agent's socket from each start on",
                Mark::Enabled(true),
            );
            self.plan.steps.push(enable);
        }
        self.take_over(manager);
        for rival in &manager.rivals {
            self.note(format!(
                "{rival}, of another agent, may set SSH_AUTH_SOCK too. Ours is set after it, until it is started anew. \
                 To have it out of the way: systemctl --user mask --now {rival}"
            ));
        }
    }

    /// The start of the socket, unless an agent lives there.
    fn take_over(&mut self, manager: &Manager) {
        match &self.facts.living {
            _ if manager.socket.is_active() => {}
            None => self.plan.steps.push(Step::systemctl(&["start", SOCKET_NAME], "and from now on", Mark::None)),
            Some(socket) => self.note(format!(
                "an agent answers at {} and keeps its keys. The service takes over at the next start of your user \
                 manager, as after a reboot; or now, without those keys: myagent stop && systemctl --user start \
                 {SOCKET_NAME}",
                socket.display()
            )),
        }
    }

    /// Whether units that are not the user's own run this very program.
    fn is_packaged(&self, manager: &Manager) -> bool {
        let foreign = |path: &Path| path.is_absolute() && !path.starts_with(&manager.directory);
        foreign(&manager.socket.fragment)
            && foreign(&manager.service.fragment)
            && manager.service.program == self.plan.program
    }

    /// The drop-ins of an earlier place of the program.
    fn no_old_drop_ins(&mut self, manager: &Manager) {
        if self.plan.program != Path::new(units::USUAL) {
            return;
        }
        for path in units::drop_in_names().map(|name| manager.directory.join(name)) {
            if matches!((self.look)(&path), Existing::File(there) if self.facts.record.knows_file(&path, &there))
            {
                self.plan.steps.push(Step::Remove { path });
            }
        }
    }

    /// No socket is left enabled or listening; a service that holds keys is left running.
    pub(super) fn no_socket(&mut self, manager: &Manager) {
        if manager.socket.is_masked() {
            return;
        }
        let running = manager.service.is_active();
        if manager.socket.is_enabled() {
            let own = manager.socket.fragment.starts_with(&manager.directory);
            let (verb, mark) =
                if own { ("disable", Mark::Enabled(false)) } else { ("mask", Mark::Masked(true)) };
            let purpose = "leave no socket that starts it";
            self.plan.steps.push(Step::systemctl(&[verb, SOCKET_NAME], purpose, mark));
        }
        if running {
            self.note("the agent runs as a service now: its keys end with the last logout");
        } else if manager.socket.is_active() {
            self.plan.steps.push(Step::systemctl(&["stop", SOCKET_NAME], "nor one that listens", Mark::None));
        }
    }

    /// macOS. launchd binds the socket when it learns of the job, whoever has it: not while an agent lives there.
    pub(super) fn launchd(&mut self, loaded: bool, here: bool) {
        let home = &self.facts.homes.home;
        let path = home.join("Library/LaunchAgents/myagent.plist");
        let log = home.join("Library/Logs/myagent.log");
        // launchd makes no directory.
        if let Some(directory) = self.facts.socket.parent() {
            if matches!((self.look)(directory), Existing::Absent) {
                self.plan.steps.push(Step::Private { path: directory.to_owned() });
            }
        }
        let before = self.plan.steps.len();
        self.file(path.clone(), units::plist(&self.plan.program, &self.facts.socket, &log));
        let changed = self.plan.steps.len() > before;
        let (path, domain) = (path.to_string_lossy().into_owned(), format!("gui/{}", self.facts.uid));
        let bootstrap = ["launchctl", "bootstrap", &domain, &path];
        match &self.facts.living {
            _ if loaded && !changed => {}
            _ if loaded => self.note(format!(
                "launchd keeps the old job until the next login; or now, without the agent's keys: launchctl bootout \
                 {domain}/myagent; {}",
                bootstrap.join(" ")
            )),
            Some(socket) => self.note(format!(
                "an agent answers at {} and keeps its keys. launchd takes over at the next login, and that agent is not \
                 found any more: end it before. Or now, without those keys: myagent stop && {}",
                socket.display(),
                bootstrap.join(" ")
            )),
            None if !here => self.note("launchd starts the agent at the next login at the screen"),
            None => {
                let purpose = "have launchd start the agent, now and at each login";
                self.plan.steps.push(Step::run(&bootstrap, purpose, Mark::Enabled(true)));
            }
        }
    }
}
