//! Whether this machine can hibernate: memory of `memfd_secret(2)` would keep it from doing so.
//!
//! Must be asked before the first such memory exists, since that hides the possibility.
#![forbid(unsafe_code)]

use std::fs::read_to_string;

/// True where the kernel offers to suspend to disk and there is a place to write to.
#[must_use]
pub fn is_possible() -> bool {
    let read = |path| read_to_string(path).unwrap_or_default();
    offered(&read("/sys/power/state"))
        && (has_disk_swap(&read("/proc/swaps"))
            || has_resume_device(&read("/sys/power/resume"))
            || names_resume(&read("/proc/cmdline")))
}

fn offered(states: &str) -> bool {
    states.split_whitespace().any(|state| state == "disk")
}

/// Swap in compressed memory does not outlive the power.
fn has_disk_swap(swaps: &str) -> bool {
    swaps.lines().skip(1).any(|line| !line.starts_with("/dev/zram"))
}

fn has_resume_device(device: &str) -> bool {
    !matches!(device.trim(), "" | "0:0")
}

fn names_resume(command_line: &str) -> bool {
    command_line.split_whitespace().any(|word| word.starts_with("resume="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_suspend_to_disk_counts() {
        assert!(offered("freeze mem disk\n"));
        assert!(!offered("freeze mem\n") && !offered(""));
    }

    #[test]
    fn places_to_write_to() {
        let head = "Filename\tType\tSize\tUsed\tPriority\n";
        assert!(!has_disk_swap(head) && !has_disk_swap(""));
        assert!(!has_disk_swap(&format!("{head}/dev/zram0 partition 8 0 100\n")));
        assert!(has_disk_swap(&format!("{head}/dev/zram0 partition 8 0 100\n/swapfile file 8 0 -2\n")));
        assert!(has_resume_device("259:3\n") && !has_resume_device("0:0\n") && !has_resume_device(""));
        assert!(names_resume("quiet resume=UUID=1 ro") && !names_resume("quiet noresume ro"));
    }
}
