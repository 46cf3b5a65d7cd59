//! `--secret-memory auto`: memory that would stop hibernation is left alone where the machine can hibernate, and what was
//! decided once holds for all next programs.

use myagent::control::State;
use std::path::Path;

use super::memory::Rig;
use super::refusing::{Refused, kernel_has_secret_memory};
use super::stacks::KEYS;
use super::support::Scratch;
use super::wire;

const BETTER: &str = "no other process reads";
const HIBERNATION: &str = "would stop hibernation";

/// What the kernel says in place of its own: the files that are shown to the agent.
struct Kernel {
    scratch: Scratch,
}

impl Kernel {
    fn saying(states: &str, swaps: &str, command_line: &str) -> Self {
        let scratch = Scratch::new();
        for (name, text) in [("state", states), ("swaps", swaps), ("cmdline", command_line)] {
            std::fs::write(scratch.path(name), text).unwrap();
        }
        Self { scratch }
    }

    /// The agent in a mount namespace in which the kernel says that.
    fn agent(&self, option: &str) -> Rig {
        let mounts = "for file in /sys/power/state /proc/swaps /proc/cmdline; do
            mount --bind \"$0/${file##*/}\" \"$file\" || exit; done; exec \"$@\"";
        let directory: &Path = &self.scratch.path("");
        Rig::with(option, Refused::default(), |scratch, program| {
            let mut command = scratch.command("unshare");
            command.args(["--mount", "sh", "-c", mounts]).arg(directory).arg(program);
            command
        })
    }
}

const HEAD: &str = "Filename\tType\tSize\tUsed\tPriority\n";

#[test]
#[ignore = "needs root, unshare, mount: it shows the agent another kernel's words"]
fn auto_leaves_hibernation_alone() {
    assert!(kernel_has_secret_memory(), "auto has nothing to choose on a kernel without memfd_secret");
    let (disk, zram) =
        (format!("{HEAD}/swapfile file 8 0 -2\n"), format!("{HEAD}/dev/zram0 partition 8 0 100\n"));
    for (option, states, swaps, command_line, words) in [
        ("auto", "freeze mem disk\n", &*disk, "quiet\n", HIBERNATION),
        ("auto", "freeze mem disk\n", HEAD, "quiet resume=/dev/sda2\n", HIBERNATION),
        ("auto", "freeze mem disk\n", &zram, "quiet\n", BETTER),
        ("auto", "freeze mem\n", &disk, "resume=/dev/sda2\n", BETTER),
        ("memfd", "freeze mem disk\n", &disk, "quiet\n", BETTER),
        ("mlock", "freeze mem\n", HEAD, "quiet\n", HIBERNATION),
    ] {
        let kernel = Kernel::saying(states, swaps, command_line);
        let memory = kernel.agent(option).memory();
        assert!(memory.state == State::On && memory.detail.contains(words), "{option} {states}: {memory:?}");
    }
}

#[test]
#[ignore = "needs root, unshare, mount: it shows the agent another kernel's words"]
fn what_auto_has_decided_holds_after_a_restart() {
    let disk = format!("{HEAD}/swapfile file 8 0 -2\n");
    for (before, after, words) in
        [("freeze disk\n", "freeze\n", HIBERNATION), ("freeze\n", "freeze disk\n", BETTER)]
    {
        let kernel = Kernel::saying(before, &disk, "quiet\n");
        let rig = kernel.agent("auto");
        rig.conn().expect(&wire::add(&KEYS[0].1.private, b"mine"), wire::SUCCESS);
        std::fs::write(kernel.scratch.path("state"), after).unwrap();
        for _ in 0..2 {
            assert!(rig.memory().detail.contains(words), "{:?}", rig.memory());
            rig.restart();
        }
        assert_eq!(rig.conn().comments(), ["mine"]);
    }
}
