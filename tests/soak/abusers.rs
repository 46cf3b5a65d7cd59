//! Those who mean harm, in a process of their own: the agent tells processes apart.

use crate::figures::Figures;
use crate::support::wait_until;
use crate::targets::Targets;
use crate::world::{World, allow_many_descriptors};
use crate::{Stage, broken, greedy, guessing, lasts, person, slow};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Names the directory of the targets, where this program is to abuse them.
const DIRECTORY: &str = "MYAGENT_SOAK_ABUSES";

/// Where the figures are left, in that directory.
const FIGURES: &str = "abuse";

const ALL: &[fn(&Stage<'_>)] = &[
    person::leave_questions_open,
    slow::say_nothing,
    slow::say_little,
    slow::never_read,
    greedy::send_the_largest,
    greedy::open_and_hold,
    greedy::connect_and_leave,
    broken::hang_up_anywhere,
    broken::send_nonsense,
    guessing::guess,
];

/// Does what the abusers' process is for, where this is it.
pub(crate) fn this_is_their_process() -> bool {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return false };
    allow_many_descriptors();
    let (targets, figures) = (Targets::read(&directory), Figures::of_abuse());
    let broken_off = AtomicBool::new(false);
    let stage = Stage {
        targets: &targets,
        figures: &figures,
        begun: Instant::now(),
        lasts: lasts(),
        broken_off: &broken_off,
        awaited: 0,
    };
    std::thread::scope(|scope| ALL.iter().for_each(|abuser| drop(scope.spawn(|| abuser(&stage)))));
    std::fs::write(directory.join(FIGURES), figures.abuse()).unwrap();
    true
}

/// The process, ended with the test.
pub(crate) struct Process {
    child: Child,
    figures: PathBuf,
}

impl Process {
    pub(crate) fn start(world: &World) -> Self {
        let directory = world.scratch.path("");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--include-ignored", "--exact", "all_of_it_at_once"]).env(DIRECTORY, &directory);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        Self { child, figures: directory.join(FIGURES) }
    }

    /// Waits for its end, and takes its figures over.
    pub(crate) fn ended(mut self, figures: &Figures) {
        let mut status = None;
        wait_until("the abusers have ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.is_some_and(|status| status.success()), "the abusers failed");
        figures.take_over(&std::fs::read_to_string(&self.figures).unwrap());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
