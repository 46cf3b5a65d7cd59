//! Handovers in the midst of it.

use crate::Stage;
use crate::hsm::command;
use crate::support::run;
use crate::world::World;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two of them.
const REST: Duration = Duration::from_secs(2);

/// In the second half.
pub(crate) fn again_and_again(stage: &Stage<'_>, world: &World) {
    while !stage.is_over() {
        if stage.is_calm() {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        }
        let mut restart = command(&world.scratch, world.scratch.path("myagent"));
        let (status, out, error) = run(restart.arg("restart").env("MYAGENT_SOCK", &stage.targets.open));
        assert_eq!(status, 0, "{out}{error}");
        stage.figures.restarts.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(REST);
    }
}
