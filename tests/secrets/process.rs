//! What root is shown of another process, beside its memory as it lies there.

use super::scan::Found;
use super::support::{Scratch, run};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes of the key that seals the others: AES-256, at the beginning of its memory.
const WRAPPING_KEY_LEN: usize = 32;

/// A core image of a process that goes on.
pub(crate) fn core_of(scratch: &Scratch, pid: u32) -> PathBuf {
    let prefix = scratch.path("core");
    let (status, out, error) = run(scratch.command("gcore").arg("-o").arg(&prefix).arg(pid.to_string()));
    assert_eq!(status, 0, "{out}{error}");
    scratch.path(&format!("core.{pid}"))
}

/// A core image without memory: what the threads have in their registers.
pub(crate) fn registers_of(scratch: &Scratch, pid: u32) -> PathBuf {
    let filter = format!("/proc/{pid}/coredump_filter");
    let usual = std::fs::read_to_string(&filter).unwrap();
    std::fs::write(&filter, "0").unwrap();
    let core = core_of(scratch, pid);
    std::fs::write(&filter, format!("0x{usual}")).unwrap();
    core
}

/// What the table calls the key that seals the others.
pub(crate) const WRAPPING_KEY: &str = "wrapping-key";

/// The key that seals the others, where root can read it.
pub(crate) fn wrapping_key_of(pid: u32) -> [u8; WRAPPING_KEY_LEN] {
    let start = u64::from_str_radix(wrapping_region_of(pid).split('-').next().unwrap(), 16).unwrap();
    let mut key = [0; WRAPPING_KEY_LEN];
    File::open(format!("/proc/{pid}/mem")).unwrap().read_exact_at(&mut key, start).unwrap();
    key
}

/// Takes the wrapping key from what was found in the one place that it has. There it must be.
pub(crate) fn forgive_wrapping_key(pid: u32, found: &mut Found) {
    let own = format!("{WRAPPING_KEY} raw in {}", wrapping_region_of(pid));
    let at = found.hits.iter().position(|hit| *hit == own);
    found.hits.remove(at.expect("the wrapping key is seen where it lies"));
}

/// The one region that is locked, and kept out of core images.
fn wrapping_region_of(pid: u32) -> String {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let (mut region, mut found) = ("", Vec::new());
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("VmFlags:")
                if ["lo", "dd", "wr"].iter().all(|flag| words.clone().any(|word| word == *flag)) =>
            {
                found.push(region);
            }
            Some(first) if !first.ends_with(':') => region = line,
            _ => {}
        }
    }
    assert_eq!(found.len(), 1, "memory that is locked and not dumped: {found:?}");
    found[0].to_owned()
}
