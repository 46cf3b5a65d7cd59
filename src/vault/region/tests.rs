//! The region, of each kind: what of it a child, a dump or the swap has.
#![allow(unsafe_code)]

use super::*;

#[cfg(target_os = "linux")]
const KINDS: [Wish; 2] = [Wish::Memfd, Wish::Locked];

/// The key page's first bytes as the kernel reads them in a forked child: what it writes into a pipe.
#[cfg(target_os = "linux")]
fn seen_by_a_child(region: &Region) -> Vec<u8> {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let (ours, theirs) = nix::unistd::pipe().unwrap();
    let (fd, base) = (theirs.as_raw_fd(), region.base.as_ptr());
    // SAFETY: the child makes two system calls, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: where the pages are not mapped the kernel says so, and writes nothing.
        let _ = unsafe { libc::write(fd, base.cast(), 32) };
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    drop(theirs);
    let mut seen = Vec::new();
    std::fs::File::from(ours).read_to_end(&mut seen).unwrap();
    // SAFETY: waits for the child that was begun above.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
    seen
}

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_has_nothing_of_it() {
    for wish in KINDS {
        let mut region = Region::new(wish).unwrap();
        region.key_mut(32).fill(7);
        let seen = seen_by_a_child(&region);
        let expected = if region.kind == Kind::MemfdSecret { &[][..] } else { &[0; 32] };
        assert_eq!(seen, expected, "{:?}", region.kind);
        assert_eq!(region.key(32), [7; 32]);
    }
}

/// What the kernel knows of the mapping, in its two-letter words.
#[cfg(target_os = "linux")]
fn flags(region: &Region) -> String {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let begin = format!("{:x}-", region.base.as_ptr() as usize);
    let lines = smaps.lines().skip_while(|line| !line.starts_with(&begin));
    lines.filter_map(|line| line.strip_prefix("VmFlags:")).map(str::to_owned).next().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn it_is_neither_dumped_nor_swapped_nor_inherited() {
    for wish in KINDS {
        let region = Region::new(wish).unwrap();
        // Locked, left out of dumps, and: not copied by a fork, or wiped by it.
        let forked = if region.kind == Kind::MemfdSecret { "dc" } else { "wf" };
        let flags = flags(&region);
        for flag in ["lo", "dd", forked] {
            assert!(flags.split(' ').any(|set| set == flag), "{flag}: {flags}, {:?}", region.kind);
        }
    }
}

/// The way of a system without memfd_secret, which the machine that tests may have.
#[test]
fn guarded_memory_is_writable_to_its_last_byte_and_begins_a_page() {
    let len = KEY_PAGE + 2 * SLOT_LEN;
    let base = map_guarded(len).unwrap();
    assert_eq!(base.as_ptr() as usize % guard(), 0);
    // SAFETY: the range was mapped just now and belongs to nobody else.
    unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), len) }.fill(1);
    unmap(base, len, guard());
}
