//! What is freed is empty, and what grows leaves nothing.
#![allow(unsafe_code)]

use super::*;
use std::sync::Mutex;

/// A heap that looks at what it gets back before it takes it, so that nothing is read that has been freed.
#[derive(Default)]
struct Inspector {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    freed: Vec<usize>,
    dirty: usize,
    asked_empty: usize,
}

// SAFETY: every block is the system's, and is only read while it is still whole.
unsafe impl GlobalAlloc for Inspector {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.seen.lock().unwrap().asked_empty += 1;
        // SAFETY: as the caller has promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: a whole block, which the tests have written to its last byte.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        let mut seen = self.seen.lock().unwrap();
        seen.freed.push(bytes.len());
        seen.dirty += bytes.iter().filter(|byte| **byte != 0).count();
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
        panic!("a block that is moved by another leaves its bytes behind");
    }
}

/// The heap under test, over one that sees what is left.
fn watched() -> Wiping<Inspector> {
    Wiping(Inspector::default())
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len, 16).unwrap()
}

/// A block of so many bytes, all of them written.
fn written(heap: &impl GlobalAlloc, len: usize) -> *mut u8 {
    // SAFETY: the length is not zero.
    let block = unsafe { heap.alloc(layout(len)) };
    assert!(!block.is_null());
    // SAFETY: the block has as many bytes.
    unsafe { block.write_bytes(0xa5, len) };
    block
}

#[test]
fn what_is_freed_is_empty() {
    let heap = watched();
    for len in [1, 15, 4096, 100_001] {
        let block = written(&heap, len);
        // SAFETY: it came from this heap, with this layout.
        unsafe { heap.dealloc(block, layout(len)) };
    }
    let seen = heap.0.seen.into_inner().unwrap();
    assert_eq!((seen.freed, seen.dirty), (vec![1, 15, 4096, 100_001], 0));
}

/// The inspector is not blind.
#[test]
fn what_nobody_wipes_is_seen() {
    let heap = Inspector::default();
    let block = written(&heap, 100);
    // SAFETY: it came from this heap, with this layout.
    unsafe { heap.dealloc(block, layout(100)) };
    assert_eq!(heap.seen.into_inner().unwrap().dirty, 100);
}

#[test]
fn a_block_that_grows_or_shrinks_leaves_nothing_where_it_was() {
    for (len, next) in [(100, 10_000), (10_000, 100), (64, 65)] {
        let heap = watched();
        let block = written(&heap, len);
        // SAFETY: it came from this heap, with this layout; the new length is not zero.
        let moved = unsafe { heap.realloc(block, layout(len), next) };
        // SAFETY: a block of `next` bytes, of which the lesser of both lengths are written.
        let kept = unsafe { std::slice::from_raw_parts(moved, len.min(next)) };
        assert!(kept.iter().all(|byte| *byte == 0xa5));
        let seen = heap.0.seen.lock().unwrap();
        assert_eq!((seen.freed.clone(), seen.dirty), (vec![len], 0));
        drop(seen);
        // SAFETY: its own layout by now; what was not written is not read by the system's heap.
        unsafe { System.dealloc(moved, layout(next)) };
    }
}

#[test]
fn an_empty_block_is_the_systems_own() {
    let heap = watched();
    // SAFETY: the length is not zero.
    let block = unsafe { heap.alloc_zeroed(layout(1 << 20)) };
    // SAFETY: it came from this heap, with this layout.
    unsafe { heap.dealloc(block, layout(1 << 20)) };
    assert_eq!(heap.0.seen.into_inner().unwrap().asked_empty, 1);
}
