//! What the program frees is empty: the net below all that is wiped on purpose.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::memory::Rig;
use super::refusing::Refused;
use super::stacks::KEYS;
use super::wire;

/// No secret, so that nothing but the allocator wipes it: a comment, longer than what is allocated and freed all the time.
const COMMENT: usize = 3000;

/// A piece of it that nothing else holds.
const PIECE: &[u8] = b"<a piece of a comment>";

/// How often the piece is in the agent's memory.
fn pieces(pid: u32) -> usize {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let (mut found, mut read) = (0, 0);
    for region in maps.lines().filter(|region| region.contains(" rw")) {
        let (start, end) = region.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // What cannot be read is no heap: memory of memfd_secret, the kernel's own pages.
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            read += bytes.len();
            found += bytes.windows(PIECE.len()).filter(|place| *place == PIECE).count();
        }
    }
    assert!(read > 500 * 1024, "hardly anything was read");
    found
}

#[test]
#[ignore = "needs root: it reads the agent's memory"]
fn what_was_freed_is_gone() {
    let rig = Rig::new("auto", Refused::default());
    let (name, key) = &KEYS[0];
    let comment: Vec<u8> = PIECE.iter().copied().cycle().take(COMMENT).collect();
    assert_eq!(pieces(rig.agent.pid()), 0);
    rig.conn().expect(&wire::add(&key.private, &comment), wire::SUCCESS);
    assert!(rig.conn().comments().iter().any(|held| held.as_bytes() == comment), "{name}");
    // Seen as long as it is held, so that the look is not blind.
    assert!(pieces(rig.agent.pid()) >= COMMENT / PIECE.len());
    rig.conn().expect(&wire::remove(&key.blob), wire::SUCCESS);
    assert_eq!(pieces(rig.agent.pid()), 0);
}
