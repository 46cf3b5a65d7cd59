//! The net below everything: an allocator that wipes what is freed.
//!
//! Secrets have memory of their own, which is wiped by whoever holds it. What a library copies without a word, a
//! vector leaves behind when it grows, or somebody forgets, ends here.
//! Guarantees: no block goes back to the system's heap, or to the next one who asks, with a byte of what it held, also
//! when it grows or shrinks; memory that is asked for empty costs no more than the system makes it cost.
//! Must never: change what a living block holds; be the only thing that wipes a secret.
//!
//! The program installs it (main.rs), the library does not: its tests, its fuzzers and its benches choose for
//! themselves, and a test that finds a secret must not owe its peace to this.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

/// Gives what `A` gives, and wipes it before `A` has it back.
pub struct Wiping<A = System>(A);

impl Wiping {
    /// Over the system's heap.
    #[must_use]
    pub const fn new() -> Self {
        Self(System)
    }
}

impl Default for Wiping {
    fn default() -> Self {
        Self::new()
    }
}

// No `realloc`: the provided one takes a new block, copies, and frees the old one here. The system's would move the
// bytes, and leave the old ones behind.
// SAFETY: blocks are `A`'s, which keeps the contract; one is written to only while it is given back.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Wiping<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has promised.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has promised.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has as many bytes, and nobody uses it any more. They may never have been written.
        unsafe { block.write_bytes(0, layout.size()) };
        // SAFETY: as above, and now they have been.
        let zeros = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        // Zeros that nobody reads before `free` the compiler would leave out.
        zeroize::optimization_barrier(zeros);
        // SAFETY: as the caller has promised.
        unsafe { self.0.dealloc(block, layout) };
    }
}

#[cfg(test)]
mod tests;
